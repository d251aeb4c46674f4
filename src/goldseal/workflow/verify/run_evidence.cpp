// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/verify/run_evidence.hpp>

#include <checks/observation.hpp>
#include <goldseal/base/base64.hpp>
#include <goldseal/golden/compare/error_distribution.hpp>
#include <goldseal/golden/images/jpeg.hpp>
#include <goldseal/golden/images/thumbnail.hpp>
#include <goldseal/workflow/shared/aligned_run.hpp>

#include <utility>

namespace goldseal {
namespace {

constexpr int k_quality = 88;  // a photograph of 240 pixels takes about 15 kB

bool comparable(const HostTensor* found, const HostTensor& reference) {
  return found != nullptr && found->shape == reference.shape && converts_to_double(found->dtype);
}

}  // namespace

void note_distributions(const golden::GoldenTensors& sealed, const CaseResults& results,
                        const std::optional<Device>& device, Distributions& distributions) {
  const auto note = [&](const golden::GoldenOutput& output, const AlignedRun& run, Compute compute) {
    const auto* const found = run.find(output.native.name);
    if (!comparable(found, *output.reference)) return;
    distributions[{run_name(results.golden_case, device), output.native.name, compute}] =
        golden::error_distribution(*found, *output.reference, *output.noise);
  };
  const AlignedRun native(sealed, results.native);
  const AlignedRun wide(sealed, results.float64);
  for (const auto& output : sealed.outputs) {
    if (!output.reference || !output.noise) continue;
    note(output, native, Compute::native);
    note(output, wide, Compute::float64);
  }
}

void note_picture(const HostTensor& tensor, std::string title, std::vector<Picture>& pictures) {
  const auto picture = golden::thumbnail_of(tensor);
  if (!picture) return;
  pictures.push_back({std::move(title), "image/jpeg", base64(golden::encode_jpeg(*picture, k_quality))});
}

void note_picture(const golden::Picture& picture, std::string title, std::vector<Picture>& pictures) {
  note_picture(make_tensor("picture", DType::uint8, {picture.height, picture.width, 3}, picture.pixels),
               std::move(title), pictures);
}

}  // namespace goldseal

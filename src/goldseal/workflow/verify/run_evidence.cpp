// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/verify/run_evidence.hpp>

#include <checks/observation.hpp>
#include <goldseal/base/bytes/base64.hpp>
#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/golden/compare/error_distribution.hpp>
#include <goldseal/golden/images/jpeg.hpp>
#include <goldseal/golden/images/thumbnail.hpp>
#include <goldseal/workflow/answers/aligned_run.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>
#include <utility>

namespace goldseal {
namespace {

constexpr int k_quality = 88;  // a photograph of 240 pixels takes about 15 kB

bool comparable(const HostTensor* found, const HostTensor& reference) {
  return found != nullptr && found->shape == reference.shape && converts_to_double(found->dtype);
}

// Of its type, shape and bytes.
Digest digest_of(const HostTensor& tensor) {
  Sha256 digest;
  auto head = std::string(to_string(tensor.dtype));
  for (const auto size : tensor.shape) head += fmt::format(" {}", size);
  head += '\n';
  digest.update(std::as_bytes(std::span(head)));
  digest.update(tensor.bytes);
  return digest.finish();
}

// Inputs by their names, whatever order a worker was given them in.
std::string digest_of(std::vector<HostTensor> inputs) {
  std::ranges::sort(inputs, {}, &HostTensor::name);
  std::string digests;
  for (const auto& input : inputs) digests += fmt::format("{} {}\n", to_hex(digest_of(input)), input.name);
  return to_hex(sha256(digests));
}

std::vector<OutputDigest> digests_of(const golden::GoldenTensors& sealed, const std::vector<HostTensor>& outputs,
                                     bool compared) {
  std::vector<OutputDigest> digests;
  for (const auto& output : outputs) {
    if (std::ranges::find(sealed.random, output.name, &GoldenTensor::name) != sealed.random.end()) continue;
    const auto own = std::ranges::find(sealed.outputs, output.name, [](const golden::GoldenOutput& o) { return o.native.name; });
    digests.push_back({output.name, to_hex(digest_of(output)),
                       compared && own != sealed.outputs.end() ? to_hex(digest_of(own->native)) : std::string()});
  }
  return digests;
}

}  // namespace

void note_digests(const golden::GoldenTensors& sealed, const CaseResults& results, const Device& device,
                  const std::string& gpu, std::vector<RunDigest>& runs) {
  const auto inputs = digest_of(sealed.inputs);
  const auto note = [&](std::string_view run, const std::vector<HostTensor>& outputs, bool compared) {
    auto digests = digests_of(sealed, outputs, compared);
    if (digests.empty()) return;
    runs.push_back({results.golden_case, device.text(), gpu, std::string(run), inputs, std::move(digests)});
  };
  note("native", results.native, true);
  note("native again", results.again, false);
  note("float64", results.float64, false);
}

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

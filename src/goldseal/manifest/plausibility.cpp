// SPDX-License-Identifier: Apache-2.0
#include <goldseal/manifest/plausibility.hpp>

#include <goldseal/base/bytes/checked.hpp>
#include <goldseal/base/messages/digits.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <string_view>
#include <utility>

namespace goldseal {
namespace {

// K is 8; a capture that takes more has every run in the seal's history, and no reason for a thousand.
constexpr std::int64_t k_most_probes = 1024;
// Rows of detections, and layers of a network: far beyond what fits into a golden file.
constexpr std::int64_t k_most_counted = 1LL << 31;
// Of a tensor.
constexpr std::int64_t k_most_dimensions = 64;
// 2^60 bytes: no file system holds such a file.
constexpr std::uint64_t k_most_bytes = 1ULL << 60U;

class Reviewer {
 public:
  explicit Reviewer(const std::string& where) : m_where(where) {}

  void review(const Manifest& manifest) const {
    review_files(manifest.model.files);
    review_tensors(manifest.model.tensors);
    std::set<std::string_view> names;
    for (const auto& golden : manifest.golden) {
      if (!names.insert(golden.name).second) fail("golden", golden.name, "stands twice");
      review_case(golden);
    }
    if (manifest.batch) review_batch(*manifest.batch);
    for (const auto& golden : manifest.golden) review_in_batch(manifest, names, golden);
  }

 private:
  void review_batch(const BatchRecord& batch) const {
    if (batch.size < k_least_batch || batch.size > k_most_batch)
      fail("batch", "size", fmt::format("is {}, expected {} to {}", batch.size, k_least_batch, k_most_batch));
    std::set<std::string_view> names;
    for (const auto& input : batch.inputs) {
      if (!names.insert(input.name).second) fail("batch.input", input.name, "stands twice");
      if (input.dimension && (*input.dimension < 0 || *input.dimension > k_most_dimensions))
        fail("batch.input", input.name, fmt::format("has the dimension {}", *input.dimension));
      if (input.pad && !std::isfinite(*input.pad)) fail("batch.input", input.name, "is padded with no number");
    }
  }

  // `~3`, `~1+`: made of the case itself.
  static bool is_derived(std::string_view name) {
    if (!name.starts_with('~')) return false;
    name.remove_prefix(1);
    if (name.ends_with('+')) name.remove_suffix(1);
    return name.size() <= 4 && is_all_digits(name);
  }

  void review_in_batch(const Manifest& manifest, const std::set<std::string_view>& names,
                       const GoldenCase& golden) const {
    if (golden.beside.empty()) return;
    if (!manifest.batch || std::cmp_not_equal(golden.beside.size() + 1, manifest.batch->size))
      fail("golden", golden.name, "stands in a batch of another size than [batch] says");
    for (const auto& name : golden.beside)
      if (!names.contains(name) && !is_derived(name))
        fail("golden.beside", name, "is neither a case nor made of one");
    for (const auto& how : manifest.batch->inputs) {
      const auto input = std::ranges::find(golden.inputs, how.name, &GoldenTensor::name);
      if (how.dimension && input != golden.inputs.end() && std::cmp_greater_equal(*how.dimension, input->shape.size()))
        fail("batch.input", how.name, fmt::format("has no dimension {}", *how.dimension));
    }
    std::set<std::string_view> placed;
    for (const auto& output : golden.batch_outputs) {
      const auto found = std::ranges::find(golden.outputs, output.name, &GoldenTensor::name);
      if (found == golden.outputs.end() || !placed.insert(output.name).second)
        fail("golden.batch_output", output.name, "is of no output, or stands twice");
      for (const auto dimension : output.dimensions)
        if (dimension < 0 || std::cmp_greater_equal(dimension, found->shape.size()))
          fail("golden.batch_output", output.name, fmt::format("has no dimension {}", dimension));
      if (output.added && (*output.added < 0 || std::cmp_greater(*output.added, found->shape.size())))
        fail("golden.batch_output", output.name, fmt::format("has no place for a dimension {}", *output.added));
    }
    if (placed.size() != golden.outputs.size()) fail("golden", golden.name, "has outputs without a place in a batch");
  }

  void review_files(const std::vector<FileRecord>& files) const {
    std::size_t checkpoints = 0;
    for (const auto& file : files) {
      checkpoints += file.role == FileRole::checkpoint ? 1U : 0U;
      if (file.bytes > k_most_bytes) fail("model.file", file.path, fmt::format("has {} bytes", file.bytes));
      if (file.path.empty()) fail("model.file", to_string(file.role), "has no path");
      if (file.role == FileRole::embedded && is_reserved(file.path))
        fail("model.file", file.path, "is not the name of an embedded file");
    }
    if (checkpoints != 1)
      fail("model.file", "checkpoint", fmt::format("is expected once, found {} times", checkpoints));
  }

  static bool is_reserved(std::string_view path) {
    return path == "." || path == ".." || path == k_manifest_name || path == k_golden_name;
  }

  void review_tensors(const std::vector<TensorRecord>& tensors) const {
    std::set<std::string_view> names;
    for (const auto& tensor : tensors) {
      if (!names.insert(tensor.name).second) fail("model.tensor", tensor.name, "stands twice");
      review_shape("model.tensor", tensor.name, tensor.dtype, tensor.shape);
    }
    for (const auto& tensor : tensors) {
      if (!tensor.alias_of.empty() && !names.contains(tensor.alias_of))
        fail("model.tensor", tensor.name,
             fmt::format("shares the memory of '{}', which is not there", escape_unprintable(tensor.alias_of)));
    }
  }

  void review_shape(std::string_view kind, const std::string& name, DType dtype,
                    const std::vector<std::int64_t>& shape) const {
    const auto count = checked_numel(shape);
    const auto bytes =
        count ? checked_multiply(*count, static_cast<std::int64_t>(std::max<std::size_t>(item_size(dtype), 1)))
              : std::nullopt;
    if (!bytes || static_cast<std::uint64_t>(*bytes) > k_most_bytes)
      fail(kind, name, fmt::format("has the shape {}, which no memory holds", format_shape(shape)));
  }

  void review_case(const GoldenCase& golden) const {
    review_names("golden.input", golden.inputs);
    const auto outputs = review_names("golden.output", golden.outputs);
    review_count("golden", golden.name, "probes", golden.probes, k_most_probes);
    review_count("golden", golden.name, "seeds", static_cast<std::int64_t>(golden.seeds.size()), k_most_probes);
    review_count("golden", golden.name, "layers", golden.layers, k_most_counted);
    std::set<std::string_view> judged;
    for (const auto& noise : golden.noise) {
      if (!outputs.contains(noise.output)) fail("golden.noise", noise.output, "is of an output that is not there");
      if (!judged.insert(noise.output).second) fail("golden.noise", noise.output, "stands twice");
      review_noise(noise);
    }
    for (const auto& detections : golden.detections) review_detections(detections, golden.name);
  }

  std::set<std::string_view> review_names(std::string_view kind, const std::vector<GoldenTensor>& tensors) const {
    std::set<std::string_view> names;
    for (const auto& tensor : tensors) {
      if (!names.insert(tensor.name).second) fail(kind, tensor.name, "stands twice");
      review_shape(kind, tensor.name, tensor.dtype, tensor.shape);
    }
    return names;
  }

  // An infinite unit would let every answer pass, and a negative one none.
  void review_noise(const NoiseRecord& noise) const {
    for (const auto& [name, value] : {std::pair{"response_rms", noise.response_rms},
                                      {"rms_amplification", noise.rms_amplification},
                                      {"max_amplification", noise.max_amplification},
                                      {"linearity", noise.linearity}}) {
      if (std::isfinite(value) && value >= 0) continue;
      fail("golden.noise", noise.output, fmt::format("has {} = {}, expected a number of 0 or more", name, value));
    }
  }

  void review_detections(const DetectionRecord& detections, const std::string& golden) const {
    review_count("golden.detections", golden, "others", detections.others, k_most_counted);
    for (const auto row : detections.unsettled)
      review_count("golden.detections", golden, "unsettled", row, k_most_counted);
  }

  void review_count(std::string_view kind, const std::string& name, std::string_view key, std::int64_t count,
                    std::int64_t most) const {
    if (count < 0 || count > most) fail(kind, name, fmt::format("has {} = {}, expected 0 to {}", key, count, most));
  }

  [[noreturn]] void fail(std::string_view kind, std::string_view name, std::string_view what) const {
    throw Error(ErrorKind::malformed, m_where, fmt::format("{}: '{}' {}", kind, escape_unprintable(name), what),
                "do not use this seal: no version of goldseal writes this; have it captured again where it comes from");
  }

  const std::string& m_where;
};

}  // namespace

void require_plausible(const Manifest& manifest, const std::string& where) { Reviewer(where).review(manifest); }

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/detections/detection_verdict.hpp>

#include <goldseal/golden/detections/detection_rows.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

namespace goldseal::golden {
namespace {

// A message shows the beginning of a long row (a mask, a keypoint list).
constexpr std::size_t k_told_values = 6;

std::string_view last_part(std::string_view name) { return name.substr(name.rfind('.') + 1); }

std::string tell_values(const HostTensor& output, std::size_t row) {
  const auto columns = columns_of(output);
  std::vector<std::string> values;
  for (std::size_t i = 0; i < std::min(columns, k_told_values); ++i)
    values.push_back(fmt::format("{:.4g}", element_as_double(output, row * columns + i)));
  if (columns == 1) return values.front();
  return fmt::format("({}{})", fmt::join(values, ", "), columns > k_told_values ? ", …" : "");
}

}  // namespace

std::string describe_row(std::span<const HostTensor> outputs, std::size_t row) {
  std::vector<std::string> parts;
  for (const auto& output : outputs)
    parts.push_back(fmt::format("{} {}", last_part(output.name), tell_values(output, row)));
  return fmt::format("{}", fmt::join(parts, ", "));
}

DetectionVerdict judge_detections(const SealedDetections& detections, std::span<const HostTensor> sealed,
                                  std::span<const HostTensor> found, const AlignedDetections& aligned) {
  const auto is_unsettled = [&](std::size_t row) {
    return std::ranges::find(detections.unsettled, row) != detections.unsettled.end();
  };
  DetectionVerdict verdict;
  verdict.unsettled = detections.unsettled.size();
  verdict.sealed = aligned.rows.size() - verdict.unsettled;
  verdict.found = rows_of(found.front());
  for (std::size_t row = 0; row < aligned.rows.size(); ++row)
    if (!aligned.rows[row] && !is_unsettled(row)) verdict.missing.push_back(describe_row(sealed, row));
  verdict.out_of_order = detections.ordered && !in_order(aligned.rows, detections.unsettled);
  if (aligned.strangers.empty()) return verdict;
  std::vector<HostTensor> strangers;
  for (const auto& output : found) strangers.push_back(only_rows(output, aligned.strangers));
  std::vector<std::size_t> strange(aligned.strangers.size());
  std::iota(strange.begin(), strange.end(), 0U);
  if (!detections.others.empty()) {
    if (const auto known = align_detections(detections.others, strangers)) strange = known->strangers;
  }
  for (const auto row : strange) verdict.strange.push_back(describe_row(strangers, row));
  return verdict;
}

}  // namespace goldseal::golden

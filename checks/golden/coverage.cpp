// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

constexpr std::size_t k_most_rows = 20;
constexpr std::size_t k_most_named = 3;

std::string share_of(const TensorCoverage& tensor) {
  return fmt::format("{:.1f} %", 100 * static_cast<double>(tensor.reached) / static_cast<double>(tensor.elements));
}

Table table_of(const std::vector<TensorCoverage>& coverage) {
  Table table{"tensors that the golden cases reach less than half of", {"tensor", "elements", "reached", ""}, {}};
  for (const auto& tensor : coverage) {
    if (tensor.elements == 0 || 2 * tensor.reached >= tensor.elements || table.total++ >= k_most_rows) continue;
    table.rows.push_back(
        {tensor.name, std::to_string(tensor.elements), std::to_string(tensor.reached), share_of(tensor)});
  }
  return table;
}

std::vector<std::string> unreached(const std::vector<TensorCoverage>& coverage) {
  std::vector<std::string> names;
  for (const auto& tensor : coverage)
    if (tensor.elements > 0 && tensor.reached == 0) names.push_back(tensor.name);
  return names;
}

Finding judge_tensors(const Observation& observed, const CheckSettings&) {
  if (!observed.capture.coverage)
    return skipped("the network cannot be differentiated, so what the golden cases leave out was not measured");
  const auto& coverage = *observed.capture.coverage;
  const auto left_out = unreached(coverage);
  auto finding = passed(fmt::format("the golden cases exercise every one of {} floating tensors", coverage.size()));
  if (!left_out.empty()) {
    finding.status = Status::fail;
    finding.message = fmt::format(
        "{} of {} floating tensors change no golden answer, whatever they hold; only their digests vouch for them: "
        "{}{}",
        left_out.size(), coverage.size(),
        fmt::join(std::span(left_out).first(std::min(left_out.size(), k_most_named)), ", "),
        left_out.size() > k_most_named ? " …" : "");
    // B13: a fresh adapter.
    if (std::ranges::all_of(left_out, [](const std::string& name) { return name.find("lora_A") != std::string::npos; }))
      finding.message += "; of a LoRA adapter lora_A changes nothing while lora_B is zero, as before its training";
    finding.remedy = "add a case that uses them (--cases DIR), if the model does";
  }
  finding.measurements.push_back({"blind", static_cast<double>(left_out.size()), std::nullopt, "tensors"});
  if (auto table = table_of(coverage); !table.rows.empty()) finding.tables.push_back(std::move(table));
  return finding;
}

}  // namespace

const Check k_golden_coverage{
    .id = "golden.coverage",
    .title = "The golden cases exercise every tensor",
    .explanation =
        "Asked by capture. A backward pass counts the elements of each floating tensor that the golden answers depend "
        "on; a tensor of which none is reached is moved by several times its size, and named where still no bit of "
        "the answers changes. A change of such a tensor shows in its digest alone: a case that uses it is missing.",
    .severity = Severity::warn,
    .judge = judge_tensors,
    .asked_by = AskedBy::capture,
};

}  // namespace goldseal

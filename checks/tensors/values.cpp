// SPDX-License-Identifier: Apache-2.0
#include <checks/tensors/values.hpp>

#include <checks/catalogue.hpp>
#include <checks/finding_rows.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal {
namespace {

Finding warned(std::string message, std::string remedy) {
  auto finding = passed(std::move(message));
  finding.status = Status::warn;
  finding.remedy = std::move(remedy);
  return finding;
}

Finding told_zeros(std::span<const std::string> runs) {
  auto finding = warned(fmt::format("{}{}", runs.front(), runs.size() > 1 ? fmt::format("; {} more such runs", runs.size() - 1) : ""),
                        "a copy or download that stopped leaves this: compare the file's SHA-256 with its source, or copy it "
                        "again; where the network is meant to hold these zeros, nothing is wrong");
  Table table{"zeros that begin or end in the midst of a row", {"where"}, {}, runs.size()};
  for (const auto& run : runs.first(std::min(runs.size(), k_finding_rows))) table.rows.push_back({run});
  finding.tables.push_back(std::move(table));
  return finding;
}

Finding told_non_finite(std::span<const NonFiniteTensor> tensors) {
  const auto& first = tensors.front();
  auto finding = warned(fmt::format("the weights themselves are not finite: {} holds {} NaN and {} infinite{}",
                                    escape_unprintable(first.name), format_count(first.nan), format_count(first.infinite),
                                    tensors.size() > 1 ? fmt::format("; {} tensors in all", tensors.size()) : ""),
                        "take an earlier checkpoint, or convert it again: a training that diverged leaves NaN, and a conversion "
                        "to float16 leaves infinity of what is beyond 65,504");
  Table table{"tensors that are not finite", {"tensor", "NaN", "infinite"}, {}, tensors.size()};
  for (const auto& tensor : tensors.first(std::min(tensors.size(), k_finding_rows)))
    table.rows.push_back({escape_unprintable(tensor.name), format_count(tensor.nan), format_count(tensor.infinite)});
  finding.tables.push_back(std::move(table));
  return finding;
}

Finding at_capture_alone(const Observation&, const CheckSettings&) {
  return skipped("a capture looks at the values; later their digests vouch for them");
}

}  // namespace

Finding judge_values(std::span<const std::string> zero_runs, std::span<const NonFiniteTensor> non_finite) {
  if (!non_finite.empty()) return told_non_finite(non_finite);
  if (!zero_runs.empty()) return told_zeros(zero_runs);
  return passed("no value of the checkpoint looks like one that was lost");
}

const Check k_tensors_values{
    .id = "tensors.values",
    .title = "The values look like weights",
    .explanation =
        "Asked by capture, since a seal of a broken checkpoint would vouch for it. A file without checksums of its own "
        "(safetensors) whose download stopped has its full length, and zeros in place of the rest or of a block: zeros "
        "that begin or end in the midst of a row, where a network's own fill whole rows. Where a golden output is not "
        "finite, the weights that are NaN or infinite themselves are named.",
    .severity = Severity::warn,
    .judge = at_capture_alone,
    .asked_by = AskedBy::capture,
};

}  // namespace goldseal

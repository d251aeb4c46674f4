// SPDX-License-Identifier: Apache-2.0
#include <checks/keys/key_finding.hpp>

#include <goldseal/base/text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace goldseal {
namespace {

constexpr std::size_t k_rows = 12;  // of each table; the counts say how many there are

std::string describe(const Key& key) { return fmt::format("{} {}", to_string(key.dtype), format_shape(key.shape)); }

Table name_table(std::string title, const std::vector<std::size_t>& indices, const std::vector<Key>& keys) {
  Table table{std::move(title), {"key", "type and shape"}, {}};
  for (std::size_t i = 0; i < std::min(k_rows, indices.size()); ++i) {
    const auto& key = keys[indices[i]];
    table.rows.push_back({escape_unprintable(key.name), describe(key)});
  }
  return table;
}

Table mismatch_table(const KeyObservation& keys, std::string_view whose) {
  Table table{"of another shape or type", {"key", fmt::format("in {}", whose), "in the checkpoint"}, {}};
  const auto& mismatched = keys.match.mismatched;
  for (std::size_t i = 0; i < std::min(k_rows, mismatched.size()); ++i) {
    const auto& want = keys.want[mismatched[i].want];
    table.rows.push_back({escape_unprintable(want.name), describe(want), describe(keys.have[mismatched[i].have])});
  }
  return table;
}

std::string counts(const KeyMatch& match) {
  return fmt::format("{} match, {} missing, {} unexpected, {} of another shape or type", match.pairs.size(),
                     match.missing.size(), match.unexpected.size(), match.mismatched.size());
}

}  // namespace

Finding judge_keys(const KeyObservation& keys, std::string_view whose) {
  const auto& match = keys.match;
  if (match.complete()) {
    const auto removed = match.removed_segments.empty() ? std::string()
                                                        : fmt::format(" after the wrapper {} was removed",
                                                                      fmt::join(match.removed_segments, ", "));
    return passed(fmt::format("all {} keys match {}{}", match.pairs.size(), whose, removed));
  }
  auto finding =
      failed(fmt::format("the checkpoint's keys do not match {}: {}", whose,
                         match.cause.empty() ? counts(match) : match.cause),
             fmt::format("{} keys, one to one", keys.want.size()), counts(match),
             match.remedy.empty() ? "use the checkpoint and the network that belong together" : match.remedy);
  if (!match.mismatched.empty()) finding.tables.push_back(mismatch_table(keys, whose));
  if (!match.missing.empty())
    finding.tables.push_back(name_table("missing from the checkpoint", match.missing, keys.want));
  if (!match.unexpected.empty())
    finding.tables.push_back(name_table("unexpected in the checkpoint", match.unexpected, keys.have));
  return finding;
}

}  // namespace goldseal

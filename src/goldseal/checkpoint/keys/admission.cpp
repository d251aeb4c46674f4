// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/keys/admission.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/keys/key_causes.hpp>
#include <goldseal/checkpoint/keys/key_segments.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace goldseal {
namespace {

bool is_named(const std::string& name, const std::string& pattern) {
  return matches_glob(name, pattern) || matches_glob(without_wrappers(name), pattern);
}

bool is_named(const std::string& name, std::span<const std::string> patterns) {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) { return is_named(name, pattern); });
}

std::size_t met(const KeyMatch& match) { return match.pairs.size() + match.mismatched.size(); }

/// The match without the checkpoint's keys `left_out`, which may be what kept a prefix from being seen.
KeyMatch match_without(std::span<const Key> have, std::span<const Key> want, std::vector<std::size_t> left_out) {
  std::vector<Key> kept;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < have.size(); ++i) {
    if (std::ranges::binary_search(left_out, i)) continue;
    kept.push_back(have[i]);
    places.push_back(i);
  }
  auto match = match_keys(kept, want);
  for (auto& [from, to] : match.pairs) from = places[from];
  for (auto& mismatch : match.mismatched) mismatch.have = places[mismatch.have];
  for (auto& i : match.unexpected) i = places[i];
  for (auto& [missing, unexpected] : match.nearest) unexpected = places[unexpected];
  for (auto& [from, to] : match.renaming.pairs) from = places[from];
  std::vector<std::string> renamed;
  renamed.reserve(have.size());
  for (const auto& key : have) renamed.push_back(key.name);
  for (std::size_t i = 0; i < places.size(); ++i) renamed[places[i]] = std::move(match.renamed[i]);
  match.renamed = std::move(renamed);
  match.left_out = std::move(left_out);
  return match;
}

}  // namespace

KeyMatch match_keys(std::span<const Key> have, std::span<const Key> want, const Admission& admission) {
  auto match = match_keys(have, want);
  if (admission.empty() || match.complete()) return match;
  std::vector<std::size_t> left_out;
  for (const auto i : match.unexpected)
    if (is_named(have[i].name, admission.unexpected)) left_out.push_back(i);
  if (!left_out.empty()) {
    std::ranges::sort(left_out);
    auto without = match_without(have, want, left_out);
    // A pattern that also names what is needed must not take it away.
    if (met(without) >= met(match)) {
      match = std::move(without);
    } else {
      match.left_out = left_out;
      std::erase_if(match.unexpected, [&](std::size_t i) { return std::ranges::binary_search(left_out, i); });
    }
  }
  for (const auto i : match.missing)
    if (is_named(want[i].name, admission.missing)) match.not_loaded.push_back(i);
  std::erase_if(match.missing, [&](std::size_t i) { return std::ranges::find(match.not_loaded, i) != match.not_loaded.end(); });
  const auto is_settled = [&](const auto& pair) {
    return std::ranges::find(match.missing, pair.first) == match.missing.end() ||
           std::ranges::find(match.unexpected, pair.second) == match.unexpected.end();
  };
  std::erase_if(match.nearest, is_settled);
  std::erase_if(match.renaming.pairs, [&](const auto& pair) { return is_settled(std::pair(pair.second, pair.first)); });
  match.cause.clear();
  match.remedy.clear();
  explain(have, want, match);
  return match;
}

std::vector<std::string> idle_options(const Admission& admission,
                                      std::span<const std::vector<std::string>> not_loaded,
                                      std::span<const std::vector<std::string>> left_out) {
  std::vector<std::string> idle;
  const auto add = [&](std::string_view option, const std::vector<std::string>& patterns, const auto& lists) {
    for (const auto& pattern : patterns) {
      const auto names_one = [&](const std::vector<std::string>& names) {
        return std::ranges::any_of(names, [&](const std::string& name) { return is_named(name, pattern); });
      };
      if (std::ranges::none_of(lists, names_one))
        idle.push_back(fmt::format("{} '{}'", option, escape_unprintable(pattern)));
    }
  };
  add("--allow-missing", admission.missing, not_loaded);
  add("--allow-unexpected", admission.unexpected, left_out);
  return idle;
}

std::vector<std::string> not_loaded_names(const KeyMatch& match, std::span<const Key> want) {
  std::vector<std::string> names;
  for (const auto i : match.not_loaded) names.push_back(want[i].name);
  return names;
}

std::vector<std::string> left_out_names(const KeyMatch& match, std::span<const Key> have) {
  std::vector<std::string> names;
  for (const auto i : match.left_out) names.push_back(have[i].name);
  return names;
}

}  // namespace goldseal

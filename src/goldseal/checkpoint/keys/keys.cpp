// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/keys/keys.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/keys/key_causes.hpp>
#include <goldseal/checkpoint/keys/key_renames.hpp>
#include <goldseal/checkpoint/keys/key_segments.hpp>

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace goldseal {
namespace {

constexpr std::size_t k_nearest_limit = 20;     // missing names for which a near one is looked for
constexpr std::size_t k_candidate_limit = 500;  // names that each is compared with
constexpr std::size_t k_name_limit = 200;       // of bytes in either: edit distance is quadratic

/// A way to bring the two sides' names together: for each key of the checkpoint, the wanted one of that name.
struct Pairing {
  std::vector<std::optional<std::size_t>> want_of;
  std::size_t matched = 0;
  bool one_to_one = false;
};

/// The names that the two sides are compared by, in the order of the keys.
struct Names {
  std::vector<std::string> have;
  std::vector<std::string> want;
};

std::vector<std::string> map_names(std::span<const Key> keys, const auto& change) {
  std::vector<std::string> names;
  names.reserve(keys.size());
  for (const auto& key : keys) names.push_back(change(key.name));
  return names;
}

/// The first segment, where all names have it and more behind it.
std::optional<std::string> common_first_segment(std::span<const std::string> names) {
  if (names.empty()) return std::nullopt;
  const auto dot = names.front().find('.');
  if (dot == std::string::npos) return std::nullopt;
  const auto prefix = names.front().substr(0, dot + 1);
  const auto shares = [&](const std::string& name) { return name.size() > prefix.size() && name.starts_with(prefix); };
  if (!std::ranges::all_of(names, shares)) return std::nullopt;
  return prefix.substr(0, dot);
}

class Matcher {
 public:
  Matcher(std::span<const Key> have, std::span<const Key> want) : m_have(have), m_want(want) {}

  KeyMatch run() {
    auto best = choose_pairing();
    fill(best);
    find_nearest();
    m_result.renaming = find_renaming(m_have, m_result.unexpected, m_want, m_result.missing);
    explain(m_have, m_want, m_result);
    return std::move(m_result);
  }

 private:
  Pairing choose_pairing();
  std::optional<Pairing> pair(const Names& names) const;
  void fill(const Pairing& pairing);
  void add_pair(std::size_t have, std::size_t want);
  void record_removed(std::size_t have, std::string_view name);
  void find_nearest();

  std::span<const Key> m_have;
  std::span<const Key> m_want;
  KeyMatch m_result;
};

/// Nothing where two keys of one side have the same name, or where a name would have to gain a segment.
std::optional<Pairing> Matcher::pair(const Names& names) const {
  std::unordered_map<std::string_view, std::size_t> wanted;
  wanted.reserve(names.want.size());
  for (std::size_t i = 0; i < names.want.size(); ++i) {
    if (!wanted.emplace(names.want[i], i).second) return std::nullopt;
  }
  Pairing result;
  result.want_of.resize(names.have.size());
  std::vector<bool> taken(names.want.size());
  std::unordered_map<std::string_view, std::size_t> unmatched;
  for (std::size_t i = 0; i < names.have.size(); ++i) {
    const auto found = wanted.find(names.have[i]);
    if (found == wanted.end()) {
      if (!unmatched.emplace(names.have[i], i).second) return std::nullopt;
      continue;
    }
    std::vector<std::string_view> removed;
    if (taken[found->second] || !removed_between(m_have[i].name, m_want[found->second].name, removed))
      return std::nullopt;
    taken[found->second] = true;
    result.want_of[i] = found->second;
    ++result.matched;
  }
  result.one_to_one = unmatched.empty();
  for (std::size_t i = 0; i < taken.size(); ++i)
    result.one_to_one = result.one_to_one && (taken[i] || !m_want[i].required);
  return result;
}

Pairing Matcher::choose_pairing() {
  const auto plain = [](const std::string& name) { return name; };
  Names names{map_names(m_have, plain), map_names(m_want, plain)};
  auto best = pair(names).value_or(Pairing{std::vector<std::optional<std::size_t>>(m_have.size()), 0, false});
  names = {map_names(m_have, without_wrappers), map_names(m_want, without_wrappers)};
  while (!best.one_to_one) {
    // A removal must earn its place: it needs more matches than there are without it.
    if (auto found = pair(names); found && (found->one_to_one || found->matched > best.matched))
      best = std::move(*found);
    const auto first = common_first_segment(names.have);
    if (!first || !is_leading_segment(*first)) break;
    for (auto& name : names.have) name.erase(0, first->size() + 1);
  }
  return best;
}

void Matcher::fill(const Pairing& pairing) {
  std::vector<bool> taken(m_want.size());
  m_result.renamed.reserve(m_have.size());
  for (std::size_t i = 0; i < m_have.size(); ++i) {
    if (!pairing.want_of[i]) {
      m_result.unexpected.push_back(i);
      m_result.renamed.push_back(m_have[i].name);
      continue;
    }
    const auto want = *pairing.want_of[i];
    taken[want] = true;
    record_removed(i, m_want[want].name);
    m_result.renamed.push_back(m_want[want].name);
    add_pair(i, want);
  }
  for (std::size_t i = 0; i < m_want.size(); ++i) {
    if (!taken[i] && m_want[i].required) m_result.missing.push_back(i);
  }
}

void Matcher::record_removed(std::size_t have, std::string_view name) {
  if (m_have[have].name == name) return;
  std::vector<std::string_view> removed;
  if (!removed_between(m_have[have].name, name, removed)) return;
  for (const auto segment : removed) {
    auto& known = m_result.removed_segments;
    const auto count = [&](const auto& list) { return std::ranges::count(list, segment); };
    if (count(known) < count(removed)) known.emplace_back(segment);
  }
}

void Matcher::add_pair(std::size_t have, std::size_t want) {
  if (m_want[want].value) {
    m_result.values.emplace_back(have, want);
    return;
  }
  const bool shape = m_have[have].value || m_have[have].shape != m_want[want].shape;
  const bool dtype = m_have[have].dtype != m_want[want].dtype;
  if (shape || dtype) {
    m_result.mismatched.push_back({have, want, shape, dtype});
  } else {
    m_result.pairs.emplace_back(have, want);
  }
}

void Matcher::find_nearest() {
  std::vector<std::string> names;
  std::vector<std::size_t> numbers;
  for (const auto i : m_result.unexpected) {
    if (names.size() == k_candidate_limit) break;
    if (m_have[i].name.size() > k_name_limit) continue;
    names.push_back(m_have[i].name);
    numbers.push_back(i);
  }
  for (std::size_t i = 0; i < std::min(m_result.missing.size(), k_nearest_limit); ++i) {
    const auto& name = m_want[m_result.missing[i]].name;
    const auto near = name.size() > k_name_limit ? std::nullopt : did_you_mean(name, names);
    if (!near) continue;
    const auto at = static_cast<std::size_t>(std::ranges::find(names, *near) - names.begin());
    m_result.nearest.emplace_back(m_result.missing[i], numbers[at]);
  }
}

}  // namespace

KeyMatch match_keys(std::span<const Key> have, std::span<const Key> want) { return Matcher(have, want).run(); }

}  // namespace goldseal

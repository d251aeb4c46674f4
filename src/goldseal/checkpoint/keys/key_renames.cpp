// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/keys/key_renames.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace goldseal {
namespace {

constexpr std::size_t k_most_renames = 4;
constexpr std::size_t k_most_segments = 3;    // in either run: what differs in more is another naming altogether
constexpr std::size_t k_most_candidates = 12;  // partners that one name is tried with
constexpr std::size_t k_most_starts = 8;       // names that a change is looked for from
constexpr std::size_t k_sample = 200;          // names that tell which change is best
constexpr std::size_t k_longest = 1'000;       // bytes of a name

using Segments = std::vector<std::string_view>;

std::string joined(std::span<const std::string_view> segments) { return fmt::format("{}", fmt::join(segments, ".")); }

/// What differs between two names: all but what they begin and end with alike.
struct Middle {
  std::size_t front = 0;  ///< segments that they begin with alike
  std::size_t from = 0;   ///< segments between in the one
  std::size_t to = 0;     ///< and in the other
};

Middle middle_of(const Segments& a, const Segments& b) {
  const auto shorter = std::min(a.size(), b.size());
  std::size_t front = 0;
  while (front < shorter && a[front] == b[front]) ++front;
  std::size_t back = 0;
  while (back < shorter - front && a[a.size() - 1 - back] == b[b.size() - 1 - back]) ++back;
  return {front, a.size() - front - back, b.size() - front - back};
}

/// The changes that turn the one name into the other: the barest first, then with the segment before or behind.
std::vector<SegmentRename> changes(const Segments& a, const Segments& b) {
  const auto m = middle_of(a, b);
  if (m.from > k_most_segments || m.to > k_most_segments) return {};
  std::vector<SegmentRename> result;
  const auto add = [&](std::size_t before, std::size_t behind) {
    if (before > m.front || m.front + m.from + behind > a.size() || m.from + before + behind == 0) return;
    const auto from = std::span(a).subspan(m.front - before, before + m.from + behind);
    const auto to = std::span(b).subspan(m.front - before, before + m.to + behind);
    if (!to.empty()) result.push_back({joined(from), joined(to), 0});
  };
  if (m.from > 0 && m.to > 0) add(0, 0);
  add(1, 0);
  add(0, 1);
  add(1, 1);
  return result;
}

class Search {
 public:
  Search(std::span<const Key> have, std::span<const std::size_t> unexpected, std::span<const Key> want,
         std::span<const std::size_t> missing)
      : m_have(have), m_want(want), m_left(unexpected.begin(), unexpected.end()) {
    for (const auto i : missing) m_open.emplace(want[i].name, i);
  }

  Renaming run() {
    while (m_result.renames.size() < k_most_renames && !m_left.empty() && !m_open.empty()) {
      auto best = best_change();
      if (!best) break;
      apply(std::move(*best));
    }
    return std::move(m_result);
  }

 private:
  [[nodiscard]] std::optional<std::size_t> partner(std::size_t have, const SegmentRename& change) const {
    const auto name = rename_segments(m_have[have].name, change.from, change.to);
    if (name == m_have[have].name) return std::nullopt;
    const auto found = m_open.find(name);
    if (found == m_open.end() || m_want[found->second].shape != m_have[have].shape) return std::nullopt;
    return found->second;
  }

  [[nodiscard]] std::size_t covered(const SegmentRename& change) const {
    const auto sample = std::span(m_left).first(std::min(m_left.size(), k_sample));
    return static_cast<std::size_t>(
        std::ranges::count_if(sample, [&](std::size_t have) { return partner(have, change).has_value(); }));
  }

  /// Those that a name could be meant for, the likest first.
  [[nodiscard]] std::vector<std::string_view> candidates(std::size_t have) const {
    const Segments name = split(std::string_view(m_have[have].name), '.');
    std::vector<std::pair<std::size_t, std::string_view>> found;
    for (const auto& [other, want] : m_open) {
      if (m_want[want].shape != m_have[have].shape || other.size() > k_longest) continue;
      const auto m = middle_of(name, split(other, '.'));
      if (m.from <= k_most_segments && m.to <= k_most_segments) found.emplace_back(m.from + m.to, other);
    }
    const auto kept = std::min(found.size(), k_most_candidates);
    std::ranges::partial_sort(found, found.begin() + static_cast<std::ptrdiff_t>(kept));
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < kept; ++i) names.push_back(found[i].second);
    return names;
  }

  /// The one that brings most names together, of those that begin at the first few.
  [[nodiscard]] std::optional<SegmentRename> best_change() const {
    std::optional<SegmentRename> best;
    for (std::size_t i = 0; i < std::min(m_left.size(), k_most_starts); ++i) {
      const std::string_view name = m_have[m_left[i]].name;
      if (name.size() > k_longest) continue;
      for (const auto other : candidates(m_left[i])) {
        for (auto& change : changes(split(name, '.'), split(other, '.'))) {
          change.names = covered(change);
          if (change.names > 0 && (!best || change.names > best->names)) best = std::move(change);
        }
      }
      if (best && best->names == std::min(m_left.size(), k_sample)) break;
    }
    return best;
  }

  void apply(SegmentRename change) {
    change.names = 0;
    std::erase_if(m_left, [&](std::size_t have) {
      const auto want = partner(have, change);
      if (!want) return false;
      m_result.pairs.emplace_back(have, *want);
      m_open.erase(m_want[*want].name);
      ++change.names;
      return true;
    });
    m_result.renames.push_back(std::move(change));
  }

  std::span<const Key> m_have;
  std::span<const Key> m_want;
  std::vector<std::size_t> m_left;
  std::unordered_map<std::string_view, std::size_t> m_open;  // those missing that have no partner yet
  Renaming m_result;
};

// "`X` stands after `Y` in the file alone" of a segment that was put in or taken out.
std::optional<std::string> tell_added(std::string_view longer, std::string_view shorter, std::string_view side) {
  if (longer.size() <= shorter.size() + 1) return std::nullopt;
  if (longer.starts_with(std::string(shorter) + "."))
    return fmt::format("`{}` stands after `{}` in {} alone", escape_unprintable(longer.substr(shorter.size() + 1)),
                       escape_unprintable(shorter), side);
  if (longer.ends_with("." + std::string(shorter)))
    return fmt::format("`{}` stands before `{}` in {} alone",
                       escape_unprintable(longer.substr(0, longer.size() - shorter.size() - 1)),
                       escape_unprintable(shorter), side);
  return std::nullopt;
}

std::string tell(const SegmentRename& rename, std::string_view whose) {
  if (auto text = tell_added(rename.from, rename.to, "the file")) return *text;
  if (auto text = tell_added(rename.to, rename.from, whose)) return *text;
  return fmt::format("`{}` in the file is `{}` in {}", escape_unprintable(rename.from), escape_unprintable(rename.to),
                     whose);
}

}  // namespace

std::string rename_segments(std::string_view name, std::string_view from, std::string_view to) {
  const auto parts = split(name, '.');
  const auto run = split(from, '.');
  // std::ranges::search needs more than Clang 14 knows.
  const auto found = std::search(parts.begin(), parts.end(), run.begin(), run.end());
  if (from.empty() || found == parts.end()) return std::string(name);
  Segments result(parts.begin(), found);
  if (!to.empty()) std::ranges::copy(split(to, '.'), std::back_inserter(result));
  result.insert(result.end(), found + static_cast<std::ptrdiff_t>(run.size()), parts.end());
  return result.empty() ? std::string(name) : joined(result);
}

Renaming find_renaming(std::span<const Key> have, std::span<const std::size_t> unexpected, std::span<const Key> want,
                       std::span<const std::size_t> missing) {
  // The cost is that of the names' product: beyond this a list of names tells more than a search.
  constexpr std::size_t k_most_names = 30'000;
  if (unexpected.empty() || missing.empty() || missing.size() > k_most_names || unexpected.size() > k_most_names)
    return {};
  return Search(have, unexpected, want, missing).run();
}

std::string tell(std::span<const SegmentRename> renames, std::string_view whose) {
  std::vector<std::string> parts;
  for (const auto& rename : renames) parts.push_back(tell(rename, whose));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string rename_options(std::span<const SegmentRename> renames) {
  std::vector<std::string> parts;
  for (const auto& rename : renames)
    parts.push_back(fmt::format("--rename {}={}", escape_unprintable(rename.from), escape_unprintable(rename.to)));
  return fmt::format("{}", fmt::join(parts, " "));
}

}  // namespace goldseal

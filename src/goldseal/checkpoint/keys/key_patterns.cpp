// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/keys/key_patterns.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>

namespace goldseal {
namespace {

bool matches_segment(std::string_view segment, std::string_view pattern) {
  // The last `*` or `#` seen, to go back to with one character more.
  std::size_t s = 0;
  std::size_t p = 0;
  std::optional<std::pair<std::size_t, std::size_t>> back;
  while (s < segment.size()) {
    const bool digit = segment[s] >= '0' && segment[s] <= '9';
    if (p < pattern.size() && pattern[p] == '*') {
      back = {p++, s};
    } else if (p < pattern.size() && pattern[p] == '#' && digit) {
      while (s < segment.size() && segment[s] >= '0' && segment[s] <= '9') ++s;
      ++p;
    } else if (p < pattern.size() && pattern[p] != '#' && pattern[p] == segment[s]) {
      ++p;
      ++s;
    } else if (back) {
      p = back->first + 1;
      s = ++back->second;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

/// Where the run that matches ends, as a number of segments; nothing where none does.
std::optional<std::size_t> find_run(std::span<const std::string_view> name, std::string_view alternative) {
  const bool front = alternative.starts_with('^');
  const bool back = alternative.ends_with('$');
  alternative.remove_prefix(front ? 1 : 0);
  alternative.remove_suffix(back ? 1 : 0);
  const auto run = split(alternative, '.');
  for (std::size_t begin = 0; begin + run.size() <= name.size(); ++begin) {
    if (front && begin > 0) break;
    if (back && begin + run.size() != name.size()) continue;
    if (std::ranges::equal(name.subspan(begin, run.size()), run, matches_segment)) return begin + run.size();
  }
  return std::nullopt;
}

/// What one side's names and a pattern have to do with each other.
struct Found {
  std::size_t count = 0;
  std::size_t first = 0;  ///< of the first alternative
  std::string_view name;
  std::vector<std::string> groups;  ///< globs that name those that match
};

constexpr std::size_t k_groups = 8;

void add_group(Found& found, std::span<const std::string_view> parts, std::size_t end) {
  if (found.groups.size() == k_groups) return;
  auto glob = fmt::format("{}{}", fmt::join(parts.first(end), "."), end < parts.size() ? ".*" : "");
  if (std::ranges::find(found.groups, glob) == found.groups.end()) found.groups.push_back(std::move(glob));
}

/// A side's names, each in its segments.
class Side {
 public:
  explicit Side(std::span<const std::string_view> names) : m_names(names.first(std::min(names.size(), k_names))) {
    for (const auto name : m_names) m_parts.push_back(split(name, '.'));
  }

  [[nodiscard]] std::size_t size() const { return m_names.size(); }
  [[nodiscard]] std::string_view first() const { return m_names.empty() ? "other names" : m_names.front(); }
  [[nodiscard]] Found find(std::string_view pattern) const;

 private:
  // So many names stand for all: the patterns are looked for in each.
  static constexpr std::size_t k_names = 20'000;

  std::span<const std::string_view> m_names;
  std::vector<std::vector<std::string_view>> m_parts;
};

Found Side::find(std::string_view pattern) const {
  Found found;
  const auto alternatives = split(pattern, ' ');
  for (std::size_t at = 0; at < m_names.size(); ++at) {
    const auto& parts = m_parts[at];
    for (std::size_t i = 0; i < alternatives.size(); ++i) {
      const auto end = find_run(parts, alternatives[i]);
      if (!end) continue;
      if (found.count++ == 0) found.name = m_names[at];
      found.first += i == 0 ? 1U : 0U;
      add_group(found, parts, *end);
      break;
    }
  }
  return found;
}

bool is_share(Share share, std::size_t count, std::size_t all) {
  switch (share) {
    case Share::none:
      return count == 0;
    case Share::any:
      return count > 0;
    case Share::most:
      return count > 0 && 2 * count >= all;
    case Share::all:
      return count > 0 && count == all;
  }
  return false;
}

std::size_t beside_those(const Side& file, const KeyPattern& row, const Found& found) {
  if (row.beside.empty() || found.count == 0) return 0;
  return file.find(fmt::format("{} {}", row.file, row.beside)).count - found.count;
}

std::string options(std::string_view option, const std::vector<std::string>& globs) {
  std::vector<std::string> parts;
  for (const auto& glob : globs) parts.push_back(fmt::format("{} '{}'", option, escape_unprintable(glob)));
  return fmt::format("{}{}", fmt::join(parts, " "), globs.size() == k_groups ? " …" : "");
}

std::string filled(std::string_view text, const Found& file, const Found& network, std::string_view other) {
  return fmt::format(fmt::runtime(text), fmt::arg("file", escape_unprintable(file.name)),
                     fmt::arg("network", escape_unprintable(network.name.empty() ? other : network.name)),
                     fmt::arg("n", file.count), fmt::arg("m", network.count), fmt::arg("first", file.first),
                     fmt::arg("allow", options("--allow-unexpected", file.groups)),
                     fmt::arg("drop", options("--drop", file.groups)));
}

}  // namespace

bool matches_pattern(std::string_view name, std::string_view pattern) {
  const std::array names{name};
  return Side(names).find(pattern).count > 0;
}

PatternMatch match_patterns(std::span<const std::string_view> file, std::span<const std::string_view> network) {
  const Side have(file);
  const Side want(network);
  for (const auto& row : key_patterns()) {
    if (row.fits && want.size() > 0) continue;
    const auto in_file = have.find(row.file);
    if (!is_share(row.file_share, in_file.count, have.size() - beside_those(have, row, in_file))) continue;
    const auto in_network = row.network.empty() ? Found{} : want.find(row.network);
    if (!row.network.empty() && !is_share(row.network_share, in_network.count, want.size())) continue;
    return {&row, filled(row.cause, in_file, in_network, want.first()),
            filled(row.remedy, in_file, in_network, want.first())};
  }
  return {};
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/difference.hpp>

#include <goldseal/environment/shared/version.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace goldseal {
namespace {

using Strings = std::vector<std::string>;

struct Group {
  std::string_view title;
  std::array<std::string_view, 3> prefixes;
};
// What decides whether a model runs and how it rounds comes first.
constexpr std::array k_groups{
    Group{"PyTorch", {"torch.", "", ""}},      Group{"GPU", {"gpu.", "cuda_device.", ""}},
    Group{"Driver", {"driver.", "", ""}},      Group{"Numerics", {"numerics.", "", ""}},
    Group{"Variables", {"variable.", "", ""}}, Group{"Processor", {"cpu.", "", ""}},
    Group{"Libraries", {"library.", "", ""}},  Group{"Python", {"python.", "conda.", "toolkit."}},
    Group{"Host", {"host.", "", ""}},          Group{"Memory and limits", {"memory.", "limit.", ""}},
};
constexpr std::string_view k_other = "Other facts";
constexpr std::string_view k_incidental = "Of any two machines";

std::size_t group_of(std::string_view name) {
  if (is_incidental(name)) return k_groups.size() + 1;
  const auto holds = [&](const Group& group) {
    return std::ranges::any_of(group.prefixes, [&](auto p) { return !p.empty() && name.starts_with(p); });
  };
  return static_cast<std::size_t>(std::ranges::find_if(k_groups, holds) - k_groups.begin());
}

std::string_view title_of(std::size_t group) {
  if (group < k_groups.size()) return k_groups[group].title;
  return group == k_groups.size() ? k_other : k_incidental;
}

Strings without(Strings list, Strings other) {
  std::ranges::sort(list);
  std::ranges::sort(other);
  Strings rest;
  std::ranges::set_difference(list, other, std::back_inserter(rest));
  return rest;
}

std::string list_detail(const Strings& before, const Strings& after) {
  const auto lost = without(before, after);
  const auto gained = without(after, before);
  if (lost.empty() && gained.empty()) return "in another order";
  std::string text;
  if (!lost.empty()) text = fmt::format("without {}", fmt::join(lost, ", "));
  if (!gained.empty()) text += fmt::format("{}with also {}", text.empty() ? "" : "; ", fmt::join(gained, ", "));
  return text;
}

std::string version_detail(const std::string& before, const std::string& after) {
  if (before.find('.') == std::string::npos || after.find('.') == std::string::npos) return {};
  const auto a = parse_version(before);
  const auto b = parse_version(after);
  if (!a || !b || *a == *b) return {};
  return *b < *a ? "older" : "newer";
}

std::string detail_of(const Fact* before, const Fact* after) {
  if (before == nullptr || after == nullptr) return {};
  const auto* const list_a = std::get_if<Strings>(&before->value);
  const auto* const list_b = std::get_if<Strings>(&after->value);
  if (list_a != nullptr && list_b != nullptr) return list_detail(*list_a, *list_b);
  const auto* const text_a = std::get_if<std::string>(&before->value);
  const auto* const text_b = std::get_if<std::string>(&after->value);
  return text_a != nullptr && text_b != nullptr ? version_detail(*text_a, *text_b) : std::string();
}

std::optional<std::string> shown(const Fact* fact) {
  return fact == nullptr ? std::nullopt : std::optional(to_string(fact->value));
}

Strings all_names(const Environment& before, const Environment& after) {
  Strings names;
  for (const auto& [name, fact] : before.facts()) names.push_back(name);
  for (const auto& [name, fact] : after.facts()) {
    if (!before.has(name)) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

bool is_incidental(std::string_view name) {
  constexpr std::array<std::string_view, 8> k_endings{".uuid",   ".bus_id",     ".path",           ".copies",
                                                      ".prefix", "_free_bytes", "available_bytes", ".vbios"};
  constexpr std::array<std::string_view, 4> k_names{"host.name", "torch.installed", "variable.LD_LIBRARY_PATH",
                                                    "variable.PYTHONPATH"};
  return std::ranges::find(k_names, name) != k_names.end() ||
         std::ranges::any_of(k_endings, [&](auto ending) { return name.ends_with(ending); });
}

std::vector<DifferenceSection> difference(const Environment& before, const Environment& after) {
  std::array<std::vector<FactDifference>, k_groups.size() + 2> groups;
  for (const auto& name : all_names(before, after)) {
    const auto* const a = before.find(name);
    const auto* const b = after.find(name);
    if (a != nullptr && b != nullptr && a->value == b->value) continue;
    groups[group_of(name)].push_back({name, shown(a), shown(b), detail_of(a, b)});
  }
  std::vector<DifferenceSection> sections;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!groups[i].empty()) sections.push_back({std::string(title_of(i)), std::move(groups[i])});
  }
  return sections;
}

}  // namespace goldseal

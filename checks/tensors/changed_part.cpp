// SPDX-License-Identifier: Apache-2.0
#include <checks/tensors/changed_part.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string_view>

namespace goldseal {
namespace {

using Names = std::span<const std::string>;

// More kinds of tensors than these are no part that has a name.
constexpr std::size_t k_most_tails = 4;

// The last `segments` of a name: `q_proj.weight` of `layers.0.q_proj.weight`.
std::string_view tail(std::string_view name, int segments) {
  auto dot = std::string_view::npos;
  for (int i = 0; i < segments; ++i) {
    dot = dot == 0 ? std::string_view::npos : name.rfind('.', dot == std::string_view::npos ? dot : dot - 1);
    if (dot == std::string_view::npos) return name;
  }
  return name.substr(dot + 1);
}

std::set<std::string_view> tails(Names names, int segments) {
  std::set<std::string_view> all;
  for (const auto& name : names) all.insert(tail(name, segments));
  return all;
}

// Tails that every changed name has and none of the others.
std::string each_tail(Names changed, Names same, int segments) {
  const auto of_changed = tails(changed, segments);
  if (of_changed.size() > k_most_tails || of_changed.size() == changed.size()) return {};
  const auto of_same = tails(same, segments);
  if (std::ranges::any_of(of_changed, [&](std::string_view name) { return of_same.contains(name); })) return {};
  std::vector<std::string> words;
  for (const auto name : of_changed) words.push_back(escape_unprintable(name));
  return fmt::format("each {}", fmt::join(words, " and "));
}

// The longest run of whole segments that all begin with.
std::string_view common_module(Names names) {
  std::string_view common = names.front();
  for (const std::string_view name : names) {
    const auto [end, ignored] = std::ranges::mismatch(common, name);
    common = common.substr(0, static_cast<std::size_t>(end - common.begin()));
  }
  const auto dot = common.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : common.substr(0, dot + 1);
}

std::string whole_module(Names changed, Names same) {
  const auto module = common_module(changed);
  if (module.empty()) return {};
  if (std::ranges::any_of(same, [&](const std::string& name) { return name.starts_with(module); })) return {};
  return fmt::format("all of {}", escape_unprintable(module.substr(0, module.size() - 1)));
}

}  // namespace

std::string changed_part(Names changed, Names same) {
  if (changed.size() < 2 || same.empty()) return {};
  for (auto part : {whole_module(changed, same), each_tail(changed, same, 1), each_tail(changed, same, 2)})
    if (!part.empty()) return part;
  return {};
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/verdict/finding.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace goldseal {
namespace {

template <typename Enum, std::size_t N>
using Names = std::array<std::pair<Enum, std::string_view>, N>;

constexpr Names<Status, 5> k_statuses{{{Status::pass, "pass"},
                                       {Status::warn, "warn"},
                                       {Status::fail, "fail"},
                                       {Status::unknown, "unknown"},
                                       {Status::skipped, "skipped"}}};
constexpr Names<Severity, 5> k_severities{{{Severity::info, "info"},
                                           {Severity::warn, "warn"},
                                           {Severity::fail, "fail"},
                                           {Severity::required, "required"},
                                           {Severity::integrity, "integrity"}}};

template <typename Enum, std::size_t N>
std::string_view name_of(const Names<Enum, N>& names, Enum value) {
  const auto* const found = std::ranges::find(names, value, &std::pair<Enum, std::string_view>::first);
  return found == names.end() ? "?" : found->second;
}

template <typename Enum, std::size_t N>
std::optional<Enum> value_of(const Names<Enum, N>& names, std::string_view text) {
  const auto* const found = std::ranges::find(names, text, &std::pair<Enum, std::string_view>::second);
  if (found == names.end()) return std::nullopt;
  return found->first;
}

}  // namespace

std::string_view to_string(Status status) { return name_of(k_statuses, status); }
std::string_view to_string(Severity severity) { return name_of(k_severities, severity); }
std::optional<Status> parse_status(std::string_view text) { return value_of(k_statuses, text); }
std::optional<Severity> parse_severity(std::string_view text) { return value_of(k_severities, text); }

std::size_t row_count(const Table& table) { return std::max(table.total, table.rows.size()); }

std::string titled(const Table& table, std::size_t shown) {
  const auto all = row_count(table);
  shown = std::min(shown, table.rows.size());
  return shown < all ? fmt::format("{} ({} of {})", table.title, shown, all) : table.title;
}

}  // namespace goldseal

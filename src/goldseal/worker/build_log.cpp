// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/build_log.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <vector>

namespace goldseal {
namespace {

constexpr std::streamoff k_tail_bytes = 64 << 10;
constexpr std::size_t k_errors = 3;
constexpr std::size_t k_last_lines = 12;

std::optional<std::uint64_t> number(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

// What stands in the brackets at a line's beginning.
std::optional<std::uint64_t> percent_of(std::string_view line) {
  const auto end = line.find(']');
  if (!line.starts_with('[') || end == std::string_view::npos) return std::nullopt;
  const auto inside = line.substr(1, end - 1);
  if (inside.ends_with('%')) return number(inside.substr(0, inside.size() - 1));
  const auto slash = inside.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto done = number(inside.substr(0, slash));
  const auto all = number(inside.substr(slash + 1));
  return done && all && *all > 0 ? std::optional(*done * 100 / *all) : std::nullopt;
}

bool is_error(std::string_view line) {
  return line.find(" error: ") != std::string_view::npos || line.starts_with("CMake Error");
}

}  // namespace

std::string tail_of_log(const std::filesystem::path& log) {
  std::ifstream stream(log, std::ios::binary | std::ios::ate);
  if (!stream) return {};
  const auto size = static_cast<std::streamoff>(stream.tellg());
  stream.seekg(std::max<std::streamoff>(0, size - k_tail_bytes));
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::uint64_t build_percent(std::string_view log) {
  std::uint64_t percent = 0;
  for (const auto line : split(log, '\n')) percent = std::min<std::uint64_t>(percent_of(line).value_or(percent), 100);
  return percent;
}

std::string last_words(std::string_view log) {
  auto lines = split(log, '\n');
  std::erase_if(lines, [](std::string_view line) { return line.find_first_not_of(' ') == std::string_view::npos; });
  const auto tail = lines.size() - std::min(lines.size(), k_last_lines);
  std::string words;
  std::size_t errors = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool first_error = i < tail && is_error(lines[i]) && ++errors <= k_errors;
    if (first_error || i >= tail) words += fmt::format("  {}\n", escape_unprintable(lines[i]));
  }
  if (words.empty()) return "  nothing";
  words.pop_back();
  return words;
}

}  // namespace goldseal

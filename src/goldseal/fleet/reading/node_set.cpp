// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/reading/node_set.hpp>

#include <goldseal/base/files/argument_file.hpp>
#include <goldseal/base/messages/digits.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/running/interrupt.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <tuple>
#include <unordered_set>
#include <utility>

namespace goldseal::fleet {
namespace {

constexpr std::size_t k_longest_name = 253;  // of a host name (RFC 1123)
constexpr std::size_t k_most_digits = 18;
constexpr std::size_t k_most_written = 8 * k_most_nodes;  // some are named several times
constexpr std::string_view k_byte_order_mark = "\xEF\xBB\xBF";  // some editors begin a text with it
constexpr std::uint64_t k_max_list_bytes = 64U << 20U;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

class Expansion {
 public:
  Expansion(std::string_view list, const std::string& where) : m_list(list), m_where(where) {}

  std::vector<std::string> names() {
    for (const auto part : parts()) {
      if (!part.empty()) expand("", part);
    }
    return std::move(m_names);
  }

 private:
  [[noreturn]] void fail(std::string_view message) const {
    throw Error(ErrorKind::usage, m_where,
                fmt::format("expected a list of nodes, found {}: {}", escape_unprintable(m_list.substr(0, 120)), message),
                "write it as Slurm does: gpu[0-3,7],login1");
  }

  // At commas and blanks outside of brackets.
  [[nodiscard]] std::vector<std::string_view> parts() const {
    std::vector<std::string_view> found;
    std::size_t begin = 0;
    bool inside = false;
    for (std::size_t i = 0; i <= m_list.size(); ++i) {
      const char c = i < m_list.size() ? m_list[i] : ',';
      if (c == '[' || c == ']') {
        if (inside == (c == '[') || i == m_list.size()) fail("brackets do not match");
        inside = c == '[';
      }
      const bool separates = c == ',' || c == ' ' || c == '\n' || c == '\t' || c == '\r';
      if (!separates || (inside && i < m_list.size())) continue;
      if (inside) fail("a bracket is not closed");
      found.push_back(m_list.substr(begin, i - begin));
      begin = i + 1;
    }
    return found;
  }

  void expand(const std::string& prefix, std::string_view rest) {
    const auto bracket = rest.find('[');
    if (bracket == std::string_view::npos) return add(prefix + std::string(rest));
    const auto end = rest.find(']', bracket);
    const auto before = prefix + std::string(rest.substr(0, bracket));
    if (before.size() > k_longest_name) fail("a name is too long");
    for (const auto range : split(rest.substr(bracket + 1, end - bracket - 1), ','))
      for_each_number(range, [&](const std::string& number) { expand(before + number, rest.substr(end + 1)); });
  }

  template <typename Function>
  void for_each_number(std::string_view range, Function&& function) {
    const auto dash = range.find('-');
    const auto first = range.substr(0, dash);
    const auto last = dash == std::string_view::npos ? first : range.substr(dash + 1);
    const auto low = number(first);
    const auto high = number(last);
    if (high < low) fail("a range runs downwards");
    if (high - low >= k_most_nodes) fail(fmt::format("more than {} nodes", k_most_nodes));
    for (auto n = low; n <= high; ++n) function(fmt::format("{:0{}}", n, first.size()));
  }

  [[nodiscard]] std::uint64_t number(std::string_view digits) const {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || digits.size() > k_most_digits || error != std::errc() || end != digits.data() + digits.size())
      fail("numbers and ranges are expected in brackets");
    return value;
  }

  void add(std::string name) {
    if (!is_node_name(name)) fail(fmt::format("`{}` cannot be the name of a node", escape_unprintable(name)));
    // A short list can write one name any number of times: a[0,0][0,0] and so on.
    if (++m_written % 4096 == 0) throw_if_interrupted();
    if (m_names.size() == k_most_nodes || m_written > k_most_written) fail(fmt::format("more than {} nodes", k_most_nodes));
    if (m_seen.insert(name).second) m_names.push_back(std::move(name));
  }

  std::string_view m_list;
  const std::string& m_where;
  std::size_t m_written = 0;
  std::vector<std::string> m_names;
  std::unordered_set<std::string> m_seen;
};

// A name around its last number: `gpu`, 7 of one digit, `-ib`.
struct Numbered {
  std::string_view before;
  std::string_view digits;
  std::string_view after;
};

Numbered numbered(std::string_view name) {
  auto end = name.size();
  while (end > 0 && !is_digit(name[end - 1])) --end;
  auto begin = end;
  while (begin > 0 && is_digit(name[begin - 1]) && end - begin < k_most_digits) --begin;
  return {name.substr(0, begin), name.substr(begin, end - begin), name.substr(end)};
}

// `0-3,7` of ascending numbers that are written with `width` digits at least.
std::string ranges_of(const std::vector<std::uint64_t>& numbers, std::size_t width) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    auto last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    if (!text.empty()) text += ',';
    text += fmt::format("{:0{}}", numbers[i], width);
    if (last > i) text += fmt::format("-{:0{}}", numbers[last], width);
    i = last + 1;
  }
  return text;
}

}  // namespace

bool is_node_name(std::string_view text) {
  const auto allowed = [](char c) { return is_letter_or_digit(c) || c == '.' || c == '-' || c == '_'; };
  return !text.empty() && text.size() <= k_longest_name && is_letter_or_digit(text.front()) &&
         std::ranges::all_of(text, allowed);
}

std::vector<std::string> expand_nodes(std::string_view list, const std::string& where) {
  return Expansion(list, where).names();
}

std::string fold_nodes(std::span<const std::string> names) {
  // Numbers with leading zeros have a width of their own: gpu01 and gpu1 are two nodes.
  std::map<std::tuple<std::string_view, std::string_view, std::size_t>, std::vector<std::uint64_t>> groups;
  std::vector<std::string> plain;
  for (const auto& name : names) {
    const auto parts = numbered(name);
    if (parts.digits.empty()) {
      plain.push_back(name);
      continue;
    }
    std::uint64_t value = 0;
    std::from_chars(parts.digits.data(), parts.digits.data() + parts.digits.size(), value);
    const auto width = parts.digits.size() > 1 && parts.digits.front() == '0' ? parts.digits.size() : 1;
    groups[{parts.before, parts.after, width}].push_back(value);
  }
  std::vector<std::string> folded;
  for (auto& [key, numbers] : groups) {
    const auto& [before, after, width] = key;
    std::ranges::sort(numbers);
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    const auto ranges = ranges_of(numbers, width);
    folded.push_back(numbers.size() == 1 ? fmt::format("{}{}{}", before, ranges, after)
                                         : fmt::format("{}[{}]{}", before, ranges, after));
  }
  folded.insert(folded.end(), plain.begin(), plain.end());
  std::ranges::sort(folded);
  std::string text;
  for (const auto& part : folded) text += (text.empty() ? "" : ",") + part;
  return text;
}

std::vector<std::string> expected_nodes(const std::string& argument) {
  if (!argument.starts_with('@')) return expand_nodes(argument, "--expect");
  const auto file = argument.substr(1);
  std::string list;
  const auto text = read_argument_file(file, k_max_list_bytes);
  const auto begin = text.starts_with(k_byte_order_mark) ? k_byte_order_mark.size() : 0;
  for (const auto line : split(std::string_view(text).substr(begin), '\n')) list.append(line.substr(0, line.find('#'))).append("\n");
  return expand_nodes(list, file);
}

std::vector<std::string> nodes_of_slurm_job() {
  for (const auto* const name : {"SLURM_JOB_NODELIST", "SLURM_NODELIST"}) {
    const char* const value = std::getenv(name);
    if (value != nullptr && *value != '\0') return expand_nodes(value, name);
  }
  throw Error(ErrorKind::usage, "--expect-slurm", "expected a Slurm job with SLURM_JOB_NODELIST, found none",
              "merge within the job, or name the nodes: --expect 'gpu[0-3]'");
}

}  // namespace goldseal::fleet

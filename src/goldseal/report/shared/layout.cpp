// SPDX-License-Identifier: Apache-2.0
#include <goldseal/report/shared/layout.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace goldseal {
namespace {

constexpr std::string_view k_gap = "  ";
constexpr std::size_t k_narrowest_column = 8;

// The code point at the start of valid UTF-8, and its length.
std::pair<char32_t, std::size_t> decode(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (length == 1 || length > text.size()) return {lead, 1};
  char32_t point = lead & (0xFFU >> (length + 1));
  for (const char c : text.substr(1, length - 1)) point = (point << 6U) | (static_cast<unsigned char>(c) & 0x3FU);
  return {point, length};
}

// East Asian wide and fullwidth ranges of UAX #11, to the block.
std::size_t width_of(char32_t point) {
  struct Range {
    char32_t first, last;
  };
  constexpr std::array k_none{Range{0x300, 0x36F}, Range{0x200B, 0x200D}, Range{0x20D0, 0x20FF}, Range{0xFE00, 0xFE0F}};
  constexpr std::array k_wide{Range{0x1100, 0x115F},   Range{0x2E80, 0x303E},  Range{0x3041, 0xA4CF},
                              Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},  Range{0xFE30, 0xFE6F},
                              Range{0xFF00, 0xFF60},   Range{0xFFE0, 0xFFE6},  Range{0x1F300, 0x1F64F},
                              Range{0x1F900, 0x1F9FF}, Range{0x20000, 0x3FFFD}};
  const auto holds = [point](const Range& range) { return point >= range.first && point <= range.last; };
  if (point < 0x300) return 1;
  if (std::ranges::any_of(k_none, holds)) return 0;
  return std::ranges::any_of(k_wide, holds) ? 2 : 1;
}

std::string ascii_likeness(char32_t point) {
  switch (point) {
    case U'‘':
    case U'’':
      return "'";
    case U'“':
    case U'”':
      return "\"";
    case U'–':
    case U'—':
    case U'−':
      return "-";
    case U'…':
      return "...";
    case U'×':
      return "x";
    case U'·':
    case U'•':
      return "*";
    case U'≤':
      return "<=";
    case U'≥':
      return ">=";
    case U'≠':
      return "!=";
    case U'→':
      return "->";
    default:
      return point < 0x10000 ? fmt::format("\\u{:04x}", static_cast<std::uint32_t>(point))
                             : fmt::format("\\U{:08x}", static_cast<std::uint32_t>(point));
  }
}

// The longest start, or end, of `text` that takes at most `width` columns.
std::string_view fitting_start(std::string_view text, std::size_t width) {
  std::size_t end = 0;
  for (std::size_t taken = 0; end < text.size();) {
    const auto [point, length] = decode(text.substr(end));
    taken += width_of(point);
    if (taken > width) break;
    end += length;
  }
  return text.substr(0, end);
}

std::string_view fitting_end(std::string_view text, std::size_t width) {
  while (display_width(text) > width) text.remove_prefix(decode(text).second);
  return text;
}

std::string_view ellipsis(bool unicode) { return unicode ? "…" : ".."; }

// A number, a place such as (0, 12), or what stands in the place of one.
bool looks_numeric(std::string_view cell) {
  if (cell.empty() || cell == "none" || cell == "nan" || cell == "inf" || cell == "-inf") return true;
  return cell.find_first_not_of("0123456789.,+-eE%x() ") == std::string_view::npos &&
         cell.find_first_of("0123456789") != std::string_view::npos;
}

struct Column {
  std::size_t width = 0;
  bool numeric = true;
};

using Cells = std::vector<std::vector<std::string>>;  // the heading, then the rows

Cells printable_cells(const Table& table, std::size_t row_limit, bool unicode) {
  Cells cells;
  const auto add = [&](const std::vector<std::string>& row) {
    auto& line = cells.emplace_back();
    for (std::size_t i = 0; i < table.columns.size(); ++i)
      line.push_back(i < row.size() ? printable(row[i], unicode) : std::string{});
  };
  add(table.columns);
  for (std::size_t i = 0; i < std::min(row_limit, table.rows.size()); ++i) add(table.rows[i]);
  return cells;
}

std::vector<Column> measured(const Cells& cells) {
  std::vector<Column> columns(cells.front().size());
  for (std::size_t row = 0; row < cells.size(); ++row) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      columns[i].width = std::max(columns[i].width, display_width(cells[row][i]));
      if (row > 0 && !looks_numeric(cells[row][i])) columns[i].numeric = false;
    }
  }
  return columns;
}

// A number that is shortened is another number.
std::size_t least_width(const Column& column) {
  return column.numeric ? column.width : std::min(column.width, k_narrowest_column);
}

// Takes from the widest column of text until the table fits, as far as that leaves something to read.
void shrink(std::vector<Column>& columns, std::size_t width) {
  const auto total = [&] {
    return std::accumulate(columns.begin(), columns.end(), k_gap.size() * (columns.size() - 1),
                           [](std::size_t sum, const Column& column) { return sum + column.width; });
  };
  const auto spare = [](const Column& column) { return column.width > least_width(column) ? column.width : 0; };
  while (total() > width) {
    const auto widest = std::ranges::max_element(columns, {}, spare);
    if (spare(*widest) == 0) return;
    --widest->width;
  }
}

// The columns of each stretch of a table that is too wide for one; all stretches have the first column, which names
// the row and keeps a quarter of the width if it needs that.
std::vector<std::vector<std::size_t>> stretches_of(const std::vector<Column>& columns, std::size_t width) {
  const std::size_t name = std::max(least_width(columns[0]), std::min(columns[0].width, width / 4));
  std::vector<std::vector<std::size_t>> stretches{{0}};
  std::size_t taken = name;
  for (std::size_t i = 1; i < columns.size(); ++i) {
    const auto needed = k_gap.size() + least_width(columns[i]);
    if (taken + needed > width && stretches.back().size() > 1) {
      stretches.push_back({0});
      taken = name;
    }
    stretches.back().push_back(i);
    taken += needed;
  }
  return stretches;
}

template <typename T>
std::vector<T> chosen(const std::vector<T>& all, const std::vector<std::size_t>& indices) {
  std::vector<T> result;
  for (const auto index : indices) result.push_back(all[index]);
  return result;
}

std::string joined(const std::vector<std::string>& cells, const std::vector<Column>& columns, bool unicode) {
  std::string line;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) line += k_gap;
    line += pad(shorten(cells[i], columns[i].width, unicode), columns[i].width, columns[i].numeric);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string rule(const std::vector<Column>& columns, bool unicode) {
  std::string line;
  for (const auto& column : columns) {
    if (!line.empty()) line += k_gap;
    for (std::size_t i = 0; i < column.width; ++i) line += unicode ? "─" : "-";
  }
  return line;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const auto [point, length] = decode(text);
    width += width_of(point);
    text.remove_prefix(length);
  }
  return width;
}

std::string printable(std::string_view text, bool unicode) {
  auto safe = escape_unprintable(text);
  if (unicode || std::ranges::all_of(safe, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return safe;
  std::string ascii;
  for (std::string_view rest = safe; !rest.empty();) {
    const auto [point, length] = decode(rest);
    if (point < 0x80) {
      ascii += rest[0];
    } else {
      ascii += ascii_likeness(point);
    }
    rest.remove_prefix(length);
  }
  return ascii;
}

std::string printable_lines(std::string_view text, bool unicode) {
  std::string lines;
  for (bool first = true; const auto line : split(text, '\n')) {
    if (!first) lines += '\n';
    first = false;
    lines += printable(line, unicode);
  }
  return lines;
}

std::string shorten(std::string_view text, std::size_t width, bool unicode) {
  if (display_width(text) <= width) return std::string(text);
  const auto mark = ellipsis(unicode);
  const auto room = width - std::min(width, display_width(mark));
  return fmt::format("{}{}{}", fitting_start(text, room - room / 2), mark, fitting_end(text, room / 2));
}

std::string cut(std::string_view text, std::size_t width, bool unicode) {
  if (display_width(text) <= width) return std::string(text);
  const auto mark = ellipsis(unicode);
  return fmt::format("{}{}", fitting_start(text, width - std::min(width, display_width(mark))), mark);
}

std::string pad(std::string_view text, std::size_t width, bool right_aligned) {
  const auto taken = display_width(text);
  const std::string fill(width > taken ? width - taken : 0, ' ');
  return right_aligned ? fill + std::string(text) : std::string(text) + fill;
}

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  for (const auto paragraph : split(text, '\n')) {
    std::string line;
    std::size_t taken = 0;
    for (const auto word : split(paragraph, ' ')) {
      const auto needed = display_width(word);
      if (taken > 0 && taken + 1 + needed > width) {
        lines.push_back(std::exchange(line, {}));
        taken = 0;
      }
      if (taken > 0) line += ' ';
      line += word;
      taken += needed + (taken > 0 ? 1 : 0);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::string> lay_out(const Table& table, std::size_t width, std::size_t row_limit, bool unicode) {
  if (table.columns.empty()) return {};
  const auto cells = printable_cells(table, row_limit, unicode);
  const auto all = measured(cells);
  std::vector<std::string> lines;
  for (const auto& stretch : stretches_of(all, width)) {
    auto columns = chosen(all, stretch);
    shrink(columns, width);
    lines.push_back(joined(chosen(cells.front(), stretch), columns, unicode));
    lines.push_back(rule(columns, unicode));
    for (std::size_t i = 1; i < cells.size(); ++i) lines.push_back(joined(chosen(cells[i], stretch), columns, unicode));
  }
  if (const auto left = row_count(table) - std::min(row_limit, table.rows.size()); left > 0)
    lines.push_back(fmt::format("{} {} more", unicode ? "…" : "...", format_count(left)));
  return lines;
}

}  // namespace goldseal

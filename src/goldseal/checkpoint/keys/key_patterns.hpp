// SPDX-License-Identifier: Apache-2.0
// Libraries leave their traces in names, such as adapters, quantizers or pipeline stages. They
// are rows of a table (key_pattern_table.cpp), with a cause and a remedy each. key_causes.cpp asks
// it. No row changes the match.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// How many of a side's names a pattern must match; `none`: not one of them may.
enum class Share { none, any, most, all };

/// One way in which names tell how a file was made. A pattern is alternatives with a space between them, each a run of
/// whole segments with dots between them; `*` stands for any characters of a segment, `#` for a number, `^` before it
/// for the name's beginning and `$` behind it for the name's end.
struct KeyPattern {
  std::string_view id;       ///< `peft.adapter`: the tests go by it
  std::string_view file;     ///< matched with the names that the file has alone, or with another shape or type
  Share file_share = Share::any;
  std::string_view beside = {};  ///< what may stand beside those in the file, and counts for no share
  std::string_view network;  ///< the same of the network; empty: anything
  Share network_share = Share::any;
  bool fits = false;         ///< only where the file lacks nothing
  /// With {file} and {network} for the first name that matched, {n} and {m} for how many did, {first} for how many the
  /// first alternative matched in the file; {allow} and {drop} for options that name the file's.
  std::string_view cause;
  std::string_view remedy;
};

/// From the particular to the general.
[[nodiscard]] std::span<const KeyPattern> key_patterns();

/// What a row that applies says.
struct PatternMatch {
  const KeyPattern* pattern = nullptr;
  std::string cause;
  std::string remedy;
};

/// The first row that applies to the names that only the file has and those that only the network has; `pattern` is
/// null where none does.
[[nodiscard]] PatternMatch match_patterns(std::span<const std::string_view> file,
                                          std::span<const std::string_view> network);

/// Whether one of the pattern's alternatives matches the name.
[[nodiscard]] bool matches_pattern(std::string_view name, std::string_view pattern);

}  // namespace goldseal

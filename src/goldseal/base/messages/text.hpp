// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// A text of more bytes than people read, cut to its beginning and its end, with how long it was.
inline constexpr std::size_t k_longest_text = 4096;
[[nodiscard]] std::string bounded(std::string text, std::size_t limit = k_longest_text);

/// Text that came from a file or a process, safe to print: control characters and bytes that are not UTF-8 as `\x1b`,
/// and bounded.
[[nodiscard]] std::string escape_unprintable(std::string_view text);

[[nodiscard]] bool is_utf8(std::string_view text);

/// The same text where it is UTF-8; else with each byte that is not as `\xe9`, for formats that take UTF-8 alone.
[[nodiscard]] std::string to_utf8(std::string text);

/// `236.5 MiB`, `412 bytes`.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

/// 61949149 as `61,949,149`.
[[nodiscard]] std::string format_count(std::uint64_t count);

[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);
/// The parts would point into a string that is gone.
template <std::same_as<std::string> Temporary>
std::vector<std::string_view> split(Temporary&& text, char separator) = delete;

/// True where `*` in the pattern stands for any characters, `?` for one, and the rest for itself, over the whole text.
[[nodiscard]] bool matches_glob(std::string_view text, std::string_view pattern);

/// The candidate nearest to `text` by edit distance, if it is near enough to be a slip of the hand:
/// at most a third of the length.
[[nodiscard]] std::optional<std::string> did_you_mean(std::string_view text, std::span<const std::string> candidates);
/// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b` (optimal string alignment).
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// The codes of pickle stand here once, with their names for messages. list_globals() walks a
// refused pickle so that its message can name what it wanted. Interpreting opcodes is left to
// pickle.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal::pickle {

/// The opcodes that a checkpoint may use (codes of Python's Lib/pickletools.py).
namespace op {
inline constexpr std::uint8_t mark = '(';
inline constexpr std::uint8_t stop = '.';
inline constexpr std::uint8_t pop = '0';
inline constexpr std::uint8_t pop_mark = '1';
inline constexpr std::uint8_t bin_bytes = 'B';
inline constexpr std::uint8_t short_bin_bytes = 'C';
inline constexpr std::uint8_t bin_string = 'T';
inline constexpr std::uint8_t none = 'N';
inline constexpr std::uint8_t bin_int = 'J';
inline constexpr std::uint8_t bin_int1 = 'K';
inline constexpr std::uint8_t bin_int2 = 'M';
inline constexpr std::uint8_t bin_persid = 'Q';
inline constexpr std::uint8_t bin_float = 'G';
inline constexpr std::uint8_t reduce = 'R';
inline constexpr std::uint8_t short_bin_string = 'U';
inline constexpr std::uint8_t bin_unicode = 'X';
inline constexpr std::uint8_t append = 'a';
inline constexpr std::uint8_t build = 'b';
inline constexpr std::uint8_t global = 'c';
inline constexpr std::uint8_t appends = 'e';
inline constexpr std::uint8_t bin_get = 'h';
inline constexpr std::uint8_t long_bin_get = 'j';
inline constexpr std::uint8_t bin_put = 'q';
inline constexpr std::uint8_t long_bin_put = 'r';
inline constexpr std::uint8_t set_item = 's';
inline constexpr std::uint8_t tuple = 't';
inline constexpr std::uint8_t set_items = 'u';
inline constexpr std::uint8_t empty_dict = '}';
inline constexpr std::uint8_t empty_list = ']';
inline constexpr std::uint8_t empty_tuple = ')';
inline constexpr std::uint8_t proto = 0x80;
inline constexpr std::uint8_t new_object = 0x81;
inline constexpr std::uint8_t tuple1 = 0x85;
inline constexpr std::uint8_t tuple2 = 0x86;
inline constexpr std::uint8_t tuple3 = 0x87;
inline constexpr std::uint8_t new_true = 0x88;
inline constexpr std::uint8_t new_false = 0x89;
inline constexpr std::uint8_t long1 = 0x8a;
inline constexpr std::uint8_t long4 = 0x8b;
// Of protocol 4, only in the metadata of torch.distributed.checkpoint.
inline constexpr std::uint8_t short_bin_unicode = 0x8c;
inline constexpr std::uint8_t stack_global = 0x93;
inline constexpr std::uint8_t memoize = 0x94;
inline constexpr std::uint8_t frame = 0x95;
}  // namespace op

/// Python's name of any opcode, `STACK_GLOBAL`; empty for other codes.
[[nodiscard]] std::string_view opcode_name(std::uint8_t code);

/// The (module, name) pairs that a pickle would import, each once and in order, as far as its opcodes can be walked.
/// Executes nothing and never throws.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> list_globals(std::span<const std::byte> bytes);

}  // namespace goldseal::pickle

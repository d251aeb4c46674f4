// SPDX-License-Identifier: Apache-2.0
#include <goldseal/manifest/self_digest.hpp>

#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/base/messages/error.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

constexpr std::string_view k_line_start = "\ndigest = \"";
constexpr std::size_t k_hex_digits = 64;

// Where the hexadecimal digits begin; npos without that line.
std::size_t digits_begin(std::string_view text) {
  const auto line = text.find(k_line_start);
  return line == std::string_view::npos ? line : line + k_line_start.size();
}

}  // namespace

std::string with_self_digest(std::string text) {
  const auto hex = to_hex(sha256(text));
  text.insert(digits_begin(text), hex);
  return text;
}

void check_self_digest(std::string_view text, const std::string& where) {
  const auto begin = digits_begin(text);
  const auto recorded = begin == std::string_view::npos ? std::nullopt : parse_digest(text.substr(begin, k_hex_digits));
  if (!recorded || text.substr(begin + k_hex_digits, 1) != "\"") {
    throw Error(ErrorKind::malformed, where, "expected a line `digest = \"…\"` with 64 hexadecimal digits, found none",
                "the manifest is cut short, or the file is another one; take the seal from its source again");
  }
  std::string plain(text.substr(0, begin));
  plain += text.substr(begin + k_hex_digits);
  const auto actual = sha256(plain);
  if (actual == *recorded) return;
  throw Error(ErrorKind::malformed, where,
              fmt::format("the manifest was changed after it was sealed: its digest says {}, its text gives {}",
                          to_hex(*recorded).substr(0, 16), to_hex(actual).substr(0, 16)),
              "take the seal from its source again, or seal the checkpoint again");
}

}  // namespace goldseal

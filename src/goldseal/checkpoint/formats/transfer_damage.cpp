// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/formats/transfer_damage.hpp>

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/readers.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace goldseal {
namespace {

using namespace std::string_view_literals;

// So much of a file stands for all of it.
constexpr std::size_t k_looked_at = std::size_t{64} << 20U;

/// How torch.save began before 1.6, up to the line feed among those bytes: `80 02 8a 0a`, the length of a magic number.
constexpr auto k_legacy_begin = "\x80\x02\x8a"sv;
constexpr auto k_legacy_rest = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv;

bool begins_as_legacy(std::string_view head, std::string_view line_feed) {
  return head.starts_with(k_legacy_begin) && head.substr(k_legacy_begin.size()).starts_with(line_feed) &&
         head.substr(k_legacy_begin.size() + line_feed.size()).starts_with(k_legacy_rest);
}

/// What kind of checkpoint begins there; empty for none.
std::string_view kind_at(std::span<const std::byte> bytes) {
  if (as_text(bytes).starts_with("PK\3\4"sv)) return "a zip archive (torch.save)";
  if (is_torch_legacy(bytes)) return "a file of torch.save before 1.6";
  if (is_safetensors(bytes)) return "a safetensors file";
  return {};
}

struct LineEnds {
  std::size_t feeds = 0;       // 0a
  std::size_t pairs = 0;       // 0d 0a
  double expected_pairs = 0;   // that chance puts there
};

constexpr std::size_t k_block = 4096;

// By places in a word of four bytes: the upper byte of a float is an exponent, and seldom either of the two.
double expected_pairs(std::string_view block) {
  constexpr std::size_t k_word = 4;
  std::array<std::size_t, k_word> feeds{};
  std::array<std::size_t, k_word> returns{};
  for (std::size_t i = 0; i < block.size(); ++i) {
    feeds[i % k_word] += block[i] == '\n' ? 1U : 0U;
    returns[i % k_word] += block[i] == '\r' ? 1U : 0U;
  }
  double pairs = 0;
  for (std::size_t place = 0; place < k_word; ++place)
    pairs += static_cast<double>(returns[place] * feeds[(place + 1) % k_word]);
  return pairs / static_cast<double>(block.size() / k_word);
}

LineEnds count_line_ends(std::string_view text) {
  LineEnds ends;
  for (std::size_t i = 0; i < text.size(); ++i) {
    ends.feeds += text[i] == '\n' ? 1U : 0U;
    ends.pairs += text[i] == '\n' && i > 0 && text[i - 1] == '\r' ? 1U : 0U;
  }
  for (std::size_t at = 0; at + k_block <= text.size(); at += k_block)
    ends.expected_pairs += expected_pairs(text.substr(at, k_block));
  return ends;
}

constexpr auto k_binary =
    "copy it again as binary: FTP in binary mode, `*.pth *.pt *.safetensors binary` in .gitattributes (or Git LFS), files "
    "opened with \"wb\" and \"rb\"; the copy cannot be mended: nothing tells which of these bytes were there before";

// Among bytes of weights one line feed of 256 has a carriage return before it.
constexpr std::size_t k_few_feeds = 6;
// So many pairs are expected by chance where there is none: e^-16 by a Poisson distribution.
constexpr double k_expected_pairs = 16;

std::optional<std::pair<std::string, std::string>> told_by_line_ends(std::string_view text) {
  const auto ends = count_line_ends(text);
  if (ends.feeds >= k_few_feeds && ends.pairs == ends.feeds) {
    return std::pair{fmt::format("it was transferred as text, and is damaged: each of its {} line feeds has a carriage "
                                 "return before it (LF became CR LF)",
                                 format_count(ends.feeds)),
                     std::string(k_binary)};
  }
  if (ends.pairs == 0 && ends.expected_pairs >= k_expected_pairs) {
    return std::pair{fmt::format("it was transferred as text, and is damaged: not one carriage return stands before a line "
                                 "feed, where chance puts about {:.0f} (CR LF became LF)",
                                 ends.expected_pairs),
                     std::string(k_binary)};
  }
  return std::nullopt;
}

// Weights are no UTF-8: half of their bytes have the upper bit set.
std::optional<std::pair<std::string, std::string>> told_by_encoding(std::string_view text) {
  constexpr std::size_t k_few = 64;
  const auto wide = static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0xC0U; }));
  if (wide < k_few || !is_utf8(text.substr(0, text.size() - std::min<std::size_t>(text.size() == k_looked_at ? 4 : 0, text.size()))))
    return std::nullopt;
  std::size_t replaced = 0;
  for (auto at = text.find("\xEF\xBF\xBD"sv); at != std::string_view::npos; at = text.find("\xEF\xBF\xBD"sv, at + 3)) ++replaced;
  return std::pair{
      replaced * 2 > wide
          ? fmt::format("it was decoded as text, and is damaged: {} of its bytes were replaced by the mark for what is no "
                        "UTF-8 (EF BF BD)", format_count(replaced))
          : fmt::format("it was written as text, and is damaged: its bytes are UTF-8 throughout, {} of them in two or more",
                        format_count(wide)),
      std::string("copy it again as binary: a program read or wrote it as a string (response.text, open(…, \"w\"), an editor)")};
}

constexpr std::size_t k_end_size = 22;

// Whether the archive that this end record closes began with the file: its directory then lies where the record says. That of
// an archive inside another one lies further back.
bool ends_first_archive(std::string_view text, std::size_t end_record) {
  constexpr std::size_t k_offset_of_directory = 16;
  std::size_t directory = 0;
  for (std::size_t i = 4; i-- > 0;)
    directory = directory << 8U | static_cast<unsigned char>(text[end_record + k_offset_of_directory + i]);
  return directory < end_record && text.substr(directory).starts_with("PK\1\2"sv);
}

// Of a zip archive: where its end record ends, if something that begins a checkpoint follows.
std::optional<std::size_t> joined_zip(std::span<const std::byte> bytes) {
  const auto text = as_text(bytes);
  for (auto at = text.find("PK\5\6"sv); at != std::string_view::npos; at = text.find("PK\5\6"sv, at + 4)) {
    const auto next = at + k_end_size;
    if (next < bytes.size() && !kind_at(bytes.subspan(next)).empty() && ends_first_archive(text, at)) return next;
  }
  return std::nullopt;
}

// Of the others the reader says where they end: `PATH at byte N`.
std::optional<std::size_t> told_end(const Error& found) {
  if (found.message().find(" follow the last ") == std::string::npos) return std::nullopt;
  const auto at = found.where().rfind("at byte ");
  if (at == std::string::npos) return std::nullopt;
  std::size_t end = 0;
  for (const char c : std::string_view(found.where()).substr(at + 8)) {
    if (c < '0' || c > '9' || end > std::size_t{1} << 56U) return std::nullopt;
    end = end * 10 + static_cast<std::size_t>(c - '0');
  }
  return end;
}

std::optional<std::pair<std::string, std::string>> told_by_joint(std::span<const std::byte> bytes, const Error& found) {
  const auto zip = as_text(bytes).starts_with("PK\3\4"sv);
  const auto end = zip ? joined_zip(bytes) : told_end(found);
  if (!end || *end == 0 || *end >= bytes.size()) return std::nullopt;
  const auto second = kind_at(bytes.subspan(*end));
  if (second.empty()) return std::nullopt;
  return std::pair{
      fmt::format("two files were joined: {} of {} bytes, and behind it {}", kind_at(bytes), format_count(*end), second),
      fmt::format("take them apart, head -c {} FILE > FIRST and tail -c +{} FILE > SECOND, and name the one that is meant", *end,
                  *end + 1)};
}

}  // namespace

std::optional<Error> explain_transfer(const MappedFile& file, const Error& found) {
  const auto bytes = file.bytes();
  const auto text = as_text(bytes.first(std::min(bytes.size(), k_looked_at)));
  const bool replaced = text.starts_with("\xEF\xBF\xBD\x02\xEF\xBF\xBD"sv) || text.starts_with("\xC2\x80\x02\xC2\x8A"sv);
  if (kind_at(bytes).empty() && !begins_as_legacy(text, "\r\n") && !replaced) return std::nullopt;
  auto told = told_by_line_ends(text);
  if (!told) told = told_by_encoding(text);
  if (!told) told = told_by_joint(bytes, found);
  if (!told) return std::nullopt;
  return Error(ErrorKind::malformed, found.where(), told->first, told->second);
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/description/line_ends.hpp>

#include <algorithm>
#include <span>

namespace goldseal {
namespace {

constexpr std::string_view k_windows = "CR LF (Windows)";
constexpr std::string_view k_unix = "LF (Unix)";
constexpr std::size_t k_most_text = std::size_t{64} << 20U;  // no text that a model is described by is larger

Digest digest_of(const std::string& text) { return sha256(std::as_bytes(std::span(text))); }

// Python ends a line there, and other readers do not.
bool has_lone_return(std::string_view text) {
  for (auto at = text.find('\r'); at != std::string_view::npos; at = text.find('\r', at + 1))
    if (!text.substr(at + 1).starts_with('\n')) return true;
  return false;
}

std::string windows_line_ends(std::string_view text) {
  std::string rewritten;
  for (const char c : text) {
    if (c == '\n') rewritten += '\r';
    rewritten += c;
  }
  return rewritten;
}

}  // namespace

std::string plain_line_ends(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') plain += text[i];
  return plain;
}

std::optional<LineEnds> other_line_ends(std::string_view text, std::uint64_t sealed_bytes, const Digest& sealed) {
  // Most files that differ are told by their size, without a copy of the text.
  if (text.size() > k_most_text || text.size() == sealed_bytes) return std::nullopt;
  if (has_lone_return(text)) return std::nullopt;
  if (text.size() > sealed_bytes) {
    const auto plain = plain_line_ends(text);
    if (plain.size() == sealed_bytes && digest_of(plain) == sealed)
      return LineEnds{std::string(k_unix), std::string(k_windows)};
    return std::nullopt;
  }
  if (text.find('\r') != std::string_view::npos) return std::nullopt;
  const auto ends = static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
  if (text.size() + ends != sealed_bytes || digest_of(windows_line_ends(text)) != sealed) return std::nullopt;
  return LineEnds{std::string(k_windows), std::string(k_unix)};
}

}  // namespace goldseal

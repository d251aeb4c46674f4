// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/description/python_code.hpp>

#include <goldseal/workflow/description/line_ends.hpp>

#include <algorithm>
#include <cctype>
#include <span>
#include <string>

namespace goldseal {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & '\x80') != 0; }

// What is read after all: `# type: (Tensor) -> Tensor`, `# -*- coding: latin-1 -*-`.
bool is_read(std::string_view comment) {
  return comment.find("type:") != std::string_view::npos || comment.find("coding") != std::string_view::npos;
}

class Stripper {
 public:
  explicit Stripper(std::string_view source) : m_source(source) {}

  // False where the text may be taken apart in another way too.
  bool run() {
    while (m_at < m_source.size()) {
      const char c = m_source[m_at];
      if (c == '\'' || c == '"') {
        if (!take_string()) return false;
      } else if (c == '#') {
        take_comment();
      } else if (c == '\n') {
        end_line();
        ++m_at;
      } else {
        m_line += c;
        ++m_at;
      }
    }
    end_line();
    return !m_ambiguous;
  }

  [[nodiscard]] const std::string& code() const { return m_code; }

 private:
  void take_comment() {
    const auto end = std::min(m_source.find('\n', m_at), m_source.size());
    const auto comment = m_source.substr(m_at, end - m_at);
    if (is_read(comment)) m_line += comment;
    m_at = end;
  }

  void end_line() {
    const auto end = m_line.find_last_not_of(" \t\r");
    // An empty line ends what a backslash goes on with: `x = 1 \\`, nothing, `-2`.
    if (end == std::string::npos && m_code.ends_with("\\\n")) m_ambiguous = true;
    if (end != std::string::npos) m_code.append(m_line, 0, end + 1).append(1, '\n');
    m_line.clear();
  }

  // Whether the letters before the quote make it an f-string: `f`, `rf`, `t`.
  [[nodiscard]] bool is_formatted() const {
    auto begin = m_line.size();
    while (begin > 0 && is_word(m_line[begin - 1])) --begin;
    return m_line.find_first_of("fFtT", begin) != std::string::npos && m_line.size() - begin <= 2;
  }

  // A string in full, which may have lines of its own.
  bool take_string() {
    const char quote = m_source[m_at];
    const bool formatted = is_formatted();
    const bool triple = m_source.substr(m_at, 3) == std::string(3, quote);
    const std::string_view mark = m_source.substr(m_at, triple ? 3 : 1);
    auto at = m_at + mark.size();
    int braces = 0;
    while (at < m_source.size() && m_source.substr(at, mark.size()) != mark) {
      const char c = m_source[at];
      if (c == '\n' && !triple) return false;
      if (formatted && c == '{') ++braces;
      if (formatted && c == '}' && --braces < 0) return false;
      if (formatted && braces > 0 && (c == '\'' || c == '"' || c == '#' || c == '\\')) return false;
      at += c == '\\' ? 2 : 1;
    }
    if (at >= m_source.size() || braces != 0) return false;
    m_line += m_source.substr(m_at, at + mark.size() - m_at);
    m_at = at + mark.size();
    return true;
  }

  std::string_view m_source;
  std::size_t m_at = 0;
  std::string m_line;  // up to here, with the strings in it
  std::string m_code;
  bool m_ambiguous = false;
};

}  // namespace

std::optional<Digest> digest_of_code(std::string_view source) {
  // Of a null byte, a form feed or a lone carriage return Python's versions make different things.
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\0' || source[i] == '\f') return std::nullopt;
    if (source[i] == '\r' && (i + 1 == source.size() || source[i + 1] != '\n')) return std::nullopt;
  }
  // Python reads both line ends alike, within strings too.
  const auto with_plain_ends = plain_line_ends(source);
  Stripper stripper(with_plain_ends);
  if (!stripper.run()) return std::nullopt;
  return sha256(std::as_bytes(std::span(stripper.code())));
}

}  // namespace goldseal

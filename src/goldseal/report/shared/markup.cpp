// SPDX-License-Identifier: Apache-2.0
#include <goldseal/report/shared/markup.hpp>

#include <goldseal/base/messages/text.hpp>

#include <algorithm>

namespace goldseal {
namespace {

bool is_plain(char c) { return c >= 0x20 && c < 0x7F && c != '&' && c != '<' && c != '>' && c != '"' && c != '\''; }

void append_escaped(std::string& out, std::string_view safe) {
  for (std::size_t i = 0; i < safe.size(); ++i) {
    switch (safe[i]) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '\xEF':
        // U+FFFE and U+FFFF are valid UTF-8, and no characters of XML 1.0.
        if (safe.substr(i, 3) == "\xEF\xBF\xBE" || safe.substr(i, 3) == "\xEF\xBF\xBF") {
          out += safe[i + 2] == '\xBE' ? "\\ufffe" : "\\uffff";
          i += 2;
          break;
        }
        [[fallthrough]];
      default:
        out += safe[i];
    }
  }
}

}  // namespace

std::string escape_markup(std::string_view text) {
  if (std::ranges::all_of(text, is_plain)) return std::string(text);
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (bool first = true; const auto line : split(text, '\n')) {
    if (!first) out += '\n';
    first = false;
    append_escaped(out, escape_unprintable(line));
  }
  return out;
}

std::string prose(std::string_view text) {
  auto rest = escape_markup(text);
  std::string out;
  for (auto begin = rest.find('`'); begin != std::string::npos; begin = rest.find('`')) {
    const auto end = rest.find('`', begin + 1);
    if (end == std::string::npos) break;
    out.append(rest, 0, begin).append("<code>").append(rest, begin + 1, end - begin - 1).append("</code>");
    rest.erase(0, end + 1);
  }
  return out + rest;
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/reading/report_texts.hpp>

#include <goldseal/base/bytes/sha256.hpp>

#include <fmt/format.h>

#include <array>
#include <cstring>

namespace goldseal::fleet {
namespace {

constexpr std::size_t k_shown_digest = 16;  // digits that tell two cut texts apart

}  // namespace

Id ReportTexts::keep(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return kept(text);
  // Cut texts stay apart where they differ.
  const auto digest = to_hex(sha256(text)).substr(0, k_shown_digest);
  return kept(fmt::format("{}… ({})", text.substr(0, limit - 60), digest));
}

Id ReportTexts::kept(std::string_view text) {
  m_kept += text.size();
  if (m_kept > k_most_text) m_json.fail("the report holds more text than reports do");
  return m_names.add(text);
}

void pack(std::string& packed, Id first, Id second) {
  std::array<char, 2 * sizeof(Id)> bytes{};
  std::memcpy(bytes.data(), &first, sizeof first);
  std::memcpy(bytes.data() + sizeof first, &second, sizeof second);
  packed.append(bytes.data(), bytes.size());
}

}  // namespace goldseal::fleet

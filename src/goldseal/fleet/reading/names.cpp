// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/reading/names.hpp>

namespace goldseal::fleet {

Names::Names() { static_cast<void>(add("")); }

Id Names::add(std::string_view text) {
  const std::scoped_lock guard(m_lock);
  if (const auto found = m_ids.find(text); found != m_ids.end()) return found->second;
  const auto& kept = m_texts.emplace_back(text);
  const auto id = static_cast<Id>(m_texts.size() - 1);
  m_ids.emplace(kept, id);
  return id;
}

std::string_view Names::text(Id id) const {
  const std::scoped_lock guard(m_lock);
  return m_texts[id];
}

Id Names::find(std::string_view text) const {
  const std::scoped_lock guard(m_lock);
  const auto found = m_ids.find(text);
  return found == m_ids.end() ? 0 : found->second;
}

Id LocalNames::add(std::string_view text) {
  if (text.empty()) return 0;
  if (const auto found = m_known.find(text); found != m_known.end()) return found->second;
  const auto id = m_all.add(text);
  m_known.emplace(m_all.text(id), id);
  return id;
}

}  // namespace goldseal::fleet

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/packing/packing.hpp>

#include <goldseal/checkpoint/packing/packing_schemes.hpp>

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace goldseal {
namespace {

bool fits(TypeClass wanted, DType dtype) {
  const auto name = to_string(dtype);
  switch (wanted) {
    case TypeClass::any:
      return true;
    case TypeClass::byte:
      return dtype == DType::uint8;
    case TypeClass::int32:
      return dtype == DType::int32;
    case TypeClass::uint32:
      return dtype == DType::uint32;
    case TypeClass::float8:
      return name.starts_with("float8");
    case TypeClass::narrow:
      return name.starts_with("float8") || name.starts_with("float4") || dtype == DType::int8 || dtype == DType::uint8;
    case TypeClass::integer:
      return !is_floating(dtype);
  }
  return false;
}

class Recogniser {
 public:
  explicit Recogniser(std::span<const PackingEntry> entries) : m_entries(entries), m_taken(entries.size()) {
    m_by_name.reserve(entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i) m_by_name.emplace(entries[i].name, i);
  }

  std::vector<PackedWeight> run() {
    for (const auto& row : packing_rows()) find(row);
    const auto first = [](const PackedWeight& weight) { return std::ranges::min(weight.parts); };
    std::ranges::sort(m_found, {}, first);
    return std::move(m_found);
  }

 private:
  void find(const PackingRow& row) {
    const auto anchor = row.parts[row.anchor].suffix;
    for (const auto& entry : m_entries) {
      if (entry.name.ends_with(anchor)) {
        add(row, entry.name.substr(0, entry.name.size() - anchor.size()));
      } else if (anchor.starts_with('.') && entry.name == anchor.substr(1)) {
        add(row, {});  // a layer's own state dict: `SCB` for `fc.SCB`
      }
    }
  }

  void add(const PackingRow& row, std::string_view base) {
    std::vector<std::size_t> parts;
    for (const auto& part : row.parts) {
      const auto found = part.suffix.data() == nullptr ? std::nullopt : entry_of(base, part);
      if (found) parts.push_back(*found);
      if (!found && part.required) return;
    }
    for (const auto part : parts) m_taken[part] = true;
    m_found.push_back({&row.scheme, std::string(joined(base, row.weight)), std::move(parts)});
  }

  std::optional<std::size_t> entry_of(std::string_view base, const PackingPart& part) {
    const auto found = m_by_name.find(joined(base, part.suffix));
    if (found == m_by_name.end() || m_taken[found->second] || !fits(part.type, m_entries[found->second].dtype))
      return std::nullopt;
    return found->second;
  }

  std::string_view joined(std::string_view base, std::string_view suffix) {
    m_name.assign(base).append(base.empty() && suffix.starts_with('.') ? suffix.substr(1) : suffix);
    return m_name;
  }

  std::span<const PackingEntry> m_entries;
  std::unordered_map<std::string_view, std::size_t> m_by_name;
  std::vector<bool> m_taken;
  std::vector<PackedWeight> m_found;
  std::string m_name;  // that was put together last
};

}  // namespace

std::vector<PackedWeight> find_packed_weights(std::span<const PackingEntry> entries) {
  return Recogniser(entries).run();
}

std::vector<PackingGroup> group_by_scheme(std::span<const PackedWeight> weights) {
  std::vector<PackingGroup> groups;
  for (const auto& weight : weights) {
    auto found = std::ranges::find(groups, weight.scheme, &PackingGroup::scheme);
    if (found == groups.end()) found = groups.insert(groups.end(), {weight.scheme, 0, 0, weight.name});
    ++found->weights;
    found->entries += weight.parts.size();
  }
  return groups;
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/signing/json_fields.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace goldseal::signing {

const JsonFields::json& JsonFields::member(const json& value, const std::string& path, const char* name) const {
  if (!value.is_object()) {
    const auto what = path.empty() ? std::string("the document") : path.substr(0, path.size() - 1);
    refuse(fmt::format("{}: expected an object, found {}", what, shown(value)));
  }
  const auto found = value.find(name);
  if (found == value.end()) refuse(fmt::format("expected {}{}, found none", path, name));
  return *found;
}

const JsonFields::json& JsonFields::object(const json& value, const std::string& path, const char* name) const {
  const auto& found = member(value, path, name);
  if (!found.is_object()) refuse(fmt::format("{}{}: expected an object, found {}", path, name, shown(found)));
  return found;
}

const JsonFields::json& JsonFields::array(const json& value, const std::string& path, const char* name) const {
  const auto& found = member(value, path, name);
  if (!found.is_array()) refuse(fmt::format("{}{}: expected a list, found {}", path, name, shown(found)));
  return found;
}

std::string JsonFields::text(const json& value, const std::string& path, const char* name) const {
  const auto& found = member(value, path, name);
  if (!found.is_string()) refuse(fmt::format("{}{}: expected text, found {}", path, name, shown(found)));
  return found.get<std::string>();
}

bool JsonFields::boolean(const json& value, const std::string& path, const char* name) const {
  const auto& found = member(value, path, name);
  if (!found.is_boolean()) refuse(fmt::format("{}{}: expected true or false, found {}", path, name, shown(found)));
  return found.get<bool>();
}

std::vector<std::string> JsonFields::texts_or_empty(const json& value, const std::string& path, const char* name) const {
  std::vector<std::string> texts;
  if (!value.contains(name) || value.at(name).is_null()) return texts;
  for (const auto& item : array(value, path, name)) {
    if (!item.is_string()) refuse(fmt::format("{}{}: expected a list of texts, found {} in it", path, name, shown(item)));
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

void JsonFields::require_members(const json& value, std::string_view what,
                                 std::initializer_list<std::string_view> known) const {
  if (!value.is_object()) refuse(fmt::format("expected {} as a JSON object, found {}", what, shown(value)));
  for (const auto& [name, member] : value.items()) {
    if (std::ranges::find(known, name) == known.end())
      refuse(fmt::format("{} has a member that the format does not know: {}", what, shown(name)));
  }
}

void JsonFields::refuse(std::string message) const {
  throw Error(ErrorKind::malformed, m_where, std::move(message), m_remedy);
}

void JsonFields::decline(std::string message) const {
  throw Error(ErrorKind::unsupported, m_where, std::move(message), m_remedy);
}

std::string JsonFields::shown(const json& value) {
  constexpr std::size_t k_most_characters = 200;
  return escape_unprintable(bounded(value.is_string() ? value.get<std::string>() : value.type_name(), k_most_characters));
}

}  // namespace goldseal::signing

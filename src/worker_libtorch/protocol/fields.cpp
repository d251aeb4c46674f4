// SPDX-License-Identifier: Apache-2.0
#include "protocol/fields.hpp"

#include "protocol/error.hpp"

#include <limits>

namespace goldseal::worker {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(const char* key, const char* expected) {
  throw Refusal(RefusalKind::usage, std::string("`") + key + "` is " + expected);
}

std::string as_text(const json& value, const char* key) {
  if (!value.is_string()) refuse(key, "a string");
  return value.get<std::string>();
}

std::uint64_t as_natural(const json& value, const char* key) {
  if (!value.is_number_unsigned()) refuse(key, "a whole number that is not negative");
  return value.get<std::uint64_t>();
}

}  // namespace

const json& field(const json& object, const char* key) {
  const auto* value = optional_field(object, key);
  if (!value) refuse(key, "missing");
  return *value;
}

std::string text_field(const json& object, const char* key) { return as_text(field(object, key), key); }

std::uint64_t natural_field(const json& object, const char* key) { return as_natural(field(object, key), key); }

const json& list_field(const json& object, const char* key) {
  const auto& value = field(object, key);
  if (!value.is_array()) refuse(key, "a list");
  return value;
}

std::vector<std::int64_t> sizes_field(const json& object, const char* key) {
  std::vector<std::int64_t> sizes;
  for (const auto& element : list_field(object, key)) {
    const auto size = as_natural(element, key);
    if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      refuse(key, "a list of 64-bit sizes");
    sizes.push_back(static_cast<std::int64_t>(size));
  }
  return sizes;
}

const json* optional_field(const json& object, const char* key) {
  if (!object.is_object()) refuse(key, "a member of an object");
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::optional<bool> optional_bool(const json& object, const char* key) {
  const auto* value = optional_field(object, key);
  if (!value) return std::nullopt;
  if (!value->is_boolean()) refuse(key, "true or false");
  return value->get<bool>();
}

std::optional<std::string> optional_text(const json& object, const char* key) {
  const auto* value = optional_field(object, key);
  return value ? std::optional(as_text(*value, key)) : std::nullopt;
}

std::optional<std::uint64_t> optional_natural(const json& object, const char* key) {
  const auto* value = optional_field(object, key);
  return value ? std::optional(as_natural(*value, key)) : std::nullopt;
}

}  // namespace goldseal::worker

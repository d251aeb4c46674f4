// SPDX-License-Identifier: Apache-2.0
#include <goldseal/bom/merge.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace goldseal::bom {
namespace {

using Json = nlohmann::ordered_json;

std::string shown(const Json& value) {
  return escape_unprintable(bounded(value.dump(-1, ' ', false, Json::error_handler_t::replace), 120));
}

void merge_at(Json& document, const Json& more, const std::string& where, const std::string& path) {
  if (document.is_object() && more.is_object()) {
    for (const auto& [name, value] : more.items()) {
      if (!document.contains(name)) {
        document[name] = value;
      } else {
        merge_at(document[name], value, where, fmt::format("{}/{}", path, name));
      }
    }
  } else if (document.is_array() && more.is_array()) {
    for (const auto& value : more) document.push_back(value);
  } else if (document != more) {
    throw Error(ErrorKind::usage, where,
                fmt::format("{}: expected what the seal says, {}; found {}", path.empty() ? "/" : escape_unprintable(path), shown(document), shown(more)),
                "take the member out: --merge adds to a seal's word and changes none of it");
  }
}

}  // namespace

void merge(nlohmann::ordered_json& document, const nlohmann::ordered_json& more, const std::string& where) {
  merge_at(document, more, where, "");
}

}  // namespace goldseal::bom

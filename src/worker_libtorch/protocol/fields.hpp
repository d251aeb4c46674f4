// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace goldseal::worker {

/// Readers of a JSON object's members. They throw Refusal (`usage`) that names the member if it is missing or of
/// another kind; the optional ones give nothing for a missing member or null.
const nlohmann::json& field(const nlohmann::json& object, const char* key);
std::string text_field(const nlohmann::json& object, const char* key);
std::uint64_t natural_field(const nlohmann::json& object, const char* key);
std::vector<std::int64_t> sizes_field(const nlohmann::json& object, const char* key);
const nlohmann::json& list_field(const nlohmann::json& object, const char* key);

const nlohmann::json* optional_field(const nlohmann::json& object, const char* key);
std::optional<bool> optional_bool(const nlohmann::json& object, const char* key);
std::optional<std::string> optional_text(const nlohmann::json& object, const char* key);
std::optional<std::uint64_t> optional_natural(const nlohmann::json& object, const char* key);

}  // namespace goldseal::worker

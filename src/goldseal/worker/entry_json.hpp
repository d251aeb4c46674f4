// SPDX-License-Identifier: Apache-2.0
// State entries and loaded tensors travel as JSON twice: in the worker's replies, and in the results that a verification
// saves. This file is the one codec of both. The readers throw nlohmann's exceptions for a missing member or another
// type; the callers, who know what the text is, say so in their own words.
#pragma once

#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/keys/keys.hpp>
#include <goldseal/worker/protocol.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace goldseal {

/// Throws Error{unsupported} for a type that goldseal does not know.
template <typename Json>
[[nodiscard]] DType read_dtype(const Json& value) {
  const auto text = value.template get<std::string>();
  if (const auto dtype = parse_dtype(text)) return *dtype;
  throw Error(ErrorKind::unsupported, "",
              fmt::format("the network has a tensor of type {}, which goldseal does not know", text));
}

/// As a worker may tell it: what an entry is excused from (`value`, `compiled_in`) is for the command alone to say.
template <typename Json>
[[nodiscard]] Key read_entry(const Json& entry) {
  return {entry.at("name").template get<std::string>(), read_dtype(entry.at("dtype")),
          entry.at("shape").template get<std::vector<std::int64_t>>(), entry.value("persistent", true),
          entry.value("alias_of", std::string())};
}

template <typename Json>
[[nodiscard]] Json write_entry(const Key& key) {
  return {{"name", key.name},
          {"dtype", to_string(key.dtype)},
          {"shape", key.shape},
          {"persistent", key.required},
          {"alias_of", key.alias_of}};
}

/// Throws Error{malformed} for another text than a SHA-256.
template <typename Json>
[[nodiscard]] Digest read_sha256(const Json& value) {
  if (const auto digest = parse_digest(value.template get<std::string>())) return *digest;
  throw Error(ErrorKind::malformed, "", "expected a SHA-256 of 64 hexadecimal digits, found another text");
}

template <typename Json>
[[nodiscard]] LoadedTensor read_loaded(const Json& tensor) {
  return {tensor.at("name").template get<std::string>(), read_dtype(tensor.at("dtype")),
          tensor.at("shape").template get<std::vector<std::int64_t>>(), read_sha256(tensor.at("sha256"))};
}

template <typename Json>
[[nodiscard]] Json write_loaded(const LoadedTensor& tensor) {
  return {{"name", tensor.name},
          {"dtype", to_string(tensor.dtype)},
          {"shape", tensor.shape},
          {"sha256", to_hex(tensor.sha256)}};
}

}  // namespace goldseal

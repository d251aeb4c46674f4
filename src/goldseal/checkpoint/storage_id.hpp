// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/checkpoint/pickle.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace goldseal::pickle {

/// A storage as its persistent id describes it: ('storage', class, key, location, count).
struct StorageId {
  std::string_view key;
  std::string_view location;
  std::optional<DType> dtype;  ///< nothing for an untyped one
  std::uint64_t bytes = 0;
  friend bool operator==(const StorageId&, const StorageId&) = default;
};

/// Throws Error{malformed} where the persistent id is anything else. `where` names the pickle.
[[nodiscard]] StorageId read_storage_id(const Document& document, Id persistent, const std::string& where);

}  // namespace goldseal::pickle

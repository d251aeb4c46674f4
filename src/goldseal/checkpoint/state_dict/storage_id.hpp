// SPDX-License-Identifier: Apache-2.0
// A pickle refers to storages by persistent ids, tuples that a hostile file can fill with anything.
// This file parses and validates them. Where the bytes lie is known by each container's reader.
#pragma once

#include <goldseal/checkpoint/pickle/pickle.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace goldseal::pickle {

/// A part of a storage that the legacy format keeps as a storage of its own; both numbers count elements.
struct StorageView {
  std::string_view key;
  std::int64_t offset = 0;
  std::int64_t count = 0;
  friend bool operator==(const StorageView&, const StorageView&) = default;
};

/// A storage as its persistent id describes it: ('storage', class, key, location, count), and in the legacy format a
/// sixth part, None or (key of the view, offset, count).
struct StorageId {
  std::string_view key;
  std::string_view location;
  std::optional<DType> dtype;  ///< nothing for an untyped one
  std::uint64_t bytes = 0;     ///< of the whole storage
  std::optional<StorageView> view = std::nullopt;
  friend bool operator==(const StorageId&, const StorageId&) = default;
};

/// Bytes of an element; 1 of an untyped storage.
[[nodiscard]] inline std::uint64_t element_size(const StorageId& id) { return id.dtype ? item_size(*id.dtype) : 1; }

/// Throws Error{malformed} where the persistent id is anything else. `where` names the pickle.
[[nodiscard]] StorageId read_storage_id(const Document& document, Id persistent, const std::string& where);

}  // namespace goldseal::pickle

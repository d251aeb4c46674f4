// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/state_dict/storage_id.hpp>

#include <goldseal/base/bytes/checked.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <utility>

namespace goldseal::pickle {
namespace {

[[noreturn]] void fail(const std::string& where, std::string message) {
  throw Error(ErrorKind::malformed, where, std::move(message), "take the file from its source again");
}

bool has_shape(const Document& document, Id id) {
  if (document.kind(id) != Kind::tuple) return false;
  const auto parts = document.items(id);
  const auto is = [&](std::size_t i, Kind kind) { return document.kind(parts[i]) == kind; };
  return (parts.size() == 5 || parts.size() == 6) && is(0, Kind::text) && document.text(parts[0]) == "storage" &&
         is(1, Kind::global) && is(2, Kind::text) && is(3, Kind::text) && is(4, Kind::integer);
}

std::optional<StorageView> read_view(const Document& document, Id id, std::int64_t count, const std::string& where) {
  if (document.kind(id) == Kind::none) return std::nullopt;
  const auto parts = document.kind(id) == Kind::tuple ? document.items(id) : std::span<const Id>();
  const bool shaped = parts.size() == 3 && document.kind(parts[0]) == Kind::text &&
                      document.kind(parts[1]) == Kind::integer && document.kind(parts[2]) == Kind::integer;
  if (!shaped) fail(where, "expected a storage view (key, offset, count), found another value");
  const StorageView view{document.text(parts[0]), document.integer(parts[1]), document.integer(parts[2])};
  if (view.offset < 0 || view.count < 0 || view.offset > count || view.count > count - view.offset) {
    fail(where, fmt::format("a storage view of {} elements from {} exceeds the storage of {}", view.count, view.offset,
                            count));
  }
  return view;
}

}  // namespace

StorageId read_storage_id(const Document& document, Id persistent, const std::string& where) {
  const auto id = document.persistent(persistent);
  if (!has_shape(document, id))
    fail(where, "expected a persistent id ('storage', class, key, location, count), found another value");
  const auto parts = document.items(id);
  const auto* const known = document.global(parts[1]).known;
  const bool typed = known != nullptr && known->role == Role::storage_class;
  if (!typed && (known == nullptr || known->role != Role::untyped_storage))
    fail(where, "expected a storage class such as torch.FloatStorage, found another class");
  StorageId result;
  result.key = document.text(parts[2]);
  result.location = document.text(parts[3]);
  if (typed) result.dtype = known->dtype;
  const auto count = document.integer(parts[4]);
  const auto bytes = checked_multiply(count, typed ? static_cast<std::int64_t>(item_size(*known->dtype)) : 1);
  if (count < 0 || !bytes)
    fail(where, fmt::format("storage {} has {} elements", escape_unprintable(result.key), count));
  result.bytes = static_cast<std::uint64_t>(*bytes);
  if (parts.size() == 6) result.view = read_view(document, parts[5], count, where);
  return result;
}

}  // namespace goldseal::pickle

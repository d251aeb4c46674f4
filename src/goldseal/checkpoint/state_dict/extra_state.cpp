// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/state_dict/extra_state.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace goldseal::pickle {
namespace {

/// Bytes at protocol 2: _codecs.encode(TEXT, 'latin1'), where each character stands for one; at protocol 3 themselves.
std::optional<std::size_t> count_bytes(const Document& document, Id value) {
  if (document.kind(value) == Kind::text) return document.text(value).size();
  if (document.kind(value) != Kind::call) return std::nullopt;
  const auto& global = document.global(document.callee(value));
  const auto arguments = document.items(document.arguments(value));
  if (global.name == "bytes" && arguments.empty()) return 0;
  if (global.name == "bytearray" && !arguments.empty()) return count_bytes(document, arguments[0]);
  if (global.module != "_codecs" || arguments.empty() || document.kind(arguments[0]) != Kind::text) return std::nullopt;
  const auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; };
  return static_cast<std::size_t>(std::ranges::count_if(document.text(arguments[0]), is_start));
}

/// A BytesIO's state is (bytes, position, attributes).
std::optional<std::size_t> count_stream(const Document& document, Id value) {
  if (document.kind(value) != Kind::call || document.global(document.callee(value)).name != "BytesIO")
    return std::nullopt;
  const auto state = document.state(value);
  const bool shaped = state && document.kind(*state) == Kind::tuple && !document.items(*state).empty();
  return shaped ? count_bytes(document, document.items(*state)[0]) : std::nullopt;
}

std::string describe(const Document& document, Id value) {
  switch (document.kind(value)) {
    case Kind::none:
      return "None";
    case Kind::boolean:
    case Kind::integer:
    case Kind::large_integer:
    case Kind::real:
      return "a number";
    case Kind::text:
      return "a text";
    case Kind::dict:
      return fmt::format("a dict of {} entries", document.items(value).size() / 2);
    case Kind::list:
    case Kind::tuple:
      return fmt::format("a list of {} values", document.items(value).size());
    default:
      break;
  }
  if (document.is_mapping(value)) return fmt::format("a dict of {} entries", document.items(value).size() / 2);
  return "an object";
}

}  // namespace

bool is_extra_state(std::string_view name) { return name == "_extra_state" || name.ends_with("._extra_state"); }

ExtraState describe_extra_state(const Document& document, std::string name, Id value) {
  auto bytes = count_stream(document, value);
  const bool stream = bytes.has_value();
  if (!bytes && document.kind(value) != Kind::text) bytes = count_bytes(document, value);
  if (!bytes) return {std::move(name), describe(document, value)};
  return {std::move(name), fmt::format("{} bytes{}", *bytes, stream ? " in a stream" : "")};
}

}  // namespace goldseal::pickle

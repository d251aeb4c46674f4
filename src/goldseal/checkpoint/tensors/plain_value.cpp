// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/tensors/plain_value.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

std::string sized(std::string_view tag, std::string_view content) {
  return fmt::format("{}{}:", tag, content.size()).append(content);
}

std::string joined(std::string_view tag, std::size_t count, const std::vector<std::string>& parts) {
  auto text = fmt::format("{}{}:", tag, count);
  for (const auto& part : parts) text += part;
  return text;
}

std::string tensor_form(DType dtype, const std::vector<std::int64_t>& shape, const Digest& elements) {
  auto text = fmt::format("T{}[{}]", to_string(dtype), fmt::join(shape, ","));
  for (const auto byte : elements.bytes) text.push_back(static_cast<char>(byte));
  return text;
}

// The canonical form: each value begins with a letter, and ends where its length or a semicolon says.
class Encoder {
 public:
  Encoder(const Checkpoint& checkpoint, const ExtraState& state) : m_checkpoint(checkpoint), m_state(state) {}

  std::string encode(const PlainValue& value) const {
    using Kind = PlainValue::Kind;
    switch (value.kind) {
      case Kind::none:
        return "n";
      case Kind::boolean:
        return value.text == "1" ? "b1" : "b0";
      case Kind::integer:
        return fmt::format("i{};", value.text);
      case Kind::real:
        return fmt::format("f{};", value.text);
      case Kind::complex:
        return fmt::format("c{};", value.text);
      case Kind::text:
        return sized("s", value.text);
      case Kind::bytes:
        return sized("y", value.text);
      case Kind::byte_array:
        return sized("a", value.text);
      case Kind::stream:
        return sized("B", value.text);
      case Kind::dtype:
        return fmt::format("p{};", value.text);
      case Kind::device:
        return fmt::format("v{};", value.text);
      case Kind::tensor:
        return encode_tensor(m_state.tensors.at(value.tensor));
      case Kind::tuple:
        return joined("t", value.items.size(), encode_all(value));
      case Kind::list:
        return joined("l", value.items.size(), encode_all(value));
      case Kind::set:
        return joined("e", value.items.size(), sorted(encode_all(value)));
      case Kind::dict:
      case Kind::ordered_dict:
        return joined("d", value.items.size() / 2, sorted(encode_pairs(value)));
    }
    return {};
  }

 private:
  std::string encode_tensor(const Tensor& tensor) const {
    return tensor_form(tensor.dtype, tensor.shape, digest(m_checkpoint, tensor));
  }

  std::vector<std::string> encode_all(const PlainValue& value) const {
    std::vector<std::string> parts;
    for (const auto& item : value.items) parts.push_back(encode(item));
    return parts;
  }

  std::vector<std::string> encode_pairs(const PlainValue& value) const {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i + 1 < value.items.size(); i += 2)
      parts.push_back(encode(value.items[i]) + encode(value.items[i + 1]));
    return parts;
  }

  static std::vector<std::string> sorted(std::vector<std::string> parts) {
    std::ranges::sort(parts);
    return parts;
  }

  const Checkpoint& m_checkpoint;
  const ExtraState& m_state;
};

Digest digest_of(std::string_view text) { return sha256(text); }

std::uint64_t bytes_of(const PlainValue& value) {
  auto bytes = static_cast<std::uint64_t>(value.text.size());
  for (const auto& item : value.items) bytes += bytes_of(item);
  return bytes;
}

}  // namespace

Digest digest(const Checkpoint& checkpoint, const ExtraState& state) {
  if (!state.unreadable.empty()) {
    throw Error(
        ErrorKind::unsupported, state.name,
        fmt::format("the extra state {} holds {}, which is not a plain value", escape_unprintable(state.name),
                    escape_unprintable(state.unreadable)),
        "return numbers, texts, bytes, tensors, and tuples, lists, sets and dicts of them from get_extra_state()");
  }
  return digest_of(Encoder(checkpoint, state).encode(state.value));
}

Digest extra_state_digest(const Tensor& tensor, const Digest& elements) {
  return digest_of(tensor_form(tensor.dtype, tensor.shape, elements));
}

std::string kind_of(const ExtraState& state) {
  if (!state.unreadable.empty()) return state.unreadable;
  return std::string(to_string(state.value.kind));
}

std::uint64_t bytes_of(const ExtraState& state) {
  auto bytes = bytes_of(state.value);
  for (const auto& tensor : state.tensors) bytes += tensor_bytes(tensor);
  return bytes;
}

std::string_view to_string(PlainValue::Kind kind) {
  // The names of PROTOCOL.md (values), in the order of the enumeration.
  static constexpr std::array<std::string_view, 17> k_names{"none", "bool",  "int",    "float", "complex", "str",
                                                            "bytes", "bytearray", "BytesIO", "dtype", "device", "tensor",
                                                            "tuple", "list", "set", "dict", "OrderedDict"};
  return k_names.at(static_cast<std::size_t>(kind));
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/state_dict/extra_state_reader.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/state_dict/state_dict_search.hpp>

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace goldseal::pickle {
namespace {

using Value = PlainValue;

constexpr int k_depth_limit = 64;
constexpr std::size_t k_value_limit = 1'000'000;

/// What is no plain value, in words.
struct NotPlain {
  std::string what;
};

/// Python 2's pickles write bytes as text whose code points are the bytes.
std::string latin1(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      bytes.push_back(text[i]);
      continue;
    }
    const bool pair = (lead & 0xFCU) == 0xC0U && i + 1 < text.size();
    if (!pair) throw NotPlain{"a value in the place of bytes"};
    bytes.push_back(static_cast<char>(((lead & 0x03U) << 6U) | (static_cast<unsigned char>(text[++i]) & 0x3FU)));
  }
  return bytes;
}

class ValueReader {
 public:
  ValueReader(const Document& document, TensorRebuilder& tensors, ExtraState& state)
      : m_document(document), m_tensors(tensors), m_state(state) {}

  Value read(Id id, int depth = 0) {
    if (depth > k_depth_limit || ++m_count > k_value_limit) throw NotPlain{"values nested without end"};
    switch (m_document.kind(id)) {
      case Kind::none:
        return {};
      case Kind::boolean:
        return scalar(Value::Kind::boolean, m_document.boolean(id) ? "1" : "0");
      case Kind::integer:
        return scalar(Value::Kind::integer, std::to_string(m_document.integer(id)));
      case Kind::real:
        return scalar(Value::Kind::real, hex(m_document.real(id)));
      case Kind::text:
        return scalar(Value::Kind::text, std::string(m_document.text(id)));
      case Kind::tuple:
        return many(Value::Kind::tuple, m_document.items(id), depth);
      case Kind::list:
        return many(Value::Kind::list, m_document.items(id), depth);
      case Kind::dict:
        return many(Value::Kind::dict, m_document.items(id), depth);
      case Kind::global:
        return read_global(m_document.global(id));
      case Kind::call:
        return read_call(id, depth);
      case Kind::large_integer:
        throw NotPlain{"a whole number of more than 64 bits"};
      case Kind::persistent:
        break;
    }
    throw NotPlain{"a storage without a tensor"};
  }

 private:
  static Value scalar(Value::Kind kind, std::string text) { return {kind, std::move(text), {}, 0}; }

  static std::string hex(double value) { return fmt::format("{:016x}", std::bit_cast<std::uint64_t>(value)); }

  Value many(Value::Kind kind, std::span<const Id> items, int depth) {
    Value value{kind, {}, {}, 0};
    for (const auto item : items) value.items.push_back(read(item, depth + 1));
    return value;
  }

  static Value read_global(const Global& global) {
    if (global.known != nullptr && global.known->role == Role::dtype)
      return scalar(Value::Kind::dtype, std::string(to_string(*global.known->dtype)));
    throw NotPlain{named(global)};
  }

  static std::string named(const Global& global) { return fmt::format("{}.{}", global.module, global.name); }

  Value read_call(Id id, int depth) {
    if (is_tensor(m_document, id)) return read_tensor(id);
    if (m_document.is_call(id, Role::ordered_dict)) return many(Value::Kind::ordered_dict, m_document.items(id), depth);
    if (m_document.is_mapping(id)) return many(Value::Kind::dict, m_document.items(id), depth);
    const auto& callee = m_document.global(m_document.callee(id));
    const auto arguments = m_document.items(m_document.arguments(id));
    const bool builtin = callee.module == "__builtin__" || callee.module == "builtins";
    if (callee.module == "_codecs" && callee.name == "encode" && !arguments.empty())
      return scalar(Value::Kind::bytes, latin1(text_of(arguments[0])));
    if ((callee.module == "_io" || callee.module == "io") && callee.name == "BytesIO") return read_stream(id);
    if (callee.module == "torch" && callee.name == "Size" && arguments.size() == 1) return read(arguments[0], depth + 1);
    if (callee.module == "torch" && callee.name == "device") return read_device(arguments);
    if (builtin && callee.name == "bytes") return scalar(Value::Kind::bytes, bytes_of(arguments));
    if (builtin && callee.name == "bytearray") return scalar(Value::Kind::byte_array, bytes_of(arguments));
    if (builtin && callee.name == "complex" && arguments.size() == 2)
      return scalar(Value::Kind::complex, hex(m_document.real(arguments[0])) + hex(m_document.real(arguments[1])));
    if (builtin && (callee.name == "set" || callee.name == "frozenset") && arguments.size() == 1)
      return many(Value::Kind::set, m_document.items(arguments[0]), depth);
    throw NotPlain{named(callee)};
  }

  std::string_view text_of(Id id) const {
    if (m_document.kind(id) != Kind::text) throw NotPlain{"a value in the place of bytes"};
    return m_document.text(id);
  }

  // bytes() is empty, bytearray(TEXT, 'latin-1') and bytearray(BYTES) say what they hold.
  std::string bytes_of(std::span<const Id> arguments) {
    if (arguments.empty()) return {};
    if (m_document.kind(arguments[0]) == Kind::text) return latin1(m_document.text(arguments[0]));
    const auto value = read(arguments[0], 1);
    if (value.kind != Value::Kind::bytes) throw NotPlain{"a value in the place of bytes"};
    return value.text;
  }

  // Its state is (contents, position, attributes).
  Value read_stream(Id id) {
    const auto state = m_document.state(id);
    if (!state || m_document.kind(*state) != Kind::tuple || m_document.items(*state).empty())
      throw NotPlain{"an io.BytesIO without contents"};
    const auto contents = read(m_document.items(*state)[0], 1);
    if (contents.kind != Value::Kind::bytes) throw NotPlain{"an io.BytesIO without contents"};
    return scalar(Value::Kind::stream, contents.text);
  }

  Value read_device(std::span<const Id> arguments) {
    if (arguments.empty()) throw NotPlain{"torch.device"};
    std::string name(text_of(arguments[0]));
    if (arguments.size() > 1 && m_document.kind(arguments[1]) == Kind::integer)
      name += fmt::format(":{}", m_document.integer(arguments[1]));
    return scalar(Value::Kind::device, std::move(name));
  }

  Value read_tensor(Id id) {
    auto tensor = m_tensors.rebuild(m_state.name, id);
    if (!tensor) throw NotPlain{"a tensor that is not strided"};
    Value value{Value::Kind::tensor, {}, {}, m_state.tensors.size()};
    m_state.tensors.push_back(std::move(*tensor));
    return value;
  }

  const Document& m_document;
  TensorRebuilder& m_tensors;
  ExtraState& m_state;
  std::size_t m_count = 0;
};

}  // namespace

ExtraState read_extra_state(const Document& document, TensorRebuilder& tensors, std::string name, Id id) {
  ExtraState state;
  state.name = std::move(name);
  try {
    state.value = ValueReader(document, tensors, state).read(id);
  } catch (const NotPlain& found) {
    state.tensors.clear();
    state.unreadable = found.what;
  }
  return state;
}

}  // namespace goldseal::pickle

// SPDX-License-Identifier: Apache-2.0
#include "networks/network.hpp"

#include "protocol/error.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace goldseal::worker {
namespace {

struct NamedType {
  std::string_view name;
  at::ScalarType type;
};

constexpr std::array k_types{
    NamedType{"float64", at::kDouble},    NamedType{"float32", at::kFloat}, NamedType{"float16", at::kHalf},
    NamedType{"bfloat16", at::kBFloat16}, NamedType{"int64", at::kLong},    NamedType{"int32", at::kInt},
    NamedType{"int16", at::kShort},       NamedType{"int8", at::kChar},     NamedType{"uint8", at::kByte},
    NamedType{"bool", at::kBool},
};

// Of weights alone. Older LibTorches lack some of them, so they are known by their names there.
constexpr std::array<std::pair<std::string_view, std::string_view>, 11> k_types_of_weights{
    {{"complex128", "ComplexDouble"}, {"complex64", "ComplexFloat"}, {"complex32", "ComplexHalf"},
     {"uint16", "UInt16"}, {"uint32", "UInt32"}, {"uint64", "UInt64"}, {"float8_e4m3fn", "Float8_e4m3fn"},
     {"float8_e4m3fnuz", "Float8_e4m3fnuz"}, {"float8_e5m2", "Float8_e5m2"}, {"float8_e5m2fnuz", "Float8_e5m2fnuz"},
     {"float8_e8m0fnu", "Float8_e8m0fnu"}}};

std::optional<at::ScalarType> type_called(std::string_view text) {
  for (int i = 0; i < static_cast<int>(at::ScalarType::NumOptions); ++i)
    if (text == c10::toString(static_cast<at::ScalarType>(i))) return static_cast<at::ScalarType>(i);
  return std::nullopt;
}

}  // namespace

std::vector<std::string> names_of_option(const BuildOptions& options, const std::string& key) {
  std::vector<std::string> names;
  const auto found = options.find(key);
  if (found == options.end()) return names;
  const auto& text = found->second;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    if (end > begin) names.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

void require_non_persistent(const std::set<std::string>& names, const std::vector<StateEntry>& state_entries,
                            const std::string& whose) {
  for (const auto& name : names)
    if (std::none_of(state_entries.begin(), state_entries.end(),
                     [&](const StateEntry& state_entry) { return state_entry.name == name; }))
      throw Refusal(RefusalKind::usage, "option non_persistent names `" + name + "`, which the " + whose + " lacks");
}

std::string name_of_dtype(at::ScalarType dtype) {
  for (const auto& entry : k_types)
    if (entry.type == dtype) return std::string(entry.name);
  for (const auto& [name, text] : k_types_of_weights)
    if (text == c10::toString(dtype)) return std::string(name);
  return c10::toString(dtype);
}

std::optional<at::ScalarType> dtype_of_name(std::string_view name) {
  for (const auto& entry : k_types)
    if (entry.name == name) return entry.type;
  for (const auto& [known, text] : k_types_of_weights)
    if (known == name) return type_called(text);
  return std::nullopt;
}

std::string text_of_shape(at::IntArrayRef shape) {
  std::string text = "[";
  for (const auto size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

std::string text_of_number(double value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

}  // namespace goldseal::worker

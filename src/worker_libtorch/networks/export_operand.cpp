// SPDX-License-Identifier: Apache-2.0
#include "networks/export_operand.hpp"

#include "protocol/error.hpp"

#include <ATen/ScalarOps.h>
#include <ATen/core/jit_type.h>

#include <limits>
#include <utility>

namespace goldseal::worker {
namespace {

using c10::IValue;
using nlohmann::json;

Operand constant(IValue value) { return {Operand::Kind::constant, std::move(value), 0, {}}; }

Operand reference(const std::string& name, const ValueNames& names) {
  return {Operand::Kind::value, {}, value_named(names, name), {}};
}

// JSON has no infinities: they are written as texts.
double real_number(const json& value) {
  if (value.is_number()) return value.get<double>();
  const auto text = value.get<std::string>();
  if (text == "Infinity" || text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity" || text == "-inf") return -std::numeric_limits<double>::infinity();
  return std::numeric_limits<double>::quiet_NaN();
}

// torch/_export/serde/schema.py, MemoryFormat.
IValue memory_format(std::int64_t number) {
  switch (number) {
    case 1:
      return static_cast<std::int64_t>(at::MemoryFormat::Contiguous);
    case 2:
      return static_cast<std::int64_t>(at::MemoryFormat::ChannelsLast);
    case 3:
      return static_cast<std::int64_t>(at::MemoryFormat::ChannelsLast3d);
    case 4:
      return static_cast<std::int64_t>(at::MemoryFormat::Preserve);
    default:
      throw Refusal(RefusalKind::unsupported, "memory format " + std::to_string(number) + " is not known here");
  }
}

// The same file, Layout: 7 is strided.
IValue layout(std::int64_t number) {
  if (number != 7) throw Refusal(RefusalKind::unsupported, "the program uses sparse tensors");
  return static_cast<std::int64_t>(at::kStrided);
}

IValue scalar_type(std::int64_t number) {
  const auto type = export_scalar_type(number);
  if (!type) throw Refusal(RefusalKind::unsupported, "element type " + std::to_string(number) + " is not known here");
  return static_cast<std::int64_t>(*type);
}

// A size or number that the program computes, or one that is fixed: {"as_name": "s0"}, {"as_int": 3}.
Operand symbol(const json& body, const ValueNames& names) {
  if (body.contains("as_name")) return reference(body.at("as_name").get<std::string>(), names);
  if (body.contains("as_int")) return constant(body.at("as_int").get<std::int64_t>());
  if (body.contains("as_bool")) return constant(body.at("as_bool").get<bool>());
  return constant(real_number(body.at("as_float")));
}

template <class ReadItem>
Operand list(const json& items, ReadItem read_item) {
  Operand operand{Operand::Kind::list, {}, 0, {}};
  for (const auto& item : items) operand.items.push_back(read_item(item));
  return operand;
}

Operand optional_tensor(const json& item, const ValueNames& names) {
  if (item.contains("as_none")) return constant({});
  return reference(item.at("as_tensor").at("name").get<std::string>(), names);
}

IValue fit(IValue value, const c10::TypePtr& type, const std::optional<std::int32_t>& length);

template <class T>
IValue typed_list(const std::vector<IValue>& items) {
  c10::List<T> list;
  list.reserve(items.size());
  for (const auto& item : items) list.push_back(item.to<T>());
  return list;
}

IValue fit_list(std::vector<IValue> items, const c10::TypePtr& element) {
  for (auto& item : items) item = fit(std::move(item), element, std::nullopt);
  switch (element->kind()) {
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      return typed_list<std::int64_t>(items);
    case c10::TypeKind::FloatType:
      return typed_list<double>(items);
    case c10::TypeKind::BoolType:
      return typed_list<bool>(items);
    case c10::TypeKind::TensorType:
      return typed_list<at::Tensor>(items);
    default:
      break;
  }
  c10::impl::GenericList list(element);
  for (auto& item : items) list.push_back(std::move(item));
  return list;
}

IValue fit(IValue value, const c10::TypePtr& type, const std::optional<std::int32_t>& length) {
  if (const auto optional = type->cast<c10::OptionalType>()) {
    if (value.isNone()) return value;
    return fit(std::move(value), optional->getElementType(), length);
  }
  if (const auto list = type->cast<c10::ListType>()) {
    if (value.isTuple()) return fit_list(value.toTupleRef().elements().vec(), list->getElementType());
    if (value.isList()) return value;
    // `stride=2` where the operator has int[2].
    const auto count = static_cast<std::size_t>(length.value_or(1));
    return fit_list(std::vector<IValue>(count, value), list->getElementType());
  }
  if (type->kind() == c10::TypeKind::FloatType && value.isInt()) return static_cast<double>(value.toInt());
  if (type->kind() == c10::TypeKind::TensorType && value.isScalar()) {
    // A Python number beside a tensor decides no type.
    auto tensor = c10::scalar_to_tensor(value.toScalar());
    tensor.unsafeGetTensorImpl()->set_wrapped_number(true);
    return tensor;
  }
  return value;
}

}  // namespace

std::size_t value_named(const ValueNames& names, const std::string& name) {
  const auto found = names.find(name);
  if (found == names.end()) throw Refusal(RefusalKind::malformed, "the program uses `" + name + "`, which it lacks");
  return found->second;
}

std::optional<at::ScalarType> export_scalar_type(std::int64_t number) {
  static const std::map<std::int64_t, at::ScalarType> k_types{
      {1, at::kByte},           {2, at::kChar},  {3, at::kShort},    {4, at::kInt},         {5, at::kLong},
      {6, at::kHalf},           {7, at::kFloat}, {8, at::kDouble},   {9, at::kComplexHalf}, {10, at::kComplexFloat},
      {11, at::kComplexDouble}, {12, at::kBool}, {13, at::kBFloat16}};
  const auto found = k_types.find(number);
  if (found == k_types.end()) return std::nullopt;
  return found->second;
}

Operand read_operand(const json& argument, const ValueNames& names) {
  const auto& kind = argument.begin().key();
  const auto& body = argument.begin().value();
  const auto integer = [](const json& item) { return constant(item.get<std::int64_t>()); };
  const auto tensor = [&](const json& item) { return reference(item.at("name").get<std::string>(), names); };
  const auto number = [&](const json& item) { return symbol(item, names); };
  const auto real = [](const json& item) { return constant(real_number(item)); };
  if (kind == "as_none") return constant({});
  if (kind == "as_tensor") return tensor(body);
  if (kind == "as_tensors") return list(body, tensor);
  if (kind == "as_optional_tensor") return optional_tensor(body, names);
  if (kind == "as_optional_tensors") return list(body, [&](const json& item) { return optional_tensor(item, names); });
  if (kind == "as_int") return integer(body);
  if (kind == "as_ints") return list(body, integer);
  if (kind == "as_float") return real(body);
  if (kind == "as_floats") return list(body, real);
  if (kind == "as_bool") return constant(body.get<bool>());
  if (kind == "as_bools") return list(body, [](const json& item) { return constant(item.get<bool>()); });
  if (kind == "as_string") return constant(body.get<std::string>());
  if (kind == "as_strings") return list(body, [](const json& item) { return constant(item.get<std::string>()); });
  if (kind == "as_sym_int" || kind == "as_sym_bool" || kind == "as_sym_float") return number(body);
  if (kind == "as_sym_ints" || kind == "as_sym_bools" || kind == "as_sym_floats") return list(body, number);
  if (kind == "as_scalar_type") return {Operand::Kind::dtype, scalar_type(body.get<std::int64_t>()), 0, {}};
  if (kind == "as_memory_format") return constant(memory_format(body.get<std::int64_t>()));
  if (kind == "as_layout") return constant(layout(body.get<std::int64_t>()));
  if (kind == "as_device") return {Operand::Kind::device, {}, 0, {}};
  if (kind == "as_custom_obj")
    throw Refusal(RefusalKind::unsupported,
                  "the program uses an object of class " + body.at("class_fqn").get<std::string>());
  throw Refusal(RefusalKind::unsupported,
                "the program gives an operator an argument `" + kind + "`, which is not interpreted here");
}

void append_values(const Operand& operand, std::vector<std::size_t>& values) {
  if (operand.kind == Operand::Kind::value) values.push_back(operand.value);
  for (const auto& item : operand.items) append_values(item, values);
}

IValue fit_argument(IValue value, const c10::Argument& argument) {
  const auto length = argument.N();  // of c10's own optional in older versions
  return fit(std::move(value), argument.type(), length ? std::optional<std::int32_t>(*length) : std::nullopt);
}

IValue make_list(std::vector<IValue> items) { return c10::ivalue::Tuple::create(std::move(items)); }

}  // namespace goldseal::worker

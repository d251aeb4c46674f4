// SPDX-License-Identifier: Apache-2.0
#include "numerics/float64_values.hpp"

#include <c10/core/Scalar.h>

#include <cmath>
#include <limits>
#include <type_traits>

namespace goldseal::worker {
namespace {

using c10::IValue;

double greatest_of(at::ScalarType type) {
  if (type == at::kHalf) return 65504;
  if (type == at::kBFloat16) return 0x1.fep127;
  return std::numeric_limits<float>::max();
}

}  // namespace

bool is_narrow(at::ScalarType type) {
  return type == at::kFloat || type == at::kHalf || type == at::kBFloat16 || type == at::kComplexFloat ||
         type == at::kComplexHalf;
}

bool is_widest(at::ScalarType type) { return type == at::kDouble || type == at::kComplexDouble; }

bool is_number(const at::Tensor& tensor) { return tensor.unsafeGetTensorImpl()->is_wrapped_number(); }

at::ScalarType widened(at::ScalarType type) {
  if (!is_narrow(type)) return type;
  return c10::isComplexType(type) ? at::kComplexDouble : at::kDouble;
}

at::Tensor widened(const at::Tensor& tensor) {
  if (!tensor.defined() || !is_narrow(tensor.scalar_type())) return tensor;
  return tensor.to(widened(tensor.scalar_type()));
}

at::Tensor rounded(const at::Tensor& tensor, at::ScalarType type) {
  if (!tensor.defined() || !is_widest(tensor.scalar_type())) return tensor;
  if (tensor.scalar_type() == at::kComplexDouble) return tensor.to(at::kComplexFloat);
  return tensor.to(c10::isComplexType(type) ? at::kFloat : type);
}

void each_tensor(const IValue& value, const std::function<void(const at::Tensor&)>& visit) {
  if (value.isTensor()) {
    if (value.toTensor().defined()) visit(value.toTensor());
  } else if (value.isTensorList()) {
    for (const at::Tensor& tensor : value.toTensorVector())
      if (tensor.defined()) visit(tensor);
  } else if (value.isOptionalTensorList()) {
    for (const auto& tensor : value.toOptionalTensorVector())
      if (tensor && tensor->defined()) visit(*tensor);
  }
}

IValue with_tensors(const IValue& value, const std::function<at::Tensor(const at::Tensor&)>& change) {
  if (value.isTensor()) return value.toTensor().defined() ? IValue(change(value.toTensor())) : value;
  if (value.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(tensor.defined() ? change(tensor) : tensor);
    return list;
  }
  if (value.isOptionalTensorList()) {
    // Of c10's own optional in older versions.
    const auto held = value.toOptionalTensorVector();
    c10::List<std::decay_t<decltype(held[0])>> list;
    for (const auto& tensor : held) {
      if (tensor && tensor->defined())
        list.push_back(change(*tensor));
      else
        list.push_back(tensor);
    }
    return list;
  }
  return value;
}

bool names_type(const c10::Argument& argument) { return argument.name() == "dtype" || argument.name() == "out_dtype"; }

std::optional<at::ScalarType> named_type(const c10::FunctionSchema& schema, const std::vector<IValue>& values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (names_type(schema.arguments()[i]) && values[i].isInt()) return static_cast<at::ScalarType>(values[i].toInt());
  return std::nullopt;
}

void name_type(const c10::FunctionSchema& schema, std::vector<IValue>& values, at::ScalarType type) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (names_type(schema.arguments()[i]) && values[i].isInt()) values[i] = static_cast<std::int64_t>(type);
}

void bring_in_range(std::vector<IValue>& values, at::ScalarType type) {
  const auto most = greatest_of(type);
  for (auto& value : values)
    if (value.isDouble() && std::isfinite(value.toDouble()) && std::abs(value.toDouble()) > most)
      value = std::copysign(most, value.toDouble());
}

}  // namespace goldseal::worker

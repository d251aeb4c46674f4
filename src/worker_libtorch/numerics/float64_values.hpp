// SPDX-License-Identifier: Apache-2.0
// The values of an operator's call, as float64_run.cpp looks at them and changes them: tensors alone or in lists, element
// types, numbers.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>

#include <functional>
#include <optional>
#include <vector>

namespace goldseal::worker {

/// float32, float16, bfloat16, and complex numbers of them.
bool is_narrow(at::ScalarType type);
/// float64 and complex128.
bool is_widest(at::ScalarType type);
/// A tensor that a Python number stands for has no type of its own.
bool is_number(const at::Tensor& tensor);

/// In float64 (or complex128) where it is of a narrower floating type.
at::ScalarType widened(at::ScalarType type);
at::Tensor widened(const at::Tensor& tensor);

/// Rounded to `type`, where it is float64; complex128 becomes complex64.
at::Tensor rounded(const at::Tensor& tensor, at::ScalarType type);

/// The tensors of a value: itself, or those in a list.
void each_tensor(const c10::IValue& value, const std::function<void(const at::Tensor&)>& visit);

/// The value with every tensor in it exchanged.
c10::IValue with_tensors(const c10::IValue& value, const std::function<at::Tensor(const at::Tensor&)>& change);

/// Which of the arguments is the element type that a result is to have.
bool names_type(const c10::Argument& argument);

/// The type that the call names; nothing where it names none.
std::optional<at::ScalarType> named_type(const c10::FunctionSchema& schema, const std::vector<c10::IValue>& values);
void name_type(const c10::FunctionSchema& schema, std::vector<c10::IValue>& values, at::ScalarType type);

/// The greatest finite number of `type` stands for numbers beyond it.
void bring_in_range(std::vector<c10::IValue>& values, at::ScalarType type);

}  // namespace goldseal::worker

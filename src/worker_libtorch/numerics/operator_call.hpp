// SPDX-License-Identifier: Apache-2.0
// One call of an operator in a float64 run, and what is asked of it: what it does with its arguments decides by which of
// float64_run.hpp's rules it is computed.
#pragma once

#include "numerics/float64_values.hpp"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <cstddef>
#include <string_view>
#include <vector>

namespace goldseal::worker {

using Values = std::vector<c10::IValue>;

/// The arguments are copies: the stack that they were taken from may go.
struct OperatorCall {
  const c10::OperatorHandle& op;
  const c10::FunctionSchema& schema;
  std::string_view name;  ///< without the namespace
  Values values;          ///< its arguments, in the schema's order

  OperatorCall(const c10::OperatorHandle& called, const torch::jit::Stack& stack);

  bool is_in_place() const { return !name.empty() && name.back() == '_'; }
  /// Makes a tensor of numbers: of a tensor it takes the shape or the type alone.
  bool is_factory() const;
  bool reckons() const;  // a factory whose numbers a processor may round otherwise
  bool gives_number() const { return name == "item" || name == "_local_scalar_dense"; }
  /// Converts a tensor to the type of another one, or to one that is named.
  bool is_conversion() const;
  /// Looks at bits or at the type itself, draws, or copies: in float64 it would be something else, or is exact as it is.
  bool keeps_values() const;
  /// Gives rounded numbers of whole ones.
  bool rounds_integers() const;
  bool is_fused_attention() const;

  bool writes(std::size_t i) const;
  bool gives_view() const;

  /// Those of its tensors whose type `is` holds for, without those that numbers stand for.
  std::vector<at::Tensor> tensors(bool (*is)(at::ScalarType)) const;
  /// Those that it writes to.
  std::vector<at::Tensor> written(bool (*is)(at::ScalarType)) const;

  /// None where the schema has no argument of this name.
  c10::IValue argument(std::string_view argument_name) const;
};

/// What the operator answers to these values.
Values answer(const c10::OperatorHandle& op, Values values);

}  // namespace goldseal::worker

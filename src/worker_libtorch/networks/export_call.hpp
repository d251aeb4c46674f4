// SPDX-License-Identifier: Apache-2.0
// The calls of a program of torch.export, bound to the operators that this LibTorch has: what a program asks for and
// LibTorch lacks is found when the network is built.
#pragma once

#include "networks/export_decompositions.hpp"
#include "networks/export_operand.hpp"
#include "networks/export_program.hpp"
#include "networks/export_symbols.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace goldseal::worker {

/// Sizes are asked for directly: the operators for it differ between PyTorch's versions.
using SizeQuery = c10::IValue (*)(const at::Tensor& tensor, std::int64_t dimension);

/// One call, ready to be made.
struct ExportCall {
  const ExportNode* node;
  std::optional<c10::OperatorHandle> handle;  ///< nothing for arithmetic on sizes, queries of them and decompositions
  SymbolicOperator symbolic = nullptr;
  SizeQuery query = nullptr;
  const Decomposition* decomposed = nullptr;
  std::vector<Operand> operands;  ///< in the order of the schema, or of the node where there is none
  std::vector<std::size_t> written;  ///< operands that the operator writes to
  std::vector<std::size_t> released;  ///< values that nothing needs after this call
};

/// `node` stays where it is as long as the call lives. Throws Refusal `unsupported`: LibTorch has no such operator, or one
/// with other arguments; the node computes as in training.
ExportCall bind_call(const ExportNode& node);

/// Throws Refusal where the node calls an operator that a restricted build refuses (restriction.hpp).
void require_permitted(const ExportNode& node);

}  // namespace goldseal::worker

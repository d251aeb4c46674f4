// SPDX-License-Identifier: Apache-2.0
// How a call is computed in float64 whatever the types of its arguments, and how its results come back to theirs.
#pragma once

#include "numerics/operator_call.hpp"

#include <vector>

namespace goldseal::worker {

/// The arguments, floating ones in float64, but those that the call writes to; so is an element type that it names.
Values in_float64(const OperatorCall& call);

/// What the call answers when what it writes to is computed beside it, in float64, and rounded into it.
Values on_wide_copies(const OperatorCall& call);

void round_all(Values& values, at::ScalarType type);
void widen_all(Values& values);

/// The type of what is computed of these narrow tensors, of which there is one at least; those without dimensions count
/// where there are no others.
at::ScalarType promoted(const std::vector<at::Tensor>& tensors);

/// Attention without the fused form, which has none in float64. What only a backward pass needs is not made.
Values plain_attention(const OperatorCall& call);

/// Products of groups of rows (the tokens of an expert) with a matrix each, which has no form in float64.
Values plain_grouped(const OperatorCall& call);

}  // namespace goldseal::worker

// SPDX-License-Identifier: Apache-2.0
// What several passes over a network ask of a tensor or an element type.
#pragma once

#include <ATen/core/Tensor.h>

namespace goldseal::worker {

/// What a conversion to another type, a perturbation and a sketch of a layer take: whole real numbers, neither packed nor
/// scaled.
inline bool is_plain_floating(at::ScalarType type) {
  return type == at::kDouble || type == at::kFloat || type == at::kHalf || type == at::kBFloat16;
}

/// What tells whether two tensors lie in the same memory; null for a tensor that has none.
inline const void* memory_of(const at::Tensor& tensor) {
  return tensor.defined() && tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl() : nullptr;
}

}  // namespace goldseal::worker

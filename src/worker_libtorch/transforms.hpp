// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "network.hpp"
#include "perturbation.hpp"

#include <optional>

namespace goldseal::worker {

/// What `compute`, `perturb` and `device` of a run ask for.
struct Conversion {
  bool float64 = false;
  std::optional<Perturbation> perturbation;  // with float64 only
  at::Device device = at::kCPU;
};

/// `tensor` in float64, each element times its factor where there is a perturbation; a tensor of another than a
/// floating type as it is. The result is new memory unless nothing changes.
at::Tensor to_float64(const at::Tensor& tensor, const std::string& name,
                      const std::optional<Perturbation>& perturbation);

/// The Transform of a run; empty when the run computes with the tensors as they are.
Transform make_transform(const Conversion& conversion);

}  // namespace goldseal::worker

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "networks/network.hpp"
#include "numerics/perturbation.hpp"

#include <optional>
#include <set>
#include <string>

namespace goldseal::worker {

/// What `compute`, `perturb` and `device` of a run ask for.
struct Conversion {
  std::optional<at::ScalarType> dtype;  // of all floating tensors; nothing: each keeps its own
  std::optional<Perturbation> perturbation;
  at::Device device = at::kCPU;
  std::set<std::string> streamed = {};  // the state entries that stand-ins take the place of (stand_in.hpp)
};

/// Whether a stand-in takes the place of this state entry: it is converted or moved, and named in `streamed`.
bool streams(const Conversion& conversion, const std::string& name, const at::Tensor& tensor);

/// `tensor` in `dtype`, each element moved where there is a perturbation, and rounded once; a tensor of another than a
/// floating type as it is. The result is new memory unless nothing changes.
at::Tensor converted(const at::Tensor& tensor, const std::string& name, at::ScalarType dtype,
                     const std::optional<Perturbation>& perturbation);

/// A Transform that makes a leaf of each floating state entry's tensor, for gradients; `leaves` gets them with their
/// names.
Transform make_leaves(const Transform& transform, NamedTensors& leaves);

/// The Transform of a run; empty when the run computes with the tensors as they are.
Transform make_transform(const Conversion& conversion);

}  // namespace goldseal::worker

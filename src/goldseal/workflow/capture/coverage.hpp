// SPDX-License-Identifier: Apache-2.0
// A golden case proves nothing about weights that its answers do not depend on. This file finds
// those weights by gradients, and by moving the weights that gradients miss. Such weights are still
// covered by their digests.
#pragma once

#include <goldseal/worker/protocol.hpp>
#include <goldseal/workflow/answers/case_runner.hpp>

#include <optional>
#include <string>
#include <vector>

namespace goldseal {

/// How much of each floating tensor a case's answers depend on: a backward pass counts the elements whose gradient is
/// not zero; `bits` are those that a native run computes with. A tensor without such elements is then moved by several times its size in `compute` (zeros up
/// to ±1, ±16, ±256 and ±4,096), together with others of its kind, and counts as blind only where no bit of `reference`
/// (the outputs of such a run) changes. Nothing where the network cannot be differentiated.
[[nodiscard]] std::optional<std::vector<TensorCoverage>> measure_coverage(Worker& worker, const CaseRunner& runner,
                                                                          const std::vector<HostTensor>& reference,
                                                                          Compute compute, int bits);

/// The coverage of several cases together: of each tensor the greatest. Nothing where there is none, or where one could
/// not be measured: what it covers might be what the others leave out.
[[nodiscard]] std::optional<std::vector<TensorCoverage>> coverage_of_all(
    const std::vector<std::optional<std::vector<TensorCoverage>>>& cases);

}  // namespace goldseal

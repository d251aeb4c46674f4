// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/manifest/manifest.hpp>
#include <goldseal/verdict/finding.hpp>
#include <goldseal/workflow/answers/case_runner.hpp>

#include <string>
#include <vector>

namespace goldseal {

/// The outputs of a case that follow a random generator.
struct RandomOutputs {
  std::vector<GoldenTensor> outputs;
  std::string source;  ///< what draws, in words: `drop draws at random (aten::dropout)`; or what is carried from call to call
  bool carried = false;  ///< no generator's numbers: the network answers by what an earlier call left
};

/// Runs the case again with the same random numbers and with others. What differs by its kernels' rounding alone is not
/// random. `first` was run with k_same_draws; `bits` are the significant bits that it computes with.
[[nodiscard]] RandomOutputs find_random(const CaseRunner& runner, const LayeredRun& first, int bits);

/// The finding on them; `allowed` by --allow-random.
[[nodiscard]] Finding judge_random(const std::string& golden_case, const RandomOutputs& random, std::size_t stable,
                                   bool allowed);

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// The gradients of all weights take as much memory as the weights, and all that is asked of each is
// how many of its elements are zero. So each is counted as soon as it is whole, and dropped.
#pragma once

#include "networks/network.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace goldseal::worker {

/// Calls `then` each time a backward pass has gathered the gradient of one leaf, for as long as it lives.
class GradientHook {
 public:
  GradientHook(const at::Tensor& leaf, std::function<void()> then);
  ~GradientHook();
  GradientHook(const GradientHook&) = delete;
  GradientHook& operator=(const GradientHook&) = delete;

 private:
  std::function<void()> m_remove;
};

/// What a backward pass does with a leaf whose gradient came by another way than its own accumulator.
void gathered(const at::Tensor& leaf);

/// How many elements of each leaf the outputs depend on. Such an element's gradient is not zero, for a random
/// combination of all outputs that carry gradients. Makes one backward pass; no gradient is kept.
std::vector<std::int64_t> reached_elements(const NamedTensors& outputs, const NamedTensors& leaves);

}  // namespace goldseal::worker

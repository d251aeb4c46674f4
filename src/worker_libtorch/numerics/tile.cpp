// SPDX-License-Identifier: Apache-2.0
#include "numerics/tile.hpp"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace goldseal::worker {
namespace {

constexpr auto k_run = static_cast<std::int64_t>(k_tile_run);
// Runs that one task takes.
constexpr std::int64_t k_runs_a_task = 4;

template <class Element>
using Factors = std::shared_ptr<const std::vector<Element>>;

// 1 + relative·T, rounded; those of the last size are kept, since every weight of a run takes them.
template <class Element>
Factors<Element> factors_of(double relative) {
  thread_local double kept_relative = 0;
  thread_local Factors<Element> kept;
  if (kept && kept_relative == relative) return kept;
  std::vector<Element> factors;
  factors.reserve(k_tile_length);
  const auto key = mix(fnv1a64("tile"));
  for (std::uint64_t j = 0; j < k_tile_length; ++j)
    factors.push_back(static_cast<Element>(1.0 + relative * uniform(key, j)));
  kept_relative = relative;
  kept = std::make_shared<const std::vector<Element>>(std::move(factors));
  return kept;
}

// Where in the table a run of the tensor's elements begins.
std::uint64_t start_of(std::uint64_t key, std::int64_t run) {
  return mix(key + (static_cast<std::uint64_t>(run) + 1) * 0x9E3779B97F4A7C15) % (k_tile_length - k_tile_run + 1);
}

// A run is converted and multiplied while it is in the processor's cache.
template <class Element>
void move(const at::Tensor& in, std::int64_t first, std::uint64_t key, double relative, const at::Tensor& out) {
  const auto factors = factors_of<Element>(relative);
  auto* const to = out.data_ptr<Element>();
  const auto end = first + in.numel();
  at::parallel_for(first / k_run, (end + k_run - 1) / k_run, k_runs_a_task, [&](std::int64_t run, std::int64_t last) {
    const at::NoGradGuard no_grad;
    for (; run < last; ++run) {
      const auto from = std::max(first, run * k_run);
      const auto count = std::min(end, (run + 1) * k_run) - from;
      out.narrow(0, from - first, count).copy_(in.narrow(0, from - first, count));
      const auto* const factor = factors->data() + start_of(key, run) + (from - run * k_run);
      auto* const part = to + (from - first);
      for (std::int64_t i = 0; i < count; ++i) part[i] *= factor[i];
    }
  });
}

}  // namespace

void move_by_tile(const at::Tensor& in, std::int64_t first, std::string_view name, const Perturbation& perturbation,
                  const at::Tensor& out) {
  if (in.numel() == 0) return;
  const auto key = mix(fnv1a64(name) ^ perturbation.seed);
  if (out.scalar_type() == at::kDouble)
    move<double>(in, first, key, perturbation.relative, out);
  else
    move<float>(in, first, key, perturbation.relative, out);
}

}  // namespace goldseal::worker

// SPDX-License-Identifier: Apache-2.0
// Classes, indices and masks have no noise: rounding either flips an element or leaves it alone.
// Capture finds the elements that no sound rounding flips. A target must give exactly those.
// Floating outputs belong to comparison.hpp.
#pragma once

#include <goldseal/golden/compare/comparison.hpp>
#include <goldseal/golden/compare/noise_floor.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace goldseal::golden {

/// Share of an output's elements that may depend on rounding before the golden says too little: more asks for another
/// input.
inline constexpr double k_largest_unstable_share = 0.05;

/// The relative size of the perturbation that equals a sound machine's whole error: 16 · growth · 2^-24. `growth` is
/// the largest amplification of the case's floating outputs, at least 4. Rounding does not decide elements that survive
/// it.
[[nodiscard]] double stability_perturbation(double growth);

/// Finds which elements of an output of integers or bools (classes, indices, masks) do not depend on rounding: those
/// that every run gives alike, the native one, the float64 one and the perturbed ones.
class StabilityProbe {
 public:
  /// `expected` is the native output, which is sealed.
  explicit StabilityProbe(HostTensor expected);

  /// Another run of it. Throws Error{worker} where shape or dtype differ: the number of results depends on rounding.
  void add(const HostTensor& run);

  /// uint8, of the output's shape: 1 where the element must be met, 0 where rounding decides it.
  [[nodiscard]] HostTensor stable() const;
  [[nodiscard]] std::size_t unstable() const;
  /// Empty, or what is wrong with it as evidence: more than 5 % of it unstable (a warning), all of it (refused).
  [[nodiscard]] std::vector<Objection> objections() const;

 private:
  HostTensor m_expected;
  std::vector<std::uint8_t> m_stable;
};

/// What a target's integers or bools say.
struct DiscreteVerdict {
  bool pass = true;
  std::size_t judged = 0;     ///< stable elements
  std::size_t ignored = 0;    ///< elements that rounding decides
  std::size_t differing = 0;  ///< of those judged
  ElementPair first;          ///< the first that differs, if any
};
[[nodiscard]] DiscreteVerdict judge_discrete(const HostTensor& found, const HostTensor& expected,
                                             const HostTensor& stable);

}  // namespace goldseal::golden

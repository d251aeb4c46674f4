// SPDX-License-Identifier: Apache-2.0
// The golden checks, the trial runs and the layer trace all ask whether an output passes. These
// functions are the one answer. They apply the limits of tensors/constants.hpp to a measured
// deviation. comparison.hpp measures the deviation. checks/golden turns the answer into findings.
#pragma once

#include <goldseal/golden/compare/comparison.hpp>
#include <goldseal/golden/compare/noise_floor.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace goldseal::golden {

/// What one check of the golden verdict says of one output: its ratios, with their limits.
struct OutputVerdict {
  bool pass = false;
  double diffuse = 0;
  double diffuse_limit = 0;
  double local = 0;
  double local_limit = 0;
  bool mask_differs = false;  ///< NaN or infinities at other places: fails whatever the ratios

  /// The larger of value/limit: at most 1 on a pass; infinite where a mask differs.
  [[nodiscard]] double severity() const;
};

/// The float64 check. `same_artifact` is false where the network was transformed (frozen, folded) after capture.
[[nodiscard]] OutputVerdict judge_float64(const Deviation& deviation, const NoiseFloor& noise,
                                          bool same_artifact = true);

/// The strict native check: rms(e) over amplification and response, max|e| over amplification and noise (φ), in the
/// precision of the weights (float32 or wider).
[[nodiscard]] OutputVerdict judge_native_strict(const Deviation& deviation, const NoiseFloor& noise);

/// The native check of a run that may compute with `bits` significant bits: 11 for TF32 and float16, 8 for bfloat16.
/// For networks that compute with so many bits it is the native check.
[[nodiscard]] OutputVerdict judge_native_policy(const Deviation& deviation, const NoiseFloor& noise, int bits);

/// The native check for the precision of the network (`noise.bits`). It is the strict one where the noise itself was
/// measured on native runs.
/// Where the run fails there, the precision that a policy permits decides: `permitted_bits`.
[[nodiscard]] OutputVerdict judge_native(const Deviation& deviation, const NoiseFloor& noise,
                                         int permitted_bits = k_bits_float32);

/// The repeat check: two runs on the same machine, bit by bit.
struct RepeatVerdict {
  bool equal = true;
  std::size_t differing = 0;
  ElementPair first;
};
[[nodiscard]] RepeatVerdict judge_repeat(const HostTensor& first, const HostTensor& second);

/// The precision that computed an output, as its ratio rho = rms(e)/response shows it.
enum class Precision { float64, float32, tf32_or_float16, bfloat16, none };
[[nodiscard]] Precision precision_at_work(double rho);
[[nodiscard]] std::string_view to_string(Precision precision);

}  // namespace goldseal::golden

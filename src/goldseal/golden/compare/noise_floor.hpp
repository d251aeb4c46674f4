// SPDX-License-Identifier: Apache-2.0
// No fixed tolerance separates sound machines from faults on every model. A noise floor does: how
// far an output moves when all that it depends on is rounded once. This file defines that unit and
// measures it at capture. output_verdict.hpp applies limits in this unit. docs/method.md has a
// worked example.
#pragma once

#include <goldseal/golden/tensors/constants.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>
#include <goldseal/manifest/manifest.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace goldseal::golden {

/// How much an output moves when every weight and input moves by one rounding, and how much more than that real
/// float32 runs moved at capture.
///
/// With y the float64 output, y_k that of the k-th run with parameters, buffers and inputs multiplied by (1 + u ξ), ξ
/// uniform on [-1, 1), and y_0 that of the same run unmoved (y itself at u = 2^-24 in float64; a float32 run at 2^-16):
///   s_i   = 2^-24/u sqrt(mean_k (y_k,i - y_0,i)²)  the response of element i
///   φ_i   = max(s_i, median(s)/4, 2^-23 |y_i|)     the noise that element i may have
///   response_rms      = max(rms(s), 2^-25 rms(y))
///   rms_amplification = max(4, max_r rms(y_r - y)/response_rms)             over native runs r
///   max_amplification = max(rms_amplification, max_r,i |y_r,i - y_i|/(16 φ_i))
///   linearity         = 1; 2^20 rms(s at 2^-44) / rms(s at 2^-24) over the seeds that both have, where there are such
/// Elements where y is not finite take no part. The manifest has the same names; docs/method.md writes S0, A and B.
///
/// s is kept as one byte an element. Code 0: s_i is at most `floor` = median(s)/4, and φ_i does not depend on it.
/// Code c > 0: s_i = base · 2^((c-1)·step), where base and step span the values above the floor. The spread is at most
/// 64 octaves (smaller values are raised to the bottom of it), so that step is at most 64/254 of an octave and the
/// relative error at most 2^(step/2) - 1 < 9.2 %; a spread of 2^8, as is usual, gives 1.1 %.
struct NoiseFloor {
  double response_rms = 0;
  double rms_amplification = k_least_amplification;
  double max_amplification = k_least_amplification;
  double linearity = 1;
  double floor = 0;  ///< of the codes, as base and step
  double base = 0;
  double step = 0;
  int bits = k_bits_float32;  ///< significant bits that a native run computes with, at most those of the output's type
  bool native = false;        ///< y and s are of native runs: the network has no float64 path
  HostTensor codes;           ///< uint8, of the output's shape
  std::size_t overflows = 0;  ///< at capture: elements finite in y and not so in a native run, or the reverse

  [[nodiscard]] bool pure() const { return linearity > k_linear_low && linearity < k_linear_high; }
};

/// max(s, floor) for each code: φ but for its last term.
[[nodiscard]] std::array<double, 256> response_table(const NoiseFloor& noise);
/// φ of one element of reference value `reference`.
[[nodiscard]] double noise_of(const NoiseFloor& noise, std::size_t index, double reference);

/// The part of a noise floor that the manifest holds, and back; the rest lies in golden.safetensors.
[[nodiscard]] NoiseRecord to_record(const NoiseFloor& noise, const std::string& output);

/// Collects the perturbed runs of one output, one at a time: 8 bytes an element are held, not K tensors.
class NoiseProbe {
 public:
  /// `reference` is y, float64.
  explicit NoiseProbe(HostTensor reference);

  /// A run at 2^-24, or at 2^-44, with this seed. Throws Error{worker} where shape or dtype are not those of y.
  void add_response(std::int64_t seed, const HostTensor& perturbed);
  void add_fine(std::int64_t seed, const HostTensor& perturbed);

  /// Whether so many runs were added that their response is known: `k_probe_spread`, and three at least.
  [[nodiscard]] bool settled() const;
  /// Elements that are finite in y and were not so in some run at 2^-24.
  [[nodiscard]] std::size_t unstable() const { return m_unstable; }
  /// Throws Error{usage} where no run at 2^-24 was added. The amplifications are at their least until
  /// `calibrate`.
  [[nodiscard]] NoiseFloor finish() const;

 private:
  double add(const HostTensor& perturbed, bool keep);

  HostTensor m_reference;
  std::vector<double> m_squares;
  std::map<std::int64_t, double> m_response;  // rms by seed
  std::map<std::int64_t, double> m_fine;
  std::size_t m_unstable = 0;
};

/// What a run of float64 at 2^-24 would have given, from one of another type and size: reference + factor (moved -
/// unmoved), float64. NaN where `moved` alone is not finite; the reference where `unmoved` is not. Throws Error{worker}
/// where the shapes differ.
[[nodiscard]] HostTensor rescaled_response(const HostTensor& reference, const HostTensor& unmoved,
                                           const HostTensor& moved, double factor);

/// Significant bits of a network's own type: 24 for float32 and wider, 11 for float16, 8 for bfloat16; 24 for others.
[[nodiscard]] int significant_bits(DType native);

/// The floor of an output whose network has no float64 path, from native runs perturbed in their own type: y is the
/// sealed native output. With `steps` (of a narrow or a quantized type) an element may move by what the others do (φ is
/// at least response_rms), since they make it a matter of chance which of them move.
[[nodiscard]] NoiseFloor native_floor(const NoiseProbe& probe, bool steps = true);

/// Takes `bits`, what a native run is said to compute with, for the floor's own where rounding in float32 cannot
/// explain that run (its errors over response_rms are beyond `k_largest_amplification`). A network that computes little in a
/// narrower type, to no effect, is judged as a float32 one.
void settle_precision(NoiseFloor& noise, const HostTensor& reference, const HostTensor& native, int bits);

/// Widens the amplifications by a native run. Where it computes with fewer significant bits than float32, `noise.bits`, its error
/// is first divided by 2^(24-p).
void calibrate(NoiseFloor& noise, const HostTensor& reference, const HostTensor& native);

/// A reason why a golden proves nothing, or less than it seems.
struct Objection {
  bool refuse = false;  ///< otherwise a warning
  std::string output;
  std::string message;
  std::string remedy;
};

/// Tensors of which a network that looks at this input answers one otherwise, the likeliest first: its elements moved on by
/// one place, floating ones by a sixteenth in size too; in reverse order, which a network that takes every fourth of a mask
/// sees; all of them the least and all the greatest, which one sees that adds them up. Nothing where none changes a bit
/// (one repeated integer).
[[nodiscard]] std::vector<HostTensor> other_inputs(const HostTensor& input);

/// What is wrong with an output as evidence: nothing finite in it, some of it not finite, no response to weights and
/// inputs, an overflow in the native run alone, or a capturing run whose errors are larger than any sound machine's
/// (rms_amplification > 64). No response is a warning where `others_respond`: positions and counts that stand beside scores.
[[nodiscard]] std::vector<Objection> collect_objections(const HostTensor& reference, const NoiseFloor& noise,
                                                        std::size_t unstable = 0, bool others_respond = false);

/// Whether the output answered every moved run as the unmoved one.
[[nodiscard]] bool is_silent(const NoiseFloor& noise);

}  // namespace goldseal::golden

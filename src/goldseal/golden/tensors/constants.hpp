// SPDX-License-Identifier: Apache-2.0
// Every limit of the golden checks stands here, beside the measurement that it rests on. Nobody
// else may write such a number. output_verdict.hpp applies the limits.
#pragma once

#include <cstdint>

/// The numbers of the golden verdict, each with what it rests on. The unit of every limit is the network's own response
/// to rounding (noise_floor.hpp), so that one set of numbers serves every model. They were set on 7 networks (MLP,
/// CNN, ResNet with BatchNorm, U-Net, LSTM, transformer, vision transformer) with 3 sets of random weights each, on 27
/// legitimate CPU environments and 6,488 injected faults, then confirmed on a fourth set of weights and on the full
/// YOLOv3-416. TF32, Winograd convolution and split accumulation were simulated on the CPU. That was with eight float64
/// probes; the margins below are those of the probes of today (float32 by tile, as many as settle), measured anew on
/// three of the sets: 567 legitimate cases, 21 with TF32 and 4,866 faults, on which no limit had to move.
namespace goldseal::golden {

/// Half a unit in the last place of float32 at 1: the relative size of the probe.
inline constexpr double k_rounding = 0x1p-24;
/// The relative size of the probe in float32, in a network that is float32 or narrower and has no island: 256 times as
/// large, so that float32's own rounding adds (A/256)^2/2 to the response, 0.25 % at A = 18, and divided by 256. Against
/// float64 probes at 2^-24 it gave the same decisions on 5,454 cases (2^-12, 2^-14 and 2^-18 as well), at a fifth of the
/// time.
inline constexpr double k_float32_probe = 0x1p-16;
/// The relative size of the second probe, of a network whose layers cannot be watched. Where they can, the types that
/// they compute in tell the islands: of 124 public networks 41, all that this probe finds among them. Its response,
/// scaled by `k_rounding / k_fine_rounding`, must be that of the first; a layer that rounds to float32 breaks the
/// proportion.
inline constexpr double k_fine_rounding = 0x1p-44;
/// Linearity of a network that is float64 throughout. Measured: 0.99 to 1.00 for those; 0 to 0.29, or above 5e4, where
/// a layer computes in float32.
inline constexpr double k_linear_low = 0.5;
inline constexpr double k_linear_high = 2;

/// A network without a float64 path is perturbed in its native runs, by so many roundings of its own type. The factor
/// raises the perturbation while half of an output's elements do not move, because the steps of a quantized network
/// swallow small changes. The largest perturbation is half a step of 8 bits.
inline constexpr double k_native_roundings = 4;
inline constexpr double k_native_raise = 16;
inline constexpr double k_native_largest = 0x1p-9;

/// The numbers of perturbed runs at capture: as many as it takes until the response of every output is known to
/// `k_probe_spread` (the standard error of its root mean square over the runs), three at least, eight at most. Of seven
/// networks the ill-conditioned recurrent one took 6 to 8, the others 3 to 5. Two would do for the decisions, at a
/// margin that is a fifth smaller. A language model of 308 million parameters, ResNet-50 and YOLOv3-416 take three.
inline constexpr std::int64_t k_least_probes = 3;
inline constexpr std::int64_t k_probes = 8;
inline constexpr double k_probe_spread = 0.10;
inline constexpr std::int64_t k_fine_probes = 2;
/// Elements of a layer that a sketch takes at most, evenly apart. The projections estimate a mean square, which 65,536
/// elements tell as well as ten million do, in a tenth of the time. They only name the first wrong layer: no verdict
/// rests on them.
inline constexpr std::int64_t k_sketch_elements = 1 << 16;
/// Runs perturbed by a sound machine's whole error. They find the elements that rounding decides. All of them miss such
/// an element about once in 2^8 times.
inline constexpr std::int64_t k_coarse = 8;

/// An element's noise is taken to be at least this share of the output's median noise: few samples can come out small
/// by chance.
inline constexpr double k_median_share = 0.25;

/// Least amplification: how much larger the errors of a float32 run are than the probe's response. Typical values are 3
/// to 4. A capture that was more accurate by luck must not tighten the limit for others.
inline constexpr double k_least_amplification = 4;
/// Largest amplification that is believed. The largest seen on a sound machine was 18. Beyond this limit the capturing
/// run is suspect.
inline constexpr double k_largest_amplification = 64;
/// max over rms that noise may have: the local limits are this many times wider than the diffuse ones.
inline constexpr double k_local = 16;

/// Limit of the float64 run for the same artifact in a network that is float64 throughout. Legitimate runs reach 15
/// units of 2^-29 (19 with eight float64 probes); the weakest single weight bit reaches 1,490.
inline constexpr double k_float64_pure = 256 * 0x1p-29;
/// The same for a network with float32 layers, or a transformed artifact. Legitimate runs reach 0.82, the weakest
/// change of an epsilon 17.
inline constexpr double k_float64_loose = 4;

/// Limits of the strict native check, in units of the amplification (rms, and worst element). Legitimate runs reach 3.7
/// and 24; at depth quick, without a float64 reference, 4.7 and 45. Forbidden TF32 begins at 791. On an H200 sound runs
/// reached 1.6, and TF32 began at 282.
inline constexpr double k_native_diffuse = 16;
inline constexpr double k_native_local = 256;

/// Limits of the native check under a policy that permits precision p: `k_policy_diffuse · 2^(24-p)`, and
/// `k_native_local + k_policy_local · 2^(24-p)`. Thin: legitimate TF32 reaches 2.79, the weakest bfloat16 weights 4.43.
inline constexpr double k_policy_diffuse = 3;
inline constexpr double k_policy_local = 48;

/// Significant bits, p, of the precisions that a policy can permit.
inline constexpr int k_bits_float32 = 24;
inline constexpr int k_bits_tf32 = 11;
inline constexpr int k_bits_float16 = 11;
inline constexpr int k_bits_bfloat16 = 8;

/// How far, in parts of a column's largest sealed value, two rows may be apart and still be the same object. Objects
/// that survive a suppression are further apart; how far a row strays from its own is for the float64 and native checks
/// to judge.
inline constexpr double k_same_object = 1.0 / 16;

/// More rows than a suppression leaves: such an output is raw, and its rows keep their places. It also bounds the pairs
/// of rows that are looked at.
inline constexpr std::int64_t k_most_rows = 4096;

/// Edges of the bands of rho that name a precision (comparison.hpp). Measured ranges: float32 1.3 to 18.2; TF32 and
/// float16 3.9e3 to 2.0e4; bfloat16 3.3e4 to 1.0e5. A run in float64 stays far below 1. What falls between
/// bands, or above them, is not the rounding of a known precision.
inline constexpr double k_rho_float64 = 0x1p-8;
inline constexpr double k_rho_float32 = 64;
inline constexpr double k_rho_half_low = 2e3;
inline constexpr double k_rho_half_high = 2.6e4;
inline constexpr double k_rho_bfloat16_high = 2e5;

}  // namespace goldseal::golden

// SPDX-License-Identifier: Apache-2.0
// A digest proves that a weight changed but not how. Five sums, sealed beside it, recover a flipped
// bit or name a rounding without the old weights. The checks on tensors decide pass or fail by the
// digest alone.
#pragma once

#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace goldseal::golden {

/// What is sealed of a weight beside its SHA-256, so that a difference can be explained without the sealed weights:
/// 40 bytes a tensor. With w_i the bits of element i as an unsigned integer, modulo 2^64:
///   sum = Σ w_i,  weighted = Σ (i+1)·w_i,  squared = Σ (i+1)²·w_i
/// One changed element shifts them by d, (i+1)·d and (i+1)²·d, which gives its place and its old bits back. `half` and
/// `brain` are Σ (i+1)·w_i over the elements rounded to float16 and bfloat16 and widened again; 0 for other types than
/// float32.
struct WeightFingerprint {
  std::uint64_t sum = 0;
  std::uint64_t weighted = 0;
  std::uint64_t squared = 0;
  std::uint64_t half = 0;
  std::uint64_t brain = 0;
  friend bool operator==(const WeightFingerprint&, const WeightFingerprint&) = default;
};

[[nodiscard]] WeightFingerprint trace(const HostTensor& weight);

/// Traces as a tensor of golden.safetensors (uint64 [n, 5], in the order of the manifest's tensors), and back. Throws
/// Error{malformed} for a tensor of another form.
[[nodiscard]] HostTensor pack_traces(std::span<const WeightFingerprint> traces);
[[nodiscard]] std::vector<WeightFingerprint> unpack_traces(const HostTensor& packed);

/// What happened to a weight.
struct WeightChange {
  enum class Kind {
    none,         ///< the same
    one_element,  ///< exactly one element has other bits
    to_float16,   ///< rounded to float16
    to_bfloat16,  ///< rounded to bfloat16
    zero,         ///< all of it is zero: not loaded
    constant,     ///< all of it is one value: initialised, not loaded
    not_finite,   ///< NaN or infinities in it
    permuted,     ///< the same elements in another order
    exchanged,    ///< the sealed values with axes exchanged or run backwards: their digest says so
    rows,         ///< the sealed rows in another order
    counted,      ///< a single integer has another value
    other,
  };
  Kind kind = Kind::none;
  bool one_byte = false;  ///< of one_element: its bits differ within one byte, as of a byte that was damaged
  std::optional<std::int64_t> before = {};  ///< of counted: the sealed value
  std::optional<std::int64_t> after = {};   ///< and the one found
  std::string text = {};  ///< one phrase: `bit 30 of element [3, 0, 1, 2] flipped: 0.0123 became 4.2e+36`
};

/// Explains `found`, whose digest is not the sealed one, by the trace of what was sealed. `found` has the sealed dtype
/// and shape. With the sealed digest values whose axes were exchanged are told from other permutations.
[[nodiscard]] WeightChange explain_change(const HostTensor& found, const WeightFingerprint& sealed,
                                          const std::optional<Digest>& digest = {});

/// Where `found` has the sealed values with its axes in another order, that has the sealed shape: `transposed`.
[[nodiscard]] std::optional<std::string> exchanged_axes(const HostTensor& found,
                                                        std::span<const std::int64_t> sealed_shape,
                                                        const Digest& digest);

}  // namespace goldseal::golden

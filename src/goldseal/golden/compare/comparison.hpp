// SPDX-License-Identifier: Apache-2.0
// An output is judged by how far it is from its float64 reference, in units of the output's own
// noise. compare() measures all those distances in one pass over memory. The limits, and the
// verdict, belong to output_verdict.hpp.
#pragma once

#include <goldseal/golden/compare/noise_floor.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::golden {

/// One element of two tensors.
struct ElementPair {
  std::size_t flat = 0;
  std::vector<std::int64_t> index;
  double found = 0;
  double expected = 0;
};

/// How far an output is from its float64 reference y: e = found - y over the elements that are finite in both.
/// The numbers do not depend on the processor or the number of threads.
struct Deviation {
  std::string output;
  std::size_t elements = 0;
  std::size_t compared = 0;  ///< finite in both

  double rms_ratio = 0;  ///< rms(e) over the response; 0 where e is 0
  double max_ratio = 0;  ///< max_i |e_i|/φ_i
  ElementPair worst;     ///< the element of `max_ratio`; index empty where every e is 0
  double worst_noise = 0;
  double worst_ulp = 0;  ///< in units of the found tensor's type

  double rms = 0;
  double max_abs = 0;
  double reference_rms = 0;
  std::optional<double> cosine;  ///< nothing where a side is all zero
  std::optional<double> psnr;    ///< dB, peak = max|y|; nothing where e is 0
  std::optional<double> top1;    ///< share of rows (last axis, of at least 2) with the same first maximum; rank 1 to 3
  std::optional<double>
      top5;  ///< share of rows of at least 6 with the same five largest, in whatever order; rank 1 to 3

  std::size_t mask_mismatches = 0;  ///< NaN, +inf and -inf that do not stand at the same places on both sides
  ElementPair first_mismatch;
  std::size_t non_finite = 0;     ///< equal ones, left out of the rest
  std::optional<bool> same_bits;  ///< as the sealed native output; nothing where that was not given
};

/// Compares in one pass at the speed of memory, on all processors where it is large. `found` is of a floating type,
/// `reference` float64. `native`, if given, is the sealed native output. Throws Error{usage} where shapes differ.
[[nodiscard]] Deviation compare(const HostTensor& found, const HostTensor& reference, const NoiseFloor& noise,
                                const HostTensor* native = nullptr);

/// For outputs of integers and bools: elements that differ.
struct Mismatch {
  std::size_t elements = 0;
  std::size_t differing = 0;
  ElementPair first;
};
[[nodiscard]] Mismatch compare_exactly(const HostTensor& found, const HostTensor& expected);

}  // namespace goldseal::golden

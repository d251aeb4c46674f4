// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/compare/output_verdict.hpp>

#include <goldseal/base/messages/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace goldseal::golden {
namespace {

OutputVerdict judge(const Deviation& deviation, double diffuse, double diffuse_limit, double local,
                    double local_limit) {
  OutputVerdict verdict;
  verdict.diffuse = diffuse;
  verdict.diffuse_limit = diffuse_limit;
  verdict.local = local;
  verdict.local_limit = local_limit;
  verdict.mask_differs = deviation.mask_mismatches > 0;
  // Written so that a NaN fails.
  verdict.pass = diffuse <= diffuse_limit && local <= local_limit && !verdict.mask_differs;
  return verdict;
}

}  // namespace

double OutputVerdict::severity() const {
  if (mask_differs) return std::numeric_limits<double>::infinity();
  return std::max(diffuse / diffuse_limit, local / local_limit);
}

OutputVerdict judge_float64(const Deviation& deviation, const NoiseFloor& noise, bool same_artifact) {
  const double limit = same_artifact && noise.pure() ? k_float64_pure : k_float64_loose;
  return judge(deviation, deviation.rms_ratio, limit, deviation.max_ratio, k_local * limit);
}

OutputVerdict judge_native_strict(const Deviation& deviation, const NoiseFloor& noise) {
  return judge(deviation, deviation.rms_ratio / noise.rms_amplification, k_native_diffuse,
               deviation.max_ratio / noise.max_amplification, k_native_local);
}

OutputVerdict judge_native_policy(const Deviation& deviation, const NoiseFloor& noise, int bits) {
  const double coarser = std::ldexp(1.0, k_bits_float32 - bits);
  return judge(deviation, deviation.rms_ratio, k_policy_diffuse * coarser,
               deviation.max_ratio / noise.max_amplification, k_native_local + k_policy_local * coarser);
}

OutputVerdict judge_native(const Deviation& deviation, const NoiseFloor& noise, int permitted_bits) {
  const int bits = noise.native ? k_bits_float32 : noise.bits;
  const auto own =
      bits < k_bits_float32 ? judge_native_policy(deviation, noise, bits) : judge_native_strict(deviation, noise);
  if (own.pass || permitted_bits >= bits || noise.native) return own;
  return judge_native_policy(deviation, noise, permitted_bits);
}

RepeatVerdict judge_repeat(const HostTensor& first, const HostTensor& second) {
  if (first.dtype != second.dtype || first.shape != second.shape) {
    throw Error(ErrorKind::worker, first.name,
                fmt::format("expected {} {} again, found {} {}", to_string(first.dtype), format_shape(first.shape),
                            to_string(second.dtype), format_shape(second.shape)),
                "the output's size changes from run to run");
  }
  if (first.bytes.empty() || std::memcmp(first.bytes.data(), second.bytes.data(), first.bytes.size()) == 0) return {};
  const auto mismatch = compare_exactly(second, first);
  return {false, mismatch.differing, mismatch.first};
}

Precision precision_at_work(double rho) {
  if (rho <= k_rho_float64) return Precision::float64;
  if (rho <= k_rho_float32) return Precision::float32;
  if (rho >= k_rho_half_low && rho < k_rho_half_high) return Precision::tf32_or_float16;
  if (rho >= k_rho_half_high && rho <= k_rho_bfloat16_high) return Precision::bfloat16;
  return Precision::none;
}

std::string_view to_string(Precision precision) {
  switch (precision) {
    case Precision::float64:
      return "float64";
    case Precision::float32:
      return "float32";
    case Precision::tf32_or_float16:
      return "TF32 or float16";
    case Precision::bfloat16:
      return "bfloat16";
    case Precision::none:
      return "no known precision";
  }
  return "no known precision";
}

}  // namespace goldseal::golden

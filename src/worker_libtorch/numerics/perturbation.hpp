// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace goldseal::worker {

/// What a run multiplies the elements by: 1 + relative·ξ, ξ uniform on [-1, 1) (PROTOCOL.md, run). A product does not
/// move a zero: it becomes zero·ξ.
struct Perturbation {
  std::uint64_t seed;
  double relative;
  double zero = 0;
  bool tile = false;  // the factors of numerics/tile.hpp, which move no zeros
  std::set<std::string, std::less<>> only = {};  // the tensors that are moved; all of them where it is empty

  bool moves(std::string_view tensor_name) const { return only.empty() || only.find(tensor_name) != only.end(); }
};

/// SplitMix64's finaliser (Steele, Lea, Flood 2014).
constexpr std::uint64_t mix(std::uint64_t z) {
  z ^= z >> 30;
  z *= 0xBF58476D1CE4E5B9;
  z ^= z >> 27;
  z *= 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

/// The 64-bit FNV-1a hash of `text`.
constexpr std::uint64_t fnv1a64(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

/// ξ of element `index` under this key: uniform on [-1, 1).
constexpr double uniform(std::uint64_t key, std::uint64_t index) {
  const auto bits = mix(key + (index + 1) * 0x9E3779B97F4A7C15) >> 11;
  return 2.0 * (static_cast<double>(static_cast<std::int64_t>(bits)) * 0x1p-53) - 1.0;
}

/// The factors of one tensor, and what becomes of its zeros, the same on every machine.
class PerturbationFactors {
 public:
  PerturbationFactors(const Perturbation& perturbation, std::string_view tensor_name)
      : m_key(mix(fnv1a64(tensor_name) ^ perturbation.seed)),
        m_relative(perturbation.relative),
        m_zero(perturbation.zero) {}

  /// The factor of element `index` in row-major order.
  double operator()(std::uint64_t index) const { return 1.0 + m_relative * xi(index); }

  /// The perturbed value of that element.
  double moved(double value, std::uint64_t index) const {
    return value == 0 && m_zero != 0 ? m_zero * xi(index) : value * (*this)(index);
  }

 private:
  double xi(std::uint64_t index) const { return uniform(m_key, index); }

  std::uint64_t m_key;
  double m_relative;
  double m_zero;
};

}  // namespace goldseal::worker

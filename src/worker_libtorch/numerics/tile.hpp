// SPDX-License-Identifier: Apache-2.0
// A hash for every element costs more than all of a large network's products. A probe's factors are
// cut from one table instead, which is the same for ever: a hash for every 32,768 elements.
#pragma once

#include "numerics/perturbation.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace goldseal::worker {

inline constexpr std::uint64_t k_tile_length = 65521;  // a prime: runs meet again at no regular distance
inline constexpr std::uint64_t k_tile_run = 1 << 15;   // elements that follow one another in the table

/// The factors 1 + relative·T, T the table, rounded to Element (float or double).
template <class Element>
std::vector<Element> tile_factors(double relative) {
  std::vector<Element> factors;
  factors.reserve(k_tile_length);
  const auto key = mix(fnv1a64("tile"));
  for (std::uint64_t j = 0; j < k_tile_length; ++j)
    factors.push_back(static_cast<Element>(1.0 + relative * uniform(key, j)));
  return factors;
}

/// Where in the table each run of one tensor's elements begins.
class TileStarts {
 public:
  TileStarts(std::uint64_t seed, std::string_view tensor_name) : m_key(mix(fnv1a64(tensor_name) ^ seed)) {}

  std::uint64_t operator()(std::uint64_t run) const {
    return mix(m_key + (run + 1) * 0x9E3779B97F4A7C15) % (k_tile_length - k_tile_run + 1);
  }

 private:
  std::uint64_t m_key;
};

}  // namespace goldseal::worker

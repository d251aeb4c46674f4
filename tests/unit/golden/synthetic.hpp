// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/golden/compare/noise_floor.hpp>

#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

/// Outputs with a known noise, so that what the verdict must say can be worked out by hand.
namespace goldseal::golden::synthetic {

inline HostTensor floats(std::vector<float> values, std::vector<std::int64_t> shape = {}) {
  if (shape.empty()) shape = {static_cast<std::int64_t>(values.size())};
  return make_tensor("y", DType::float32, std::move(shape), std::move(values));
}
inline HostTensor doubles(std::vector<double> values, std::vector<std::int64_t> shape = {}) {
  if (shape.empty()) shape = {static_cast<std::int64_t>(values.size())};
  return make_tensor("y", DType::float64, std::move(shape), std::move(values));
}

inline std::vector<double> normal(std::size_t count, double deviation, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> draw(0, deviation);
  std::vector<double> values(count);
  for (auto& value : values) value = draw(engine);
  return values;
}

inline std::vector<double> plus(std::vector<double> values, const std::vector<double>& change, double scale = 1) {
  for (std::size_t i = 0; i < values.size(); ++i) values[i] += scale * change[i];
  return values;
}

/// A network's output of deviation 1 whose response to rounding has deviation `noise`: eight probes and four islands
/// in proportion, and native runs whose errors are `growth` times the response.
struct Output {
  std::vector<double> values;
  double noise = 0;
  HostTensor reference;
  NoiseFloor floor;

  Output(std::size_t count, double noise_deviation, double growth, std::uint64_t seed)
      : values(normal(count, 1, seed)), noise(noise_deviation), reference(doubles(values)) {
    NoiseProbe probe(reference);
    for (std::int64_t k = 0; k < 8; ++k) {
      const auto response = normal(count, noise, seed + 100 + static_cast<std::uint64_t>(k));
      probe.add_response(k, doubles(plus(values, response)));
      if (k < 4) probe.add_fine(k, doubles(plus(values, response, 0x1p-20)));
    }
    floor = probe.finish();
    for (std::uint64_t run = 0; run < 3; ++run) calibrate(floor, reference, native(growth, seed + 200 + run));
  }

  [[nodiscard]] HostTensor native(double growth, std::uint64_t seed) const {
    const auto moved = plus(values, normal(values.size(), noise, seed), growth);
    return floats({moved.begin(), moved.end()});
  }
  /// A float64 run on another machine: off by `units` of 2^-29 responses.
  [[nodiscard]] HostTensor float64(double units, std::uint64_t seed) const {
    return doubles(plus(values, normal(values.size(), noise, seed), units * 0x1p-29));
  }
};

}  // namespace goldseal::golden::synthetic

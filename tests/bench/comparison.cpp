// SPDX-License-Identifier: Apache-2.0
// Times the comparison of one large output with its golden: `bench_comparison ELEMENTS ROUNDS [ROW]` prints the seconds
// of each round, one a line; with ROW, the output has rows of that many elements, whose largest are compared too.
// comparison.py sets them beside torch.testing.assert_close.
#include <goldseal/golden/compare/comparison.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

using namespace goldseal;
using namespace goldseal::golden;

namespace {

struct Sample {
  HostTensor found;
  HostTensor reference;
  NoiseFloor noise;
};

// Noise of a usual spread: responses over six octaves, errors of a few times the response.
Sample make_sample(std::size_t count, std::size_t row) {
  if (row > 0) count -= count % row;
  std::vector<float> found(count);
  std::vector<double> reference(count);
  std::vector<std::uint8_t> codes(count);
  std::mt19937_64 engine(1);
  for (std::size_t i = 0; i < count; ++i) {
    const auto draw = engine();
    reference[i] = static_cast<double>(static_cast<std::int64_t>(draw)) * 0x1p-62;
    found[i] = static_cast<float>(reference[i] + static_cast<double>(draw & 0xFFFF) * 1e-11 - 3e-7);
    codes[i] = static_cast<std::uint8_t>(draw >> 20);
  }
  // Rank 4, as a detector's heads have it.
  std::vector<std::int64_t> shape{1, 1, 1, static_cast<std::int64_t>(count)};
  if (row > 0) shape = {static_cast<std::int64_t>(count / row), static_cast<std::int64_t>(row)};
  Sample sample{make_tensor("y", DType::float32, shape, std::move(found)),
                make_tensor("y", DType::float64, shape, std::move(reference)),
                {}};
  sample.noise.response_rms = 1e-7;
  sample.noise.floor = sample.noise.base = 1e-8;
  sample.noise.step = 6.0 / 254;
  sample.noise.codes = make_tensor("y", DType::uint8, shape, std::move(codes));
  return sample;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::fprintf(stderr, "usage: bench_comparison ELEMENTS ROUNDS [ROW]\n");
    return 2;
  }
  const auto sample =
      make_sample(std::strtoull(argv[1], nullptr, 10), argc == 4 ? std::strtoull(argv[3], nullptr, 10) : 0);
  const long rounds = std::strtol(argv[2], nullptr, 10);
  for (long round = 0; round < rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    const auto deviation = compare(sample.found, sample.reference, sample.noise);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    if (!(deviation.rms_ratio > 0)) return 1;
    std::printf("%.6f\n", taken.count());
  }
  return 0;
}

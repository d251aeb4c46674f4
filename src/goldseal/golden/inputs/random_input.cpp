// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/inputs/random_input.hpp>

#include <goldseal/base/bytes/checked.hpp>
#include <goldseal/base/messages/error.hpp>

#include <fmt/format.h>

#include <random>
#include <vector>

namespace goldseal::golden {
namespace {

constexpr int k_uniforms_a_normal = 12;
constexpr std::int64_t k_most_elements = std::int64_t{1} << 31;

float uniform(std::mt19937_64& engine) { return static_cast<float>(engine() >> 40) * 0x1p-24F; }

float normal(std::mt19937_64& engine) {
  double sum = -k_uniforms_a_normal / 2.0;
  for (int i = 0; i < k_uniforms_a_normal; ++i) sum += static_cast<double>(uniform(engine));
  return static_cast<float>(sum);
}

std::size_t count_elements(const RandomSource& source) {
  const auto count = checked_numel(source.shape);
  if (count && *count <= k_most_elements) return static_cast<std::size_t>(*count);
  throw Error(ErrorKind::usage, "random:",
              fmt::format("expected at most {} elements, found shape {}", k_most_elements, format_shape(source.shape)),
              "give a smaller shape");
}

template <typename T, typename Draw>
HostTensor draw(const RandomSource& source, DType dtype, const Draw& next) {
  std::mt19937_64 engine(source.seed);
  std::vector<T> values(count_elements(source));
  for (auto& value : values) value = next(engine);
  return make_tensor("", dtype, source.shape, std::move(values));
}

HostTensor draw_floating(const RandomSource& source, float (*next)(std::mt19937_64&)) {
  auto drawn = draw<float>(source, DType::float32, next);
  if (source.dtype == DType::float32) return drawn;
  std::vector<double> values(drawn.numel());
  copy_as_double(drawn, 0, values);
  return narrowed("", source.dtype, source.shape, values);
}

}  // namespace

HostTensor make_random(const RandomSource& source) {
  switch (source.kind) {
    case RandomSource::Kind::normal:
      return draw_floating(source, normal);
    case RandomSource::Kind::integer:
      return draw<std::int64_t>(source, DType::int64, [&](std::mt19937_64& engine) {
        return static_cast<std::int64_t>(engine() % source.below);
      });
    case RandomSource::Kind::uniform:
      break;
  }
  return draw_floating(source, uniform);
}

}  // namespace goldseal::golden

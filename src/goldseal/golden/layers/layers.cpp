// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/layers/layers.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/golden/layers/layer_error.hpp>
#include <goldseal/golden/tensors/constants.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

namespace goldseal::golden {
namespace {

constexpr std::string_view k_names = "names";
constexpr std::string_view k_sketch = "sketch";
constexpr std::string_view k_noise = "noise";
constexpr std::string_view k_form = "goldseal layers 2";
constexpr std::string_view k_whole_form = "goldseal layers 1";  // whose sketches take all elements
constexpr std::string_view k_any_form = "goldseal layers ";
constexpr std::size_t k_sketch_width = k_projections + 2;
constexpr std::size_t k_noise_width = 3;

[[noreturn]] void fail(const std::string& message) {
  throw Error(ErrorKind::malformed, "layers", message,
              "the seal is damaged or mixed with another: copy it again from where it was captured");
}

double mean_over_seeds(const std::map<std::int64_t, std::vector<double>>& by_seed,
                       const std::map<std::int64_t, std::vector<double>>& other, std::size_t layer) {
  double sum = 0;
  std::size_t count = 0;
  for (const auto& [seed, squares] : by_seed) {
    if (!other.contains(seed)) continue;
    sum += squares[layer];
    ++count;
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

std::string line_of(const LayerSketch& layer) {
  return fmt::format("{}\t{}\t{}\n", layer.module, layer.op, fmt::join(layer.shape, "x"));
}

std::vector<std::int64_t> parse_shape(std::string_view text) {
  std::vector<std::int64_t> shape;
  if (text.empty()) return shape;
  for (const auto part : split(text, 'x')) {
    std::int64_t size = 0;
    const auto [end, status] = std::from_chars(part.data(), part.data() + part.size(), size);
    if (status != std::errc{} || end != part.data() + part.size() || size < 0)
      fail(fmt::format("expected a shape like 1x3x8x8, found '{}'", escape_unprintable(text)));
    shape.push_back(size);
  }
  return shape;
}

LayerSketch parse_line(std::string_view line) {
  const auto parts = split(line, '\t');
  if (parts.size() != 3) fail(fmt::format("expected module, operator and shape, found '{}'", escape_unprintable(line)));
  LayerSketch layer;
  layer.module = parts[0];
  layer.op = parts[1];
  layer.shape = parse_shape(parts[2]);
  return layer;
}

const HostTensor& require(std::span<const HostTensor> tensors, std::string_view name) {
  const auto* const tensor = find_tensor(tensors, name);
  if (tensor == nullptr) fail(fmt::format("expected the tensor '{}', found none", name));
  return *tensor;
}

std::vector<double> rows_of(const HostTensor& tensor, std::size_t layers, std::size_t width) {
  const std::vector<std::int64_t> shape{static_cast<std::int64_t>(layers), static_cast<std::int64_t>(width)};
  if (tensor.dtype != DType::float64 || tensor.shape != shape) {
    fail(fmt::format("expected '{}' as float64 {}, found {} {}", tensor.name, format_shape(shape),
                     to_string(tensor.dtype), format_shape(tensor.shape)));
  }
  std::vector<double> values(tensor.numel());
  copy_as_double(tensor, 0, values);
  return values;
}

// Elements that a sketch of this form takes at most.
std::int64_t elements_of_form(std::string_view line) {
  if (line == k_form) return k_sketch_elements;
  if (line == k_whole_form) return 0;
  if (!line.starts_with(k_any_form)) fail(fmt::format("expected '{}', found '{}'", k_form, escape_unprintable(line)));
  throw Error(ErrorKind::unsupported, "layers",
              fmt::format("expected '{}', found '{}'", k_form, escape_unprintable(line)),
              "install the goldseal that wrote the seal");
}

}  // namespace

double layer_error(const LayerSketch& one, const LayerSketch& other) {
  if (one.non_finite != other.non_finite) return std::numeric_limits<double>::infinity();
  double squares = 0;
  for (std::size_t k = 0; k < k_projections; ++k) {
    const double difference = one.projections[k] - other.projections[k];
    squares += difference * difference;
  }
  return std::sqrt(squares / k_projections);
}

void LayerProbe::set_reference(std::vector<LayerSketch> layers, double rounding,
                               std::optional<std::size_t> narrow_layer) {
  m_layers.clear();
  m_unmoved.clear();
  m_factor = 1;
  m_response.clear();
  m_fine.clear();
  m_first_narrow = narrow_layer;
  m_rounding = rounding;
  for (auto& layer : layers) m_layers.push_back({std::move(layer), 0, k_least_amplification, 1});
}

bool LayerProbe::same_layers(std::span<const LayerSketch> layers) const {
  return std::ranges::equal(layers, m_layers, [](const LayerSketch& found, const SealedLayer& sealed) {
    return found.module == sealed.sketch.module && found.op == sealed.sketch.op && found.shape == sealed.sketch.shape;
  });
}

// Layers that come and go with rounding cannot be followed.
bool LayerProbe::fits(std::span<const LayerSketch> layers) {
  const bool same = same_layers(layers);
  if (!same) m_layers.clear();
  return same;
}

bool LayerProbe::set_unmoved(std::vector<LayerSketch> layers, double factor) {
  if (!same_layers(layers)) return false;
  m_unmoved = std::move(layers);
  m_factor = factor;
  return true;
}

void LayerProbe::forget_responses() {
  m_unmoved.clear();
  m_factor = 1;
  m_response.clear();
  m_fine.clear();
}

void LayerProbe::add_response(std::int64_t seed, std::span<const LayerSketch> layers) {
  if (!fits(layers)) return;
  auto& squares = m_response[seed];
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto& unmoved = m_unmoved.empty() ? m_layers[i].sketch : m_unmoved[i];
    squares.push_back(std::pow(m_factor * layer_error(unmoved, layers[i]), 2));
  }
}

void LayerProbe::add_fine(std::int64_t seed, std::span<const LayerSketch> layers) {
  if (!fits(layers)) return;
  auto& squares = m_fine[seed];
  for (std::size_t i = 0; i < layers.size(); ++i)
    squares.push_back(std::pow(layer_error(m_layers[i].sketch, layers[i]), 2));
}

void LayerProbe::calibrate(std::span<const LayerSketch> layers, int bits) {
  auto sealed = finish();
  const auto trace = follow_layers(sealed, layers, Compute::native, bits);
  // Only a run of the very same operators tells which step is which layer.
  if (trace.steps.size() != m_layers.size()) return;
  for (std::size_t i = 0; i < m_layers.size(); ++i) {
    const double growth = std::ldexp(trace.steps[i].ratio, bits - k_bits_float32);
    if (std::isfinite(growth)) m_layers[i].rms_amplification = std::max(m_layers[i].rms_amplification, growth);
  }
}

std::vector<SealedLayer> LayerProbe::finish() const {
  auto layers = m_layers;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    auto& layer = layers[i];
    const double response = std::sqrt(mean_over_seeds(m_response, m_response, i));
    layer.response_rms = std::max(response, m_rounding * layer.sketch.rms / 2);
    const double at_24 = std::sqrt(mean_over_seeds(m_response, m_fine, i));
    const double at_44 = std::sqrt(mean_over_seeds(m_fine, m_response, i));
    if (m_first_narrow && i >= *m_first_narrow) {
      layer.linearity = 0;
    } else if (at_24 > 0) {
      layer.linearity = k_rounding / k_fine_rounding * at_44 / at_24;
    }
  }
  return layers;
}

void fill_sketches(const HostTensor& table, std::span<LayerSketch> layers) {
  const auto rows = rows_of(table, layers.size(), k_sketch_width);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto* const row = rows.data() + i * k_sketch_width;
    std::copy_n(row, k_projections, layers[i].projections.begin());
    layers[i].rms = row[k_projections];
    layers[i].non_finite = row[k_projections + 1];
  }
}

std::vector<HostTensor> pack_layers(std::span<const LayerSketch> layers) {
  std::string text(!layers.empty() && layers.front().elements == 0 ? k_whole_form : k_form);
  text += '\n';
  std::vector<double> sketches;
  for (const auto& layer : layers) {
    text += line_of(layer);
    sketches.insert(sketches.end(), layer.projections.begin(), layer.projections.end());
    sketches.insert(sketches.end(), {layer.rms, layer.non_finite});
  }
  const auto count = static_cast<std::int64_t>(layers.size());
  const auto length = static_cast<std::int64_t>(text.size());
  return {make_tensor(std::string(k_names), DType::uint8, {length}, std::vector<char>(text.begin(), text.end())),
          make_tensor(std::string(k_sketch), DType::float64, {count, k_sketch_width}, std::move(sketches))};
}

std::vector<LayerSketch> unpack_layers(std::span<const HostTensor> tensors) {
  const auto& names = require(tensors, k_names);
  if (names.dtype != DType::uint8) fail("expected the names as uint8");
  const std::string text(reinterpret_cast<const char*>(names.bytes.data()), names.bytes.size());
  auto lines = split(text, '\n');
  if (lines.size() < 2 || !lines.back().empty()) fail("expected lines of names, found none");
  const auto elements = elements_of_form(lines.front());
  std::vector<LayerSketch> layers;
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    layers.push_back(parse_line(lines[i]));
    layers.back().elements = elements;
  }
  fill_sketches(require(tensors, k_sketch), layers);
  return layers;
}

std::vector<HostTensor> pack_sealed_layers(std::span<const SealedLayer> layers) {
  std::vector<LayerSketch> sketches;
  std::vector<double> noise;
  for (const auto& layer : layers) {
    sketches.push_back(layer.sketch);
    noise.insert(noise.end(), {layer.response_rms, layer.rms_amplification, layer.linearity});
  }
  auto tensors = pack_layers(sketches);
  tensors.push_back(make_tensor(std::string(k_noise), DType::float64,
                                {static_cast<std::int64_t>(layers.size()), k_noise_width}, std::move(noise)));
  return tensors;
}

std::vector<SealedLayer> unpack_sealed_layers(std::span<const HostTensor> tensors) {
  auto sketches = unpack_layers(tensors);
  const auto rows = rows_of(require(tensors, k_noise), sketches.size(), k_noise_width);
  std::vector<SealedLayer> layers;
  for (std::size_t i = 0; i < sketches.size(); ++i) {
    const auto* const row = rows.data() + i * k_noise_width;
    layers.push_back({std::move(sketches[i]), row[0], row[1], row[2]});
  }
  return layers;
}

}  // namespace goldseal::golden

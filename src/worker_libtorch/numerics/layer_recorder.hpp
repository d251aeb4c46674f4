// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "networks/network.hpp"
#include "numerics/layer_part.hpp"
#include "numerics/layer_sketch.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace goldseal::worker {

/// A network that calls more operators than this (one unrolled over many steps) is sketched up to here.
inline constexpr std::size_t k_max_layers = 4096;

/// Keeps the sketches of a run's layers in the order of their computation, and no tensor.
class LayerRecorder {
 public:
  struct Layer {
    std::string module;  // dotted path; empty for the network itself
    std::string op;      // `aten::conv2d`
    at::ScalarType dtype;
    std::vector<std::int64_t> shape;
    LayerSketch sketch;
  };

  /// A sketch takes at most `elements` of a layer's, 0 for all. Of a batch, `part` tells which row's it takes.
  explicit LayerRecorder(std::int64_t elements = 0, std::optional<LayerPart> part = std::nullopt)
      : m_elements(elements), m_part(std::move(part)) {}

  /// Does nothing for a tensor that is not of a plain floating type, an empty one, or beyond k_max_layers. `wide`: it was
  /// computed in float64, whatever type holds it, and is recorded as such.
  void add(const std::string& module, const std::string& op, const at::Tensor& output, bool wide = false);

  const std::vector<Layer>& layers() const { return m_layers; }
  /// float16 or bfloat16, the narrower that a conversion gave: a conversion is no layer, yet it rounds.
  std::optional<at::ScalarType> narrowest() const { return m_narrowest; }

  /// float64 [layers, k_projections + 2]: projections, rms, number of elements that are not finite.
  at::Tensor table() const;

 private:
  std::int64_t m_elements;
  std::optional<LayerPart> m_part;
  std::vector<Layer> m_layers;
  std::optional<at::ScalarType> m_narrowest;
};

}  // namespace goldseal::worker

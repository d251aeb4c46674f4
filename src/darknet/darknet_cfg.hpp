// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace goldseal::worker {

enum class Activation { linear, leaky, relu, mish, swish, logistic };

/// The slope that Darknet's `leaky` has for negative values.
inline constexpr double k_leaky_slope = 0.1;

struct Convolution {
  std::int64_t in_channels;
  std::int64_t filters;
  std::int64_t size;
  std::int64_t stride;
  std::int64_t padding;
  std::int64_t groups;
  bool batch_normalize;
  double eps;
  Activation activation;
};

/// Adds the output of layer `from` (absolute) to that of the layer before.
struct Shortcut {
  std::size_t from;
  Activation activation;
};

/// Joins the outputs of `layers` (absolute) along the channels; of each only the part `group_id` of `groups`.
struct Route {
  std::vector<std::size_t> layers;
  std::int64_t groups;
  std::int64_t group_id;
};

struct Upsample {
  std::int64_t stride;
};

/// With `pad_right_bottom`, one row and one column of zeros go there first (size 2, stride 1: the map keeps its size).
struct MaxPool {
  std::int64_t size;
  std::int64_t stride;
  std::int64_t padding;
  bool pad_right_bottom;
};

/// A head. The layer passes its input on: what the network gives is the raw map before any decoding.
struct Yolo {
  std::vector<std::int64_t> mask;
  std::vector<std::pair<double, double>> anchors;
  std::int64_t classes;
};

using LayerKind = std::variant<Convolution, Shortcut, Route, Upsample, MaxPool, Yolo>;

/// One section after [net], with the size of its output at the cfg's image size, and the line that states its channels.
struct Layer {
  LayerKind kind;
  std::int64_t channels;
  std::int64_t height;
  std::int64_t width;
  int line;
};

struct DarknetCfg {
  std::int64_t channels;
  std::int64_t height;
  std::int64_t width;
  std::vector<Layer> layers;
};

/// Reads a Darknet cfg. Throws Refusal: `malformed` for what contradicts itself, `unsupported` for sections and options
/// that this worker does not know and that may change what the network computes; `where` is `path:line`.
DarknetCfg read_darknet_cfg(const std::string& path);

const char* to_string(Activation activation);

}  // namespace goldseal::worker

// SPDX-License-Identifier: Apache-2.0
// A Darknet cfg is a list of sections. `[name]` begins one, `key=value` lines follow, `#` or `;` begins a comment line.
// The first is [net]; each later one is a layer. Layer numbers that are negative count back from the layer that states
// them.
#include "darknet/darknet_cfg.hpp"

#include "darknet/darknet_sections.hpp"
#include "darknet/refusal.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace goldseal::worker {
namespace {

constexpr std::int64_t k_max_size = 1 << 16;
constexpr std::int64_t k_max_channels = 1 << 20;
constexpr double k_default_eps = 1e-5;
constexpr std::array<std::pair<std::string_view, Activation>, 6> k_activations{{{"linear", Activation::linear},
                                                                                {"leaky", Activation::leaky},
                                                                                {"relu", Activation::relu},
                                                                                {"mish", Activation::mish},
                                                                                {"swish", Activation::swish},
                                                                                {"logistic", Activation::logistic}}};

struct Shape {
  std::int64_t channels;
  std::int64_t height;
  std::int64_t width;
};

std::string text_of(const Shape& shape) {
  return std::to_string(shape.channels) + "x" + std::to_string(shape.height) + "x" + std::to_string(shape.width);
}

// Builds the layers in order; each parse_* reads one section and returns the layer.
class CfgBuilder {
 public:
  CfgBuilder(const DarknetSection& net) : m_eps(k_default_eps) {
    m_cfg.channels = net.integer("channels", 3, 1, 4096);
    m_cfg.height = net.integer("height", 416, 1, k_max_size);
    m_cfg.width = net.integer("width", 416, 1, k_max_size);
    m_eps = net.number("batch_normalize_eps", k_default_eps);
  }

  void add(const DarknetSection& section) {
    static constexpr std::array<std::pair<std::string_view, Layer (CfgBuilder::*)(const DarknetSection&)>, 6> k_parsers{
        {{"convolutional", &CfgBuilder::convolution},
         {"shortcut", &CfgBuilder::shortcut},
         {"route", &CfgBuilder::route},
         {"upsample", &CfgBuilder::upsample},
         {"maxpool", &CfgBuilder::maxpool},
         {"yolo", &CfgBuilder::yolo}}};
    for (const auto& [name, parse] : k_parsers) {
      if (section.name() != name) continue;
      m_cfg.layers.push_back((this->*parse)(section));
      return;
    }
    throw Refusal(RefusalKind::unsupported,
                  "section [" + section.name() +
                      "] is not known; known are convolutional, shortcut, route, upsample, maxpool and yolo",
                  section.where());
  }

  DarknetCfg finish() && { return std::move(m_cfg); }

 private:
  Shape before(const DarknetSection& section) const {
    if (m_cfg.layers.empty()) return {m_cfg.channels, m_cfg.height, m_cfg.width};
    return output_of(m_cfg.layers.size() - 1, section, section.where());
  }

  // A yolo section's output is a decoded one in Darknet and never an input of a known network.
  Shape output_of(std::size_t index, const DarknetSection& section, const std::string& where) const {
    const auto& layer = m_cfg.layers[index];
    if (std::holds_alternative<Yolo>(layer.kind))
      throw Refusal(
          RefusalKind::unsupported,
          "section [" + section.name() + "] takes the output of layer " + std::to_string(index) + ", a [yolo]", where);
    return {layer.channels, layer.height, layer.width};
  }

  static Layer make_layer(LayerKind kind, const Shape& shape, const DarknetSection& section) {
    if (shape.channels > k_max_channels || shape.height > k_max_size || shape.width > k_max_size)
      throw Refusal(RefusalKind::malformed, "the layer's output grows beyond all sense: " + text_of(shape),
                    section.where());
    return {std::move(kind), shape.channels, shape.height, shape.width, section.line("filters")};
  }

  static Activation activation(const DarknetSection& section) {
    const auto name = section.text("activation", "linear");
    for (const auto& [known, value] : k_activations)
      if (known == name) return value;
    throw Refusal(RefusalKind::unsupported,
                  "activation=" + name + " is not known; known are linear, leaky, relu, mish, swish and logistic",
                  section.where("activation"));
  }

  static std::int64_t pooled(std::int64_t in, std::int64_t size, std::int64_t stride, std::int64_t padding,
                             const DarknetSection& section) {
    const auto room = in + padding - size;
    if (room < 0)
      throw Refusal(RefusalKind::malformed,
                    "a window of " + std::to_string(size) + " is larger than the map of " + std::to_string(in) +
                        " with its padding",
                    section.where("size"));
    return room / stride + 1;
  }

  Layer convolution(const DarknetSection& section) {
    section.allow({"batch_normalize", "filters", "size", "stride", "pad", "padding", "groups", "activation",
                   "batch_normalize_eps"});
    const auto in = before(section);
    Convolution conv{};
    conv.in_channels = in.channels;
    conv.filters = section.integer("filters", 1, 1, k_max_size);
    conv.size = section.integer("size", 1, 1, 255);
    conv.stride = section.integer("stride", 1, 1, 255);
    conv.groups = section.integer("groups", 1, 1, k_max_size);
    conv.padding = section.integer("pad", 0, 0, 1) ? conv.size / 2 : section.integer("padding", 0, 0, 255);
    conv.batch_normalize = section.integer("batch_normalize", 0, 0, 1) != 0;
    conv.eps = section.number("batch_normalize_eps", m_eps);
    conv.activation = activation(section);
    if (conv.filters % conv.groups != 0 || in.channels % conv.groups != 0)
      throw Refusal(RefusalKind::malformed,
                    "groups=" + std::to_string(conv.groups) + " does not divide " + std::to_string(in.channels) +
                        " channels into " + std::to_string(conv.filters) + " filters",
                    section.where("groups"));
    const Shape out{conv.filters, pooled(in.height, conv.size, conv.stride, 2 * conv.padding, section),
                    pooled(in.width, conv.size, conv.stride, 2 * conv.padding, section)};
    return make_layer(conv, out, section);
  }

  Layer shortcut(const DarknetSection& section) {
    section.allow({"from", "activation"});
    const auto from = layer_numbers(section, "from");
    if (from.size() != 1)
      throw Refusal(RefusalKind::unsupported, "a shortcut from several layers is not known", section.where("from"));
    const auto here = before(section);
    const auto there = output_of(from[0], section, section.where("from"));
    if (text_of(here) != text_of(there))
      throw Refusal(RefusalKind::malformed,
                    "a shortcut adds maps of one size, but the layer before gives " + text_of(here) + " and layer " +
                        std::to_string(from[0]) + " gives " + text_of(there),
                    section.where("from"));
    return make_layer(Shortcut{from[0], activation(section)}, here, section);
  }

  Layer route(const DarknetSection& section) {
    section.allow({"layers", "groups", "group_id"});
    Route route{layer_numbers(section, "layers"), section.integer("groups", 1, 1, k_max_size),
                section.integer("group_id", 0, 0, k_max_size)};
    if (route.group_id >= route.groups)
      throw Refusal(
          RefusalKind::malformed,
          "group_id=" + std::to_string(route.group_id) + " is not below groups=" + std::to_string(route.groups),
          section.where("group_id"));
    auto out = output_of(route.layers[0], section, section.where("layers"));
    out.channels = 0;
    for (const auto index : route.layers) out.channels += routed_channels(route, index, out, section);
    return make_layer(std::move(route), out, section);
  }

  std::int64_t routed_channels(const Route& route, std::size_t index, const Shape& first,
                               const DarknetSection& section) const {
    const auto shape = output_of(index, section, section.where("layers"));
    if (shape.height != first.height || shape.width != first.width)
      throw Refusal(RefusalKind::malformed,
                    "a route joins maps of one height and width, but layer " + std::to_string(index) + " gives " +
                        text_of(shape) + " and layer " + std::to_string(route.layers[0]) + " gives " +
                        text_of(output_of(route.layers[0], section, section.where("layers"))),
                    section.where("layers"));
    if (shape.channels % route.groups != 0)
      throw Refusal(RefusalKind::malformed,
                    "groups=" + std::to_string(route.groups) + " does not divide the " +
                        std::to_string(shape.channels) + " channels of layer " + std::to_string(index),
                    section.where("groups"));
    return shape.channels / route.groups;
  }

  Layer upsample(const DarknetSection& section) {
    section.allow({"stride"});
    const auto in = before(section);
    const Upsample up{section.integer("stride", 2, 1, 64)};
    return make_layer(up, {in.channels, in.height * up.stride, in.width * up.stride}, section);
  }

  Layer maxpool(const DarknetSection& section) {
    section.allow({"size", "stride"});
    const auto in = before(section);
    MaxPool pool{};
    pool.stride = section.integer("stride", 1, 1, 255);
    pool.size = section.integer("size", pool.stride, 1, 255);
    pool.padding = (pool.size - 1) / 2;
    pool.pad_right_bottom = pool.size == 2 && pool.stride == 1;
    const auto padding = 2 * pool.padding + (pool.pad_right_bottom ? 1 : 0);
    return make_layer(pool,
                      {in.channels, pooled(in.height, pool.size, pool.stride, padding, section),
                       pooled(in.width, pool.size, pool.stride, padding, section)},
                      section);
  }

  // Everything but mask, anchors and classes concerns training or decoding, which the raw head does not depend on.
  Layer yolo(const DarknetSection& section) {
    const auto in = before(section);
    Yolo yolo{};
    yolo.classes = section.integer("classes", 20, 1, k_max_size);
    yolo.anchors = anchors(section);
    yolo.mask = section.integers("mask");
    for (const auto index : yolo.mask)
      if (index < 0 || static_cast<std::size_t>(index) >= yolo.anchors.size())
        throw Refusal(RefusalKind::malformed,
                      "mask names anchor " + std::to_string(index) + " of " + std::to_string(yolo.anchors.size()),
                      section.where("mask"));
    const auto expected = static_cast<std::int64_t>(yolo.mask.size()) * (5 + yolo.classes);
    if (in.channels != expected)
      throw Refusal(
          RefusalKind::malformed,
          "the layer before a [yolo] with " + std::to_string(yolo.mask.size()) + " anchors and " +
              std::to_string(yolo.classes) + " classes gives " + std::to_string(yolo.mask.size()) + "*(5+" +
              std::to_string(yolo.classes) + ")=" + std::to_string(expected) + " channels; found " +
              std::to_string(in.channels),
          filters_place(section),
          "set filters=" + std::to_string(expected) + " there, or classes to what the network was trained for");
    return make_layer(std::move(yolo), in, section);
  }

  std::string filters_place(const DarknetSection& section) const {
    if (m_cfg.layers.empty()) return section.where();
    return section.file() + ":" + std::to_string(m_cfg.layers.back().line);
  }

  static std::vector<std::pair<double, double>> anchors(const DarknetSection& section) {
    const auto values = section.numbers("anchors");
    if (values.size() % 2 != 0)
      throw Refusal(RefusalKind::malformed,
                    "anchors are pairs of width and height; found " + std::to_string(values.size()) + " numbers",
                    section.where("anchors"));
    std::vector<std::pair<double, double>> pairs;
    for (std::size_t i = 0; i < values.size(); i += 2) pairs.emplace_back(values[i], values[i + 1]);
    return pairs;
  }

  std::vector<std::size_t> layer_numbers(const DarknetSection& section, const std::string& key) const {
    const auto here = static_cast<std::int64_t>(m_cfg.layers.size());
    std::vector<std::size_t> numbers;
    for (const auto stated : section.integers(key)) {
      const auto number = stated < 0 ? here + stated : stated;
      if (number < 0 || number >= here)
        throw Refusal(RefusalKind::malformed,
                      key + " names layer " + std::to_string(stated) + ", but this is layer " + std::to_string(here) +
                          " and only earlier ones have an output",
                      section.where(key));
      numbers.push_back(static_cast<std::size_t>(number));
    }
    return numbers;
  }

  DarknetCfg m_cfg;
  double m_eps;
};

}  // namespace

const char* to_string(Activation activation) {
  for (const auto& [name, value] : k_activations)
    if (value == activation) return name.data();
  return "linear";
}

DarknetCfg read_darknet_cfg(const std::string& path) {
  const auto sections = read_darknet_sections(path);
  const auto& first = sections.front();
  if (first.name() != "net" && first.name() != "network")
    throw Refusal(RefusalKind::malformed, "the first section is [net]; found [" + first.name() + "]", first.where());
  CfgBuilder builder(first);
  for (auto section = sections.begin() + 1; section != sections.end(); ++section) builder.add(*section);
  auto cfg = std::move(builder).finish();
  if (std::none_of(cfg.layers.begin(), cfg.layers.end(),
                   [](const Layer& l) { return std::holds_alternative<Yolo>(l.kind); }))
    throw Refusal(RefusalKind::malformed, "the network has no [yolo] section, so it gives no output", path);
  return cfg;
}

}  // namespace goldseal::worker

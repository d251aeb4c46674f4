// SPDX-License-Identifier: Apache-2.0
// A network from a Darknet cfg, computed with plain tensor functions over a list of state entries, so that any state
// entry can be replaced for one run. Names are those of the PyTorch-YOLOv3 repositories: module_list.N.conv_N.weight,
// module_list.N.batch_norm_N.*.
#include "darknet/darknet_cfg.hpp"
#include "networks/network.hpp"
#include "protocol/error.hpp"

#include <ATen/Context.h>
#include <ATen/Functions.h>

#include <algorithm>

namespace goldseal::worker {
namespace {

constexpr const char* k_input = "image";
constexpr double k_momentum = 0.1;  // has no effect in evaluation mode

struct ConvolutionSlots {
  std::size_t weight;
  std::size_t rest;  // the bias, or the first of BatchNorm's five
};

// The tensors that a pass computes with, and the recorder that gets its results.
struct Watched {
  const Transform& transform;
  const LayerTap& tap;
};

at::Tensor activated(Activation activation, at::Tensor x) {
  switch (activation) {
    case Activation::linear:
      return x;
    case Activation::leaky:
      return at::leaky_relu_(x, k_leaky_slope);
    case Activation::relu:
      return at::relu_(x);
    case Activation::mish:
      return at::mish(x);
    case Activation::swish:
      return at::silu_(x);
    case Activation::logistic:
      return at::sigmoid_(x);
  }
  return x;
}

class DarknetNetwork final : public Network {
 public:
  DarknetNetwork(DarknetCfg cfg, bool counters)
      : m_cfg(std::move(cfg)), m_counters(counters), m_last_use(m_cfg.layers.size()) {
    m_inputs.push_back({k_input, {{std::nullopt, m_cfg.channels, m_cfg.height, m_cfg.width}}, at::kFloat});
    m_configuration["net.channels"] = std::to_string(m_cfg.channels);
    m_configuration["net.height"] = std::to_string(m_cfg.height);
    m_configuration["net.width"] = std::to_string(m_cfg.width);
    m_convolutions.resize(m_cfg.layers.size());
    for (std::size_t i = 0; i < m_cfg.layers.size(); ++i)
      std::visit([&](const auto& kind) { describe(i, kind); }, m_cfg.layers[i].kind);
    m_tensors.resize(m_state_entries.size());
    for (std::size_t i = 0; i < m_state_entries.size(); ++i)
      if (!m_state_entries[i].persistent)
        m_tensors[i] = at::zeros(m_state_entries[i].shape, at::TensorOptions(m_state_entries[i].dtype));
  }

  const std::vector<StateEntry>& state_entries() const override { return m_state_entries; }
  const std::vector<InputSpec>& inputs() const override { return m_inputs; }
  const std::map<std::string, std::string>& configuration() const override { return m_configuration; }
  bool streams() const override { return true; }
  void set(std::size_t index, const at::Tensor& tensor) override { m_tensors[index] = tensor; }
  at::Tensor get(std::size_t index) const override { return m_tensors[index]; }

  NamedTensors run(NamedTensors inputs, const Transform& transform, const LayerTap& tap) override {
    auto x = take_input(std::move(inputs));
    std::vector<at::Tensor> outputs(m_cfg.layers.size());
    NamedTensors heads;
    for (std::size_t i = 0; i < m_cfg.layers.size(); ++i) {
      const auto& kind = m_cfg.layers[i].kind;
      x = std::visit(
          [&](const auto& layer) {
            return forward(i, layer, std::move(x), outputs, {transform, tap});
          },
          kind);
      if (std::holds_alternative<Yolo>(kind)) heads.emplace_back("yolo_" + std::to_string(i), x);
      if (m_last_use[i] > i) outputs[i] = x;
      for (std::size_t j = 0; j < i; ++j)
        if (m_last_use[j] == i) outputs[j].reset();
    }
    return heads;
  }

 private:
  std::string module(std::size_t i, const char* kind) const {
    const auto number = std::to_string(i);
    return "module_list." + number + "." + kind + "_" + number;
  }

  std::size_t add_entry(std::string name, std::vector<std::int64_t> shape, bool parameter,
                       at::ScalarType dtype = at::kFloat, bool persistent = true) {
    m_state_entries.push_back({std::move(name), dtype, std::move(shape), parameter, persistent});
    return m_state_entries.size() - 1;
  }

  void configure(const std::string& key, std::int64_t value) { m_configuration[key] = std::to_string(value); }

  // Layer `from` is read by layer `by`, at the latest so far.
  void use(std::size_t from, std::size_t by) { m_last_use[from] = std::max(m_last_use[from], by); }

  void describe(std::size_t i, const Convolution& conv) {
    const auto name = module(i, "conv");
    const auto norm = module(i, "batch_norm");
    auto& places = m_convolutions[i];
    places.weight =
        add_entry(name + ".weight", {conv.filters, conv.in_channels / conv.groups, conv.size, conv.size}, true);
    if (conv.batch_normalize) {
      places.rest = add_entry(norm + ".weight", {conv.filters}, true);
      add_entry(norm + ".bias", {conv.filters}, true);
      add_entry(norm + ".running_mean", {conv.filters}, false);
      add_entry(norm + ".running_var", {conv.filters}, false);
      add_entry(norm + ".num_batches_tracked", {}, false, at::kLong, m_counters);
      m_configuration[norm + ".eps"] = text_of_number(conv.eps);
    } else {
      places.rest = add_entry(name + ".bias", {conv.filters}, true);
    }
    configure(name + ".stride", conv.stride);
    configure(name + ".padding", conv.padding);
    if (conv.groups != 1) configure(name + ".groups", conv.groups);
    configure_activation(i, conv.activation);
  }

  void configure_activation(std::size_t i, Activation activation) {
    if (activation == Activation::leaky)
      m_configuration[module(i, "leaky") + ".slope"] = text_of_number(k_leaky_slope);
    else
      m_configuration["module_list." + std::to_string(i) + ".activation"] = to_string(activation);
  }

  void describe(std::size_t i, const Shortcut& shortcut) {
    use(shortcut.from, i);
    configure(module(i, "shortcut") + ".from", static_cast<std::int64_t>(shortcut.from));
    if (shortcut.activation != Activation::linear) configure_activation(i, shortcut.activation);
  }

  void describe(std::size_t i, const Route& route) {
    std::string layers;
    for (const auto from : route.layers) {
      use(from, i);
      layers += (layers.empty() ? "" : ",") + std::to_string(from);
    }
    m_configuration[module(i, "route") + ".layers"] = layers;
    if (route.groups == 1) return;
    configure(module(i, "route") + ".groups", route.groups);
    configure(module(i, "route") + ".group_id", route.group_id);
  }

  void describe(std::size_t i, const Upsample& upsample) {
    configure(module(i, "upsample") + ".stride", upsample.stride);
  }

  void describe(std::size_t i, const MaxPool& pool) {
    const auto name = module(i, "maxpool");
    configure(name + ".size", pool.size);
    configure(name + ".stride", pool.stride);
    m_configuration[name + ".padding"] = pool.pad_right_bottom ? "0,1,0,1" : std::to_string(pool.padding);
  }

  void describe(std::size_t i, const Yolo& yolo) {
    const auto name = module(i, "yolo");
    std::string mask;
    std::string anchors;
    for (const auto index : yolo.mask) {
      const auto& [width, height] = yolo.anchors[static_cast<std::size_t>(index)];
      mask += (mask.empty() ? "" : ",") + std::to_string(index);
      anchors += (anchors.empty() ? "" : " ") + text_of_number(width) + "," + text_of_number(height);
    }
    m_configuration[name + ".mask"] = mask;
    m_configuration[name + ".anchors"] = anchors;
    configure(name + ".classes", yolo.classes);
  }

  at::Tensor take_input(NamedTensors inputs) const {
    if (inputs.size() != 1 || inputs[0].first != k_input)
      throw Refusal(RefusalKind::usage, std::string("the network takes one input, named `") + k_input + "`");
    auto x = std::move(inputs[0].second);
    if (x.dim() != 4 || x.size(1) != m_cfg.channels || !x.is_floating_point())
      throw Refusal(RefusalKind::usage, std::string("`") + k_input + "` is a floating tensor [N, " +
                                            std::to_string(m_cfg.channels) + ", height, width]; given " +
                                            name_of_dtype(x.scalar_type()) + " " + text_of_shape(x.sizes()));
    return x;
  }

  at::Tensor tensor(std::size_t state_entry, const Transform& transform) const {
    return transform ? transform(m_state_entries[state_entry].name, m_tensors[state_entry]) : m_tensors[state_entry];
  }

  void tell(const Watched& watched, std::size_t i, const char* kind, const char* op, const at::Tensor& result) const {
    if (watched.tap) watched.tap(module(i, kind), op, result);
  }

  at::Tensor activate(std::size_t i, Activation activation, at::Tensor x, const Watched& watched) const {
    if (activation == Activation::linear) return x;
    x = activated(activation, std::move(x));
    tell(watched, i, to_string(activation), to_string(activation), x);
    return x;
  }

  at::Tensor forward(std::size_t i, const Convolution& conv, at::Tensor x, const std::vector<at::Tensor>&,
                     const Watched& watched) const {
    const auto places = m_convolutions[i];
    const auto bias = conv.batch_normalize ? at::Tensor() : tensor(places.rest, watched.transform);
    x = at::conv2d(x, tensor(places.weight, watched.transform), bias, conv.stride, conv.padding, /*dilation=*/1,
                   conv.groups);
    tell(watched, i, "conv", "conv2d", x);
    if (conv.batch_normalize) {
      const auto norm = [&](std::size_t k) { return tensor(places.rest + k, watched.transform); };
      x = at::batch_norm(x, norm(0), norm(1), norm(2), norm(3), /*training=*/false, k_momentum, conv.eps,
                         at::globalContext().userEnabledCuDNN());
      tell(watched, i, "batch_norm", "batch_norm", x);
    }
    return activate(i, conv.activation, std::move(x), watched);
  }

  at::Tensor forward(std::size_t i, const Shortcut& shortcut, at::Tensor x, const std::vector<at::Tensor>& outputs,
                     const Watched& watched) const {
    x = at::add(x, outputs[shortcut.from]);
    tell(watched, i, "shortcut", "add", x);
    return activate(i, shortcut.activation, std::move(x), watched);
  }

  at::Tensor forward(std::size_t i, const Route& route, at::Tensor, const std::vector<at::Tensor>& outputs,
                     const Watched& watched) const {
    std::vector<at::Tensor> parts;
    for (const auto from : route.layers) {
      const auto part = outputs[from].size(1) / route.groups;
      parts.push_back(route.groups == 1 ? outputs[from] : outputs[from].narrow(1, route.group_id * part, part));
    }
    const auto x = parts.size() == 1 ? parts[0] : at::cat(parts, 1);
    tell(watched, i, "route", "cat", x);
    return x;
  }

  at::Tensor forward(std::size_t i, const Upsample& upsample, at::Tensor x, const std::vector<at::Tensor>&,
                     const Watched& watched) const {
    const auto scale = static_cast<double>(upsample.stride);
    const std::vector<double> factors{scale, scale};
    x = at::upsample_nearest2d(x, at::OptionalIntArrayRef(), factors);
    tell(watched, i, "upsample", "upsample_nearest2d", x);
    return x;
  }

  at::Tensor forward(std::size_t i, const MaxPool& pool, at::Tensor x, const std::vector<at::Tensor>&,
                     const Watched& watched) const {
    if (pool.pad_right_bottom) x = at::constant_pad_nd(x, {0, 1, 0, 1}, 0);
    x = at::max_pool2d(x, pool.size, pool.stride, pool.padding);
    tell(watched, i, "maxpool", "max_pool2d", x);
    return x;
  }

  at::Tensor forward(std::size_t, const Yolo&, at::Tensor x, const std::vector<at::Tensor>&, const Watched&) const {
    return x;
  }

  DarknetCfg m_cfg;
  bool m_counters;  // a checkpoint holds num_batches_tracked; without, they are 0, which evaluation does not read
  std::vector<StateEntry> m_state_entries;
  std::vector<InputSpec> m_inputs;
  std::map<std::string, std::string> m_configuration;
  std::vector<at::Tensor> m_tensors;
  std::vector<ConvolutionSlots> m_convolutions;  // by layer
  std::vector<std::size_t> m_last_use;           // the last layer that reads a layer's output by number; 0 if none
};

}  // namespace

std::unique_ptr<Network> build_darknet(const std::string& source, const BuildOptions& options) {
  for (const auto& [name, value] : options)
    if (name != "counters" || value != "none")
      throw Refusal(RefusalKind::usage,
                    "a Darknet network takes the option `counters=none` only; given `" + name + "=" + value + "`");
  return std::make_unique<DarknetNetwork>(read_darknet_cfg(source), options.empty());
}

}  // namespace goldseal::worker

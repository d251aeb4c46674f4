// SPDX-License-Identifier: Apache-2.0
#include "forward_pass.hpp"

#include <string>
#include <utility>

namespace goldseal::worker {

NamedTensors prepare_inputs(NamedTensors inputs, const Transform& transform, bool channels_last) {
  for (auto& [name, tensor] : inputs) {
    if (transform) tensor = transform("input/" + name, tensor);
    if (channels_last && tensor.dim() == 4) tensor = tensor.contiguous(at::MemoryFormat::ChannelsLast);
  }
  return inputs;
}

NamedTensors run_native(Network& network, const Pass& pass, const Transform& transform, const LayerTap& tap,
                        const std::function<void()>& begin) {
  auto inputs = prepare_inputs(pass.inputs, make_transform(pass.conversion), pass.settings.channels_last.value_or(false));
  begin();
  return network.run(std::move(inputs), transform, tap);
}

NamedTensors run_float64(Network& network, Float64Runs& runs, const Pass& pass, const Transform& transform,
                         const LayerTap& tap, const std::function<void()>& begin) {
  const Transform apart = [&](const std::string& name, const at::Tensor& tensor) {
    const OutsideFloat64Run outside;
    return transform(name, tensor);
  };
  const auto converted = make_transform(pass.conversion);
  std::string shapes;
  for (const auto& [name, tensor] : pass.inputs) shapes += name + text_of_shape(tensor.sizes());
  const bool channels_last = pass.settings.channels_last.value_or(false);
  const auto forward = [&](const Transform& on_inputs, const Transform& on_weights, const LayerTap& told) {
    NamedTensors inputs;
    {
      const OutsideFloat64Run outside;
      inputs = prepare_inputs(pass.inputs, on_inputs, channels_last);
    }
    return network.run(std::move(inputs), on_weights, told);
  };
  const Transform home = [&](const std::string&, const at::Tensor& tensor) {
    const OutsideFloat64Run outside;
    return tensor.to(pass.settings.device);
  };
  return runs.run(shapes, begin, [&] { return forward(converted, apart, tap); },
                  [&] { return forward(home, home, {}); });
}

}  // namespace goldseal::worker

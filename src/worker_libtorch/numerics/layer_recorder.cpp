// SPDX-License-Identifier: Apache-2.0
#include "numerics/layer_recorder.hpp"

#include "numerics/operator_watch.hpp"
#include "numerics/tensor_facts.hpp"

#include <ATen/Functions.h>

#include <algorithm>

namespace goldseal::worker {

void LayerRecorder::add(const std::string& module, const std::string& op, const at::Tensor& output, bool wide) {
  if (narrows(op, output)) {
    if (m_narrowest != at::kBFloat16) m_narrowest = output.scalar_type();
    return;
  }
  if (m_layers.size() >= k_max_layers || !output.defined() || output.numel() == 0) return;
  if (output.layout() != at::kStrided || !is_plain_floating(output.scalar_type())) return;
  auto values = wide ? output.to(at::kDouble) : output;
  if (m_part) values = m_part->cut(module, op, std::move(values));
  m_layers.push_back({module, op, values.scalar_type(), values.sizes().vec(), sketch_of(values, m_elements)});
}

at::Tensor LayerRecorder::table() const {
  const auto width = static_cast<std::int64_t>(k_projections + 2);
  auto table = at::empty({static_cast<std::int64_t>(m_layers.size()), width}, at::kDouble);
  auto* to = table.data_ptr<double>();
  for (const auto& layer : m_layers) {
    to = std::copy(layer.sketch.projections.begin(), layer.sketch.projections.end(), to);
    *to++ = layer.sketch.rms;
    *to++ = layer.sketch.non_finite;
  }
  return table;
}

}  // namespace goldseal::worker

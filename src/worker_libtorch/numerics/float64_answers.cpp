// SPDX-License-Identifier: Apache-2.0
#include "numerics/float64_answers.hpp"

#include <ATen/Functions.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace goldseal::worker {

Values in_float64(const OperatorCall& call) {
  Values values = call.values;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!call.writes(i)) values[i] = with_tensors(values[i], [](const at::Tensor& tensor) { return widened(tensor); });
  if (const auto named = named_type(call.schema, values)) name_type(call.schema, values, widened(*named));
  return values;
}

void round_all(Values& values, at::ScalarType type) {
  for (auto& value : values) value = with_tensors(value, [&](const at::Tensor& tensor) { return rounded(tensor, type); });
}

void widen_all(Values& values) {
  for (auto& value : values) value = with_tensors(value, [](const at::Tensor& tensor) { return widened(tensor); });
}

Values on_wide_copies(const OperatorCall& call) {
  auto values = in_float64(call);
  std::vector<std::pair<at::Tensor, at::Tensor>> pairs;  // its own, and the copy
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!call.writes(i)) continue;
    values[i] = with_tensors(values[i], [&](const at::Tensor& own) {
      if (!is_narrow(own.scalar_type())) return own;
      pairs.emplace_back(own, widened(own));
      return pairs.back().second;
    });
  }
  auto results = answer(call.op, std::move(values));
  for (const auto& [own, copy] : pairs) own.copy_(copy);
  for (auto& result : results)
    result = with_tensors(result, [&](const at::Tensor& tensor) {
      for (const auto& [own, copy] : pairs)
        if (copy.is_same(tensor)) return own;
      return tensor;
    });
  return results;
}

at::ScalarType promoted(const std::vector<at::Tensor>& tensors) {
  const bool dimensions = std::any_of(tensors.begin(), tensors.end(), [](const auto& t) { return t.dim() > 0; });
  std::optional<at::ScalarType> found;
  for (const auto& tensor : tensors)
    if (!dimensions || tensor.dim() > 0)
      found = found ? c10::promoteTypes(*found, tensor.scalar_type()) : tensor.scalar_type();
  return *found;
}

Values plain_attention(const OperatorCall& call) {
  const auto plain = c10::Dispatcher::singleton().findSchema({"aten::_scaled_dot_product_attention_math", ""});
  if (!plain) return answer(call.op, in_float64(call));
  auto mask = call.argument("attn_mask");
  if (mask.isNone()) mask = call.argument("attn_bias");
  Values values;
  for (const auto& argument : plain->schema().arguments()) {
    const auto& name = argument.name();
    c10::IValue value = name == "attn_mask" ? mask : name == "dropout_p" ? c10::IValue(0.0) : call.argument(name);
    if (value.isNone() && argument.default_value()) value = *argument.default_value();
    values.push_back(with_tensors(value, [](const at::Tensor& tensor) { return widened(tensor); }));
  }
  auto results = answer(*plain, std::move(values));
  results.resize(1);
  while (results.size() < call.schema.returns().size()) results.emplace_back(at::Tensor());
  return results;
}

Values plain_grouped(const OperatorCall& call) {
  const auto left = widened(call.values[0].toTensor());
  const auto right = widened(call.values[1].toTensor());
  at::Tensor result;
  if (left.dim() == 3 && right.dim() == 3) {
    result = at::bmm(left, right);
  } else {
    const auto ends = call.argument("offs").toTensor().to(at::kCPU, at::kLong).contiguous();
    const auto* const end = ends.data_ptr<std::int64_t>();
    std::vector<at::Tensor> parts;
    std::int64_t begin = 0;
    for (std::int64_t group = 0; group < ends.numel(); begin = end[group++]) {
      const auto count = end[group] - begin;
      if (left.dim() == 2 && right.dim() == 3)
        parts.push_back(at::mm(left.narrow(0, begin, count), right[group]));
      else if (left.dim() == 3)
        parts.push_back(at::mm(left[group], right.narrow(1, begin, count)));
      else
        parts.push_back(at::mm(left.narrow(1, begin, count), right.narrow(0, begin, count)));
    }
    if (left.dim() == 2 && right.dim() == 2)
      result = at::stack(parts);
    else if (left.dim() == 2)
      // What no group holds is zero.
      result = at::constant_pad_nd(at::cat(parts, 0), {0, 0, 0, left.size(0) - begin});
    else
      result = at::constant_pad_nd(at::cat(parts, 1), {0, right.size(1) - begin});
  }
  const auto bias = call.argument("bias");
  return {bias.isTensor() && bias.toTensor().defined() ? at::add(result, widened(bias.toTensor())) : result};
}

}  // namespace goldseal::worker

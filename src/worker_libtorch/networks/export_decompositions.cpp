// SPDX-License-Identifier: Apache-2.0
// A program names operators of the PyTorch that exported it. Those that an older LibTorch lacks and that are sums of others are
// computed here from the others, as PyTorch itself defines them.
#include "networks/export_decompositions.hpp"

#include "protocol/error.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cmath>
#include <limits>
#include <map>
#include <optional>

namespace goldseal::worker {
namespace {

const c10::IValue* given(const NamedArguments& arguments, std::string_view name) {
  const auto found = arguments.find(name);
  return found == arguments.end() || found->second.isNone() ? nullptr : &found->second;
}

at::Tensor tensor(const NamedArguments& arguments, std::string_view name) {
  const auto* const value = given(arguments, name);
  if (value == nullptr || !value->isTensor())
    throw Refusal(RefusalKind::malformed, "the program calls an operator without its tensor `" + std::string(name) + "`");
  return value->toTensor();
}

std::optional<at::Tensor> optional_tensor(const NamedArguments& arguments, std::string_view name) {
  return given(arguments, name) == nullptr ? std::nullopt : std::optional(tensor(arguments, name));
}

double number(const NamedArguments& arguments, std::string_view name, double otherwise) {
  const auto* const value = given(arguments, name);
  return value == nullptr ? otherwise : value->toScalar().toDouble();
}

bool flag(const NamedArguments& arguments, std::string_view name) {
  const auto* const value = given(arguments, name);
  return value != nullptr && value->toBool();
}

// Heads of keys and values that several heads of queries share.
at::Tensor repeat_heads(const at::Tensor& shared, std::int64_t heads) {
  return shared.size(-3) == heads ? shared : at::repeat_interleave(shared, heads / shared.size(-3), -3);
}

at::Tensor add_mask(const at::Tensor& scores, const at::Tensor& mask) {
  if (mask.scalar_type() != at::kBool) return scores + mask;
  return scores.masked_fill(mask.logical_not(), -std::numeric_limits<double>::infinity());
}

// The math form. A row in which everything is masked gives zeros.
at::Tensor attention(const NamedArguments& arguments) {
  const auto query = tensor(arguments, "query");
  auto key = tensor(arguments, "key");
  auto value = tensor(arguments, "value");
  if (number(arguments, "dropout_p", 0) != 0)
    throw Refusal(RefusalKind::unsupported, "scaled_dot_product_attention was exported with dropout", {},
                  "call model.eval() before torch.export.export");
  if (flag(arguments, "enable_gqa")) {
    key = repeat_heads(key, query.size(-3));
    value = repeat_heads(value, query.size(-3));
  }
  const double scale = number(arguments, "scale", 1 / std::sqrt(static_cast<double>(query.size(-1))));
  const double root = std::sqrt(std::fabs(scale));
  auto scores = at::matmul(query * (scale < 0 ? -root : root), key.transpose(-2, -1) * root);
  if (const auto mask = optional_tensor(arguments, "attn_mask")) scores = add_mask(scores, *mask);
  if (flag(arguments, "is_causal")) {
    const auto below = at::ones({query.size(-2), key.size(-2)}, query.options().dtype(at::kBool)).tril();
    scores = add_mask(scores, below);
  }
  const auto hidden = (scores == -std::numeric_limits<double>::infinity()).all(-1, /*keepdim=*/true);
  return at::matmul(at::softmax(scores, -1).masked_fill(hidden, 0), value);
}

// A program's list is not yet what a schema makes of it.
std::size_t length(const c10::IValue* list) {
  if (list == nullptr) return 0;
  return list->isTuple() ? list->toTupleRef().elements().size() : list->toList().size();
}

double epsilon_of(at::ScalarType type) {
  return type == at::kDouble ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon();
}

at::Tensor rms_norm(const NamedArguments& arguments) {
  const auto input = tensor(arguments, "input");
  const auto rank = static_cast<std::int64_t>(length(given(arguments, "normalized_shape")));
  std::vector<std::int64_t> dimensions;
  for (std::int64_t i = rank; i > 0; --i) dimensions.push_back(-i);
  const bool narrow = input.scalar_type() == at::kHalf || input.scalar_type() == at::kBFloat16;
  const auto wide = narrow ? input.to(at::kFloat) : input;
  const double epsilon = number(arguments, "eps", epsilon_of(wide.scalar_type()));
  auto result = (wide * at::rsqrt(at::mean(wide * wide, dimensions, /*keepdim=*/true) + epsilon)).to(input.scalar_type());
  if (const auto weight = optional_tensor(arguments, "weight")) result = result * *weight;
  return result;
}

}  // namespace

const Decomposition* find_decomposition(std::string_view target) {
  static const std::map<std::string_view, Decomposition> k_decompositions{
      {"torch.ops.aten.scaled_dot_product_attention.default",
       {"aten::scaled_dot_product_attention",
        attention,
        {"query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa"}}},
      {"torch.ops.aten.rms_norm.default", {"aten::rms_norm", rms_norm, {"input", "normalized_shape", "weight", "eps"}}},
  };
  const auto found = k_decompositions.find(target);
  return found == k_decompositions.end() ? nullptr : &found->second;
}

}  // namespace goldseal::worker

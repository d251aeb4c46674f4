// SPDX-License-Identifier: Apache-2.0
#include "numerics/operator_call.hpp"

#include "numerics/operator_names.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace goldseal::worker {
namespace {

constexpr auto k_factories = std::to_array<std::string_view>(
    {"empty_like",  "full_like", "ones_like", "rand_like",     "randint_like", "randn_like", "zeros_like",
     "new_empty",   "new_empty_strided",      "new_full",      "new_ones",     "new_zeros",  "arange",
     "full",        "linspace",  "logspace",  "ones",          "zeros",        "eye",        "scalar_tensor",
     "empty",       "empty_strided",          "rand",          "randn",        "randint",    "randperm",
     "hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window", "fft_fftfreq",
     "fft_rfftfreq"});

// Of factories, those that reckon: where they round goes by the processor.
constexpr auto k_reckoned = std::to_array<std::string_view>(
    {"arange", "linspace", "logspace", "hann_window", "hamming_window", "blackman_window", "bartlett_window",
     "kaiser_window", "fft_fftfreq", "fft_rfftfreq"});

constexpr auto k_as_they_are = std::to_array<std::string_view>(
    {"view",         "view_as",     "_unsafe_view", "view_as_real", "view_as_complex", "_reshape_alias", "clone",
     "contiguous",   "copy_",       "copy",         "detach",       "alias",           "lift_fresh",     "lift",
     "nextafter",    "frexp",       "set_",         "resize_",      "resize_as_",      "bernoulli",      "bernoulli_",
     "multinomial",  "normal",      "normal_",      "uniform",      "uniform_",        "random_",        "exponential_",
     "dropout",      "native_dropout", "poisson",   "rrelu_with_noise", "item",        "_local_scalar_dense",
     "is_nonzero",   "equal",       "allclose",     "quantize_per_tensor", "quantize_per_channel",
     "fake_quantize_per_tensor_affine", "fake_quantize_per_channel_affine", "_pin_memory", "record_stream", "data",
     "size",         "stride",      "is_floating_point", "is_complex", "sym_size",     "sym_stride",     "numel"});

constexpr auto k_rounding_integers = std::to_array<std::string_view>(
    {"div",   "true_divide", "sqrt", "rsqrt", "exp", "exp2", "expm1",   "log",  "log2",  "log10",
     "log1p", "sin",         "cos",  "tan",   "tanh", "sigmoid", "atan", "atan2", "reciprocal", "pow"});

constexpr auto k_fused_attention = std::to_array<std::string_view>(
    {"_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_fused_attention_overrideable"});

}  // namespace

OperatorCall::OperatorCall(const c10::OperatorHandle& called, const torch::jit::Stack& stack)
    : op(called), schema(called.schema()), name(bare_name(schema.name())) {
  values.assign(stack.end() - static_cast<std::ptrdiff_t>(schema.arguments().size()), stack.end());
}

bool OperatorCall::is_factory() const { return is_one_of(k_factories, name); }
// One that writes to `out` has no dtype to be asked for.
bool OperatorCall::reckons() const {
  const auto& given = schema.arguments();
  return is_one_of(k_reckoned, name) &&
         std::any_of(given.begin(), given.end(), [](const auto& one) { return one.name() == "dtype"; });
}
bool OperatorCall::is_conversion() const { return is_one_of(k_conversions, name); }
bool OperatorCall::keeps_values() const { return is_one_of(k_as_they_are, name); }
bool OperatorCall::rounds_integers() const { return is_one_of(k_rounding_integers, name); }
bool OperatorCall::is_fused_attention() const { return is_one_of(k_fused_attention, name); }

bool OperatorCall::writes(std::size_t i) const {
  const auto* const alias = schema.arguments()[i].alias_info();
  return alias != nullptr && alias->isWrite();
}

bool OperatorCall::gives_view() const {
  const auto& returns = schema.returns();
  return std::any_of(returns.begin(), returns.end(), [](const auto& one) { return one.alias_info() != nullptr; });
}

std::vector<at::Tensor> OperatorCall::tensors(bool (*is)(at::ScalarType)) const {
  std::vector<at::Tensor> found;
  for (const auto& value : values)
    each_tensor(value, [&](const at::Tensor& tensor) {
      if (!is_number(tensor) && is(tensor.scalar_type())) found.push_back(tensor);
    });
  return found;
}

std::vector<at::Tensor> OperatorCall::written(bool (*is)(at::ScalarType)) const {
  std::vector<at::Tensor> found;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (writes(i)) each_tensor(values[i], [&](const at::Tensor& t) { if (is(t.scalar_type())) found.push_back(t); });
  return found;
}

c10::IValue OperatorCall::argument(std::string_view argument_name) const {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (schema.arguments()[i].name() == argument_name) return values[i];
  return {};
}

Values answer(const c10::OperatorHandle& op, Values values) {
  op.callBoxed(&values);
  return values;
}

}  // namespace goldseal::worker

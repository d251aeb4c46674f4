// SPDX-License-Identifier: Apache-2.0
// A dispatch key of LibTorch's own, which no kernel uses, has a fallback for all operators: it sees each call as the code
// makes it, before it is taken apart into others.
#include "numerics/float64_run.hpp"

#include "numerics/float64_values.hpp"

#include <ATen/Functions.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace goldseal::worker {
namespace {

using c10::IValue;
using Values = std::vector<IValue>;

constexpr auto k_key = c10::DispatchKey::TESTING_ONLY_GenericMode;
constexpr int k_most_runs = 8;  // a run finds the tensors of rule 3 up to the first that another one hides

// They make tensors of numbers: of a tensor they take the shape or the type alone.
constexpr auto k_factories = std::to_array<std::string_view>(
    {"empty_like",  "full_like", "ones_like", "rand_like",     "randint_like", "randn_like", "zeros_like",
     "new_empty",   "new_empty_strided",      "new_full",      "new_ones",     "new_zeros",  "arange",
     "full",        "linspace",  "logspace",  "ones",          "zeros",        "eye",        "scalar_tensor",
     "empty",       "empty_strided",          "rand",          "randn",        "randint",    "randperm"});

// They convert a tensor to the type of another one, or to one that is named.
constexpr auto k_conversions = std::to_array<std::string_view>({"to", "_to_copy", "type_as"});

// They look at bits or at the type itself, draw, or copy: in float64 they would be something else, or are exact as they
// are.
constexpr auto k_as_they_are = std::to_array<std::string_view>(
    {"view",         "view_as",     "_unsafe_view", "view_as_real", "view_as_complex", "_reshape_alias", "clone",
     "contiguous",   "copy_",       "copy",         "detach",       "alias",           "lift_fresh",     "lift",
     "nextafter",    "frexp",       "set_",         "resize_",      "resize_as_",      "bernoulli",      "bernoulli_",
     "multinomial",  "normal",      "normal_",      "uniform",      "uniform_",        "random_",        "exponential_",
     "dropout",      "native_dropout", "poisson",   "rrelu_with_noise", "item",        "_local_scalar_dense",
     "is_nonzero",   "equal",       "allclose",     "quantize_per_tensor", "quantize_per_channel",
     "fake_quantize_per_tensor_affine", "fake_quantize_per_channel_affine", "_pin_memory", "record_stream", "data",
     "size",         "stride",      "is_floating_point", "is_complex", "sym_size",     "sym_stride",     "numel"});

// Of whole numbers they give rounded ones.
constexpr auto k_rounding_integers = std::to_array<std::string_view>(
    {"div",   "true_divide", "sqrt", "rsqrt", "exp", "exp2", "expm1",   "log",  "log2",  "log10",
     "log1p", "sin",         "cos",  "tan",   "tanh", "sigmoid", "atan", "atan2", "reciprocal", "pow"});

constexpr auto k_fused_attention = std::to_array<std::string_view>(
    {"_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_fused_attention_overrideable"});

template <class Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const void* memory_of(const at::Tensor& tensor) {
  return tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl() : nullptr;
}

// One call of an operator.
struct Call {
  const c10::OperatorHandle& op;
  const c10::FunctionSchema& schema;
  std::string_view name;  // without the namespace
  Values values;

  Call(const c10::OperatorHandle& called, const torch::jit::Stack& stack)
      : op(called), schema(called.schema()), name(schema.name()) {
    const auto space = name.find("::");
    if (space != std::string_view::npos) name.remove_prefix(space + 2);
    values.assign(stack.end() - static_cast<std::ptrdiff_t>(schema.arguments().size()), stack.end());
  }

  bool is_in_place() const { return !name.empty() && name.back() == '_'; }
  bool is_factory() const { return is_one_of(k_factories, name); }
  bool gives_number() const { return name == "item" || name == "_local_scalar_dense"; }
  bool is_conversion() const { return is_one_of(k_conversions, name); }

  bool writes(std::size_t i) const {
    const auto* const alias = schema.arguments()[i].alias_info();
    return alias != nullptr && alias->isWrite();
  }

  bool gives_view() const {
    const auto& returns = schema.returns();
    return std::any_of(returns.begin(), returns.end(), [](const auto& one) { return one.alias_info() != nullptr; });
  }

  std::vector<at::Tensor> tensors(bool (*is)(at::ScalarType)) const {
    std::vector<at::Tensor> found;
    for (const auto& value : values)
      each_tensor(value, [&](const at::Tensor& tensor) {
        if (!is_number(tensor) && is(tensor.scalar_type())) found.push_back(tensor);
      });
    return found;
  }

  std::vector<at::Tensor> written(bool (*is)(at::ScalarType)) const {
    std::vector<at::Tensor> found;
    for (std::size_t i = 0; i < values.size(); ++i)
      if (writes(i)) each_tensor(values[i], [&](const at::Tensor& t) { if (is(t.scalar_type())) found.push_back(t); });
    return found;
  }
};

Values answer(const c10::OperatorHandle& op, Values values) {
  op.callBoxed(&values);
  return values;
}

// Floating arguments in float64, but those that are written to.
Values in_float64(const Call& call) {
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

// What is written to is computed beside it, in float64, and rounded into it.
Values on_wide_copies(const Call& call) {
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

// float32 does not hold it.
bool is_fine(double number) {
  return std::isfinite(number) && static_cast<double>(static_cast<float>(number)) != number;
}

// The type of what is computed of narrow tensors; those without dimensions count where there are no others.
at::ScalarType promoted(const std::vector<at::Tensor>& tensors) {
  const bool dimensions = std::any_of(tensors.begin(), tensors.end(), [](const auto& t) { return t.dim() > 0; });
  std::optional<at::ScalarType> found;
  for (const auto& tensor : tensors)
    if (!dimensions || tensor.dim() > 0)
      found = found ? c10::promoteTypes(*found, tensor.scalar_type()) : tensor.scalar_type();
  return *found;
}

IValue argument_named(const Call& call, std::string_view name) {
  for (std::size_t i = 0; i < call.values.size(); ++i)
    if (call.schema.arguments()[i].name() == name) return call.values[i];
  return {};
}

// What only a backward pass needs is not made.
Values plain_attention(const Call& call) {
  const auto plain = c10::Dispatcher::singleton().findSchema({"aten::_scaled_dot_product_attention_math", ""});
  if (!plain) return answer(call.op, in_float64(call));
  auto mask = argument_named(call, "attn_mask");
  if (mask.isNone()) mask = argument_named(call, "attn_bias");
  Values values;
  for (const auto& argument : plain->schema().arguments()) {
    const auto& name = argument.name();
    IValue value = name == "attn_mask" ? mask : name == "dropout_p" ? IValue(0.0) : argument_named(call, name);
    if (value.isNone() && argument.default_value()) value = *argument.default_value();
    values.push_back(with_tensors(value, [](const at::Tensor& tensor) { return widened(tensor); }));
  }
  auto results = answer(*plain, std::move(values));
  results.resize(1);
  while (results.size() < call.schema.returns().size()) results.emplace_back(at::Tensor());
  return results;
}

// Products of groups of rows (the tokens of an expert) with a matrix each, which has no form in float64.
Values plain_grouped(const Call& call) {
  const auto left = widened(call.values[0].toTensor());
  const auto right = widened(call.values[1].toTensor());
  at::Tensor result;
  if (left.dim() == 3 && right.dim() == 3) {
    result = at::bmm(left, right);
  } else {
    const auto ends = argument_named(call, "offs").toTensor().to(at::kCPU, at::kLong).contiguous();
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
  const auto bias = argument_named(call, "bias");
  return {bias.isTensor() && bias.toTensor().defined() ? at::add(result, widened(bias.toTensor())) : result};
}

class Mode {
 public:
  enum class Kind { float64, native };

  Mode(Kind kind, const std::set<std::size_t>* widened, const std::vector<Float64Runs::Asked>* types)
      : m_kind(kind), m_widened(widened), m_types(types) {}

  void call(const c10::OperatorHandle& op, torch::jit::Stack& stack) {
    Call call(op, stack);
    torch::jit::drop(stack, call.schema.arguments().size());
    auto results = m_kind == Kind::native ? note_native(call) : compute(call);
    for (auto& result : results) stack.push_back(std::move(result));
  }

  // The network's code is run from its beginning.
  void restart() {
    m_next = m_number = 0;
    m_leaked = false;
    m_numbers.clear();
    m_origins.clear();
    m_asked.clear();
  }

  const std::set<std::size_t>& written() const { return m_written; }
  bool asks() const { return m_asks; }
  bool exact() const { return m_exact; }
  std::vector<Float64Runs::Asked> take_asked() { return std::move(m_asked); }

 private:
  static bool tells_type(const Call& call) {
    return call.is_conversion() || call.is_factory() || named_type(call.schema, call.values).has_value();
  }

  Values note_native(const Call& call) {
    auto results = answer(call.op, call.values);
    if (tells_type(call)) {
      std::optional<at::ScalarType> type;
      if (results.size() == 1 && results[0].isTensor()) type = results[0].toTensor().scalar_type();
      m_asked.push_back({std::string(call.name), type});
    }
    return results;
  }

  Values compute(Call& call) {
    // LibTorch asks constants for their numbers when it compiles, in the first run alone.
    const auto number = call.gives_number() ? m_number : m_number++;
    m_exact = true;
    const auto native = type_natively(call);
    Values results;
    if (!call.tensors(is_widest).empty()) {
      m_leaked = m_leaked || call.gives_number();
      results = among_float64(call, native);
      if (call.gives_number()) note_number(results);
    } else if (!call.tensors(is_narrow).empty())
      results = of_its_own(call);
    else
      results = of_numbers(call);
    if (m_widened->count(number) != 0) widen_all(results);
    note_origins(call, results, number);
    return results;
  }

  // The call gets the type that a native run names in the place of float64.
  std::optional<at::ScalarType> type_natively(Call& call) {
    if (!tells_type(call)) return std::nullopt;
    const auto native = next_native(call.name);
    const auto named = named_type(call.schema, call.values);
    if (named ? is_widest(*named) : call.is_conversion()) m_asks = true;
    if (named && is_widest(*named) && native && is_narrow(*native)) name_type(call.schema, call.values, *native);
    return native;
  }

  // Nothing where the two runs are no longer at the same operator.
  std::optional<at::ScalarType> next_native(std::string_view name) {
    if (m_types == nullptr || m_next >= m_types->size()) return std::nullopt;
    if ((*m_types)[m_next].name != name) {
      m_next = m_types->size();
      return std::nullopt;
    }
    return (*m_types)[m_next++].type;
  }

  Values among_float64(Call& call, std::optional<at::ScalarType> native) {
    bring_in_range(call.values, at::kFloat);
    if (call.is_factory()) {
      auto results = made(call);
      widen_all(results);
      return results;
    }
    if ((call.name == "to" || call.name == "type_as") && call.values[0].isTensor() &&
        is_narrow(call.values[0].toTensor().scalar_type()))
      return to_native_type(call, native);
    if (is_one_of(k_fused_attention, call.name)) return plain_attention(call);
    if (call.name == "_grouped_mm") return plain_grouped(call);
    const auto narrow = call.written(is_narrow);
    if (!narrow.empty()) {
      m_exact = false;
      for (const auto& tensor : narrow)
        if (const auto origin = m_origins.find(memory_of(tensor)); origin != m_origins.end())
          m_written.insert(origin->second);
      return on_wide_copies(call);
    }
    if (call.name == "view" && named_type(call.schema, call.values)) return answer(call.op, call.values);
    auto values = in_float64(call);
    for (std::size_t i = 0; i < values.size(); ++i)
      if (call.schema.arguments()[i].name() == "half_to_float") values[i] = false;
    return answer(call.op, std::move(values));
  }

  // To the type of a tensor that is float64 in this run alone.
  static Values to_native_type(const Call& call, std::optional<at::ScalarType> native) {
    const auto& own = call.values[0].toTensor();
    if (!native) return {own};
    return is_narrow(*native) ? Values{own.to(*native)} : answer(call.op, call.values);
  }

  // Computed in float64 and rounded once to the type that it has. Of a tensor that no operator of this run made it is not
  // known whether it holds what the run computed, rounded.
  Values of_its_own(Call& call) {
    const auto own = call.tensors(is_narrow);
    m_exact = !m_leaked && std::all_of(own.begin(), own.end(), [&](const at::Tensor& tensor) {
      return m_origins.count(memory_of(tensor)) != 0;
    });
    if (call.is_factory() || call.is_conversion() || is_one_of(k_as_they_are, call.name)) return made(call);
    if (call.gives_view() && !call.is_in_place()) return answer(call.op, call.values);
    const auto named = named_type(call.schema, call.values);
    if (named && !is_narrow(*named)) return answer(call.op, call.values);
    const auto least = promoted(own);
    const bool writes = !call.written(is_narrow).empty();
    bring_in_range(call.values, least);
    if (!writes || call.is_in_place()) {
      try {
        if (writes) return on_wide_copies(call);
        auto results = answer(call.op, in_float64(call));
        round_all(results, named.value_or(least));
        return results;
      } catch (const c10::Error&) {
        // It has no form for float64.
      }
    }
    m_exact = false;
    return answer(call.op, call.values);
  }

  void note_number(const Values& results) {
    if (results.size() != 1 || !results[0].isDouble() || !is_fine(results[0].toDouble())) return;
    m_numbers.insert({results[0].toDouble(), -results[0].toDouble()});
  }

  // Of numbers that float64 values have become, in float64. Whether other numbers come of them nobody can tell.
  Values made(Call& call) {
    bool any = false;
    bool known = false;
    for (const auto& value : call.values) {
      if (!m_leaked || !call.is_factory() || !value.isDouble() || !is_fine(value.toDouble())) continue;
      any = true;
      known = known || m_numbers.count(value.toDouble()) != 0;
    }
    if (known && is_narrow(named_type(call.schema, call.values).value_or(at::kFloat)))
      for (std::size_t i = 0; i < call.values.size(); ++i)
        if (call.schema.arguments()[i].name() == "dtype") {
          call.values[i] = static_cast<std::int64_t>(at::kDouble);
          return answer(call.op, call.values);
        }
    m_exact = m_exact && !any;
    return clamped(call);
  }

  Values of_numbers(Call& call) {
    auto results = made(call);
    const bool one = results.size() == 1 && results[0].isTensor() && results[0].toTensor().defined();
    if (!one || !is_narrow(results[0].toTensor().scalar_type()) || !is_one_of(k_rounding_integers, call.name))
      return results;
    const auto type = results[0].toTensor().scalar_type();
    auto values = call.values;
    for (auto& value : values)
      value = with_tensors(value, [](const at::Tensor& tensor) {
        return is_number(tensor) ? tensor : tensor.to(at::kDouble);
      });
    auto wide = answer(call.op, std::move(values));
    round_all(wide, type);
    return wide;
  }

  // torch.finfo of what is float64 in this run alone gives numbers that the code's own types do not hold.
  static Values clamped(Call& call) {
    auto named = named_type(call.schema, call.values);
    bool any = false;
    for (const auto& value : call.values) each_tensor(value, [&](const at::Tensor&) { any = true; });
    if (!named && !any) named = c10::typeMetaToScalarType(c10::get_default_dtype());
    if (named && is_narrow(*named)) bring_in_range(call.values, *named);
    return answer(call.op, call.values);
  }

  void note_origins(const Call& call, const Values& results, std::size_t number) {
    std::set<const void*> before;
    const bool lifts = call.name == "lift" || call.name == "lift_fresh";
    for (const auto& value : call.values)
      each_tensor(value, [&](const at::Tensor& tensor) { if (!lifts) before.insert(memory_of(tensor)); });
    for (const auto& result : results)
      each_tensor(result, [&](const at::Tensor& tensor) {
        if (before.count(memory_of(tensor)) == 0) m_origins[memory_of(tensor)] = number;
      });
  }

  Kind m_kind;
  const std::set<std::size_t>* m_widened;
  const std::vector<Float64Runs::Asked>* m_types;
  std::size_t m_next = 0;
  std::size_t m_number = 0;
  std::unordered_map<const void*, std::size_t> m_origins;
  std::set<std::size_t> m_written;
  std::vector<Float64Runs::Asked> m_asked;
  bool m_asks = false;
  std::set<double> m_numbers;  // those that float64 values have become, and float32 does not hold
  bool m_leaked = false;  // a float64 value has become a number, which a tensor of the code's own may hold
  bool m_exact = true;
};

thread_local Mode* t_mode = nullptr;

void fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const c10::impl::ExcludeDispatchKeyGuard beneath(k_key);
  if (t_mode == nullptr)
    op.callBoxed(stack);
  else
    t_mode->call(op, *stack);
}

NamedTensors run_in(Mode& mode, const Float64Runs::Forward& forward) {
  struct Entered {
    explicit Entered(Mode& entered) { t_mode = &entered; }
    ~Entered() { t_mode = nullptr; }
    c10::impl::IncludeDispatchKeyGuard guard{k_key};
  } entered(mode);
  return forward();
}

std::vector<Float64Runs::Asked> asked_natively(const Float64Runs::Forward& native) {
  Mode mode(Mode::Kind::native, nullptr, nullptr);
  try {
    run_in(mode, native);
  } catch (const std::exception&) {
    return {};  // then the types are those that the float64 run asks for
  }
  return mode.take_asked();
}

}  // namespace

TORCH_LIBRARY_IMPL(_, TESTING_ONLY_GenericMode, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>());
}

NamedTensors Float64Runs::run(const std::string& shapes, const std::function<void()>& begin, const Forward& forward,
                              const Forward& native) {
  auto& known = m_known[shapes];
  for (int runs = 1;; ++runs) {
    begin();
    Mode mode(Mode::Kind::float64, &known.widened, known.types ? &*known.types : nullptr);
    auto outputs = run_in(mode, forward);
    bool again = !std::includes(known.widened.begin(), known.widened.end(), mode.written().begin(), mode.written().end());
    if (again) known.widened.insert(mode.written().begin(), mode.written().end());
    if (mode.asks() && !known.types) {
      known.types = asked_natively(native);
      known.widened.clear();  // the numbers are those of other types
      again = true;
    }
    if (!again || runs == k_most_runs) return outputs;
  }
}

OutsideFloat64Run::OutsideFloat64Run() : m_before(c10::impl::tls_is_dispatch_key_excluded(k_key)) {
  c10::impl::tls_set_dispatch_key_excluded(k_key, true);
}

OutsideFloat64Run::~OutsideFloat64Run() { c10::impl::tls_set_dispatch_key_excluded(k_key, m_before); }

void restart_float64_run() {
  if (t_mode != nullptr) t_mode->restart();
}

bool computed_in_float64() { return t_mode != nullptr && t_mode->exact(); }

}  // namespace goldseal::worker

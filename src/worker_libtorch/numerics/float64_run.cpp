// SPDX-License-Identifier: Apache-2.0
// A dispatch key of LibTorch's own, which no kernel uses, has a fallback for all operators: it sees each call as the code
// makes it, before it is taken apart into others.
#include "numerics/float64_run.hpp"

#include "numerics/float64_answers.hpp"
#include "numerics/tensor_facts.hpp"

#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace goldseal::worker {
namespace {

constexpr auto k_key = c10::DispatchKey::TESTING_ONLY_GenericMode;
constexpr int k_most_runs = 8;  // a run finds the tensors of rule 3 up to the first that another one hides

// float32 does not hold it.
bool is_fine(double number) {
  return std::isfinite(number) && static_cast<double>(static_cast<float>(number)) != number;
}

class Mode {
 public:
  enum class Kind { float64, native };

  Mode(Kind kind, const std::set<std::size_t>* widened, const std::vector<Float64Runs::Asked>* types)
      : m_kind(kind), m_widened(widened), m_types(types) {}

  void call(const c10::OperatorHandle& op, torch::jit::Stack& stack) {
    OperatorCall call(op, stack);
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
  static bool tells_type(const OperatorCall& call) {
    return call.is_conversion() || call.is_factory() || named_type(call.schema, call.values).has_value();
  }

  Values note_native(const OperatorCall& call) {
    auto results = answer(call.op, call.values);
    if (tells_type(call)) {
      std::optional<at::ScalarType> type;
      if (results.size() == 1 && results[0].isTensor()) type = results[0].toTensor().scalar_type();
      m_asked.push_back({std::string(call.name), type});
    }
    return results;
  }

  Values compute(OperatorCall& call) {
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
  std::optional<at::ScalarType> type_natively(OperatorCall& call) {
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

  Values among_float64(OperatorCall& call, std::optional<at::ScalarType> native) {
    bring_in_range(call.values, at::kFloat);
    if (call.is_factory()) {
      // Between numbers that are float64 values a table is one.
      auto results = call.reckons() ? reckoned(call) : made(call);
      widen_all(results);
      return results;
    }
    if ((call.name == "to" || call.name == "type_as") && call.values[0].isTensor() &&
        is_narrow(call.values[0].toTensor().scalar_type()))
      return to_native_type(call, native);
    if (call.is_fused_attention()) return plain_attention(call);
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
  static Values to_native_type(const OperatorCall& call, std::optional<at::ScalarType> native) {
    const auto& own = call.values[0].toTensor();
    if (!native) return {own};
    return is_narrow(*native) ? Values{own.to(*native)} : answer(call.op, call.values);
  }

  // Computed in float64 and rounded once to the type that it has. Of a tensor that no operator of this run made it is not
  // known whether it holds what the run computed, rounded.
  Values of_its_own(OperatorCall& call) {
    const auto own = call.tensors(is_narrow);
    m_exact = !m_leaked && std::all_of(own.begin(), own.end(), [&](const at::Tensor& tensor) {
      return m_origins.count(memory_of(tensor)) != 0;
    });
    if (call.is_factory() || call.is_conversion() || call.keeps_values()) return made(call);
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
  Values made(OperatorCall& call) {
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
    auto results = clamped(call);
    const bool one = results.size() == 1 && results[0].isTensor() && results[0].toTensor().defined();
    if (!call.reckons() || !one || !is_narrow(results[0].toTensor().scalar_type())) return results;
    const auto type = results[0].toTensor().scalar_type();
    auto wide = reckoned(call);
    round_all(wide, type);
    return wide;
  }

  static Values reckoned(const OperatorCall& call) {
    auto values = in_float64(call);
    for (std::size_t i = 0; i < values.size(); ++i)
      if (call.schema.arguments()[i].name() == "dtype") values[i] = static_cast<std::int64_t>(at::kDouble);
    return answer(call.op, std::move(values));
  }

  Values of_numbers(OperatorCall& call) {
    auto results = made(call);
    const bool one = results.size() == 1 && results[0].isTensor() && results[0].toTensor().defined();
    if (!one || !is_narrow(results[0].toTensor().scalar_type()) || !call.rounds_integers())
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
  static Values clamped(OperatorCall& call) {
    auto named = named_type(call.schema, call.values);
    bool any = false;
    for (const auto& value : call.values) each_tensor(value, [&](const at::Tensor&) { any = true; });
    if (!named && !any) named = c10::typeMetaToScalarType(c10::get_default_dtype());
    if (named && is_narrow(*named)) bring_in_range(call.values, *named);
    return answer(call.op, call.values);
  }

  void note_origins(const OperatorCall& call, const Values& results, std::size_t number) {
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

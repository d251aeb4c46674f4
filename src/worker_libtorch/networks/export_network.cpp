// SPDX-License-Identifier: Apache-2.0
// A program of torch.export as a network: its nodes are called one after the other through LibTorch's dispatcher.
// LibTorch ships no runtime for such programs that every version has.
#include "networks/export_call.hpp"
#include "networks/restriction.hpp"
#include "numerics/float64_run.hpp"
#include "numerics/operator_watch.hpp"
#include "protocol/error.hpp"

#include <ATen/ScalarOps.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <limits>
#include <set>
#include <unordered_map>
#include <utility>

namespace goldseal::worker {
namespace {

using c10::IValue;

constexpr std::size_t k_never = std::numeric_limits<std::size_t>::max();
constexpr std::size_t k_max_settings = 20'000;

// Thrown before an operator writes into a loaded tensor: the run begins again with copies of these.
struct WouldWrite {
  std::set<std::size_t> state_entries;
};

class ExportNetwork final : public Network {
 public:
  explicit ExportNetwork(const std::string& path) : m_program(read_export_program(path)) {
    if (RestrictedBuild::in_force())
      for (const auto& node : m_program.nodes) require_permitted(node);
    for (const auto& state_entry : m_program.state_entries) {
      m_state_entries.push_back(state_entry.entry);
      m_tensors.emplace_back();
    }
    for (const auto& input : m_program.inputs) m_inputs.push_back(input.spec);
    for (const auto& node : m_program.nodes) m_calls.push_back(bind_call(node));
    for (const auto& call : m_calls) m_writes = m_writes || !call.written.empty();
    plan_releases();
    describe();
  }

  const std::vector<StateEntry>& state_entries() const override { return m_state_entries; }
  const std::vector<InputSpec>& inputs() const override { return m_inputs; }
  const std::map<std::string, std::string>& configuration() const override { return m_configuration; }
  bool streams() const override { return true; }
  void set(std::size_t index, const at::Tensor& tensor) override { m_tensors[index] = tensor; }
  at::Tensor get(std::size_t index) const override { return m_tensors[index]; }

  NamedTensors run(NamedTensors inputs, const Transform& transform, const LayerTap& tap) override;

 private:
  class Run;

  void plan_releases() {
    std::vector<std::size_t> last(m_program.values, k_never);
    for (std::size_t i = 0; i < m_calls.size(); ++i) {
      std::vector<std::size_t> used;
      for (const auto& operand : m_calls[i].operands) append_values(operand, used);
      for (const auto& result : m_calls[i].node->results)
        for (std::size_t k = 0; result.value && k < result.count.value_or(1); ++k) used.push_back(*result.value + k);
      for (const auto value : used) last[value] = i;
    }
    for (const auto& output : m_program.outputs)
      if (output.value) last[*output.value] = k_never;
    for (std::size_t value = 0; value < last.size(); ++value)
      if (last[value] != k_never) m_calls[last[value]].released.push_back(value);
  }

  // The numbers of every call: what a state dict does not hold.
  void describe() {
    for (const auto& call : m_calls) {
      if (!call.handle || m_configuration.size() >= k_max_settings) continue;
      const auto& arguments = call.handle->schema().arguments();
      for (std::size_t i = 0; i < arguments.size(); ++i) {
        const auto text = text_of(call.operands[i]);
        if (!text.empty()) m_configuration.emplace(call.node->name + "." + arguments[i].name(), text);
      }
    }
  }

  static std::string text_of(const Operand& operand) {
    if (operand.kind == Operand::Kind::list) {
      std::string text;
      for (const auto& item : operand.items) text += (text.empty() ? "" : ", ") + text_of(item);
      return text;
    }
    if (operand.kind != Operand::Kind::constant && operand.kind != Operand::Kind::dtype) return {};
    if (operand.constant.isDouble()) return text_of_number(operand.constant.toDouble());
    if (operand.constant.isInt()) return std::to_string(operand.constant.toInt());
    return {};
  }

  ExportProgram m_program;
  std::vector<StateEntry> m_state_entries;
  std::vector<at::Tensor> m_tensors;  // of the state entries
  std::vector<InputSpec> m_inputs;
  std::map<std::string, std::string> m_configuration;
  std::vector<ExportCall> m_calls;
  bool m_writes = false;           // some call writes into its arguments
  std::set<std::size_t> m_copied;  // state entries that the program writes to
};

// One forward pass: the frame holds what has been computed and is still needed.
class ExportNetwork::Run {
 public:
  Run(const ExportNetwork& network, const NamedTensors& inputs, const Transform& transform)
      : m_network(network),
        m_transform(transform),
        m_frame(network.m_program.values) {
    take_inputs(inputs);
    for (std::size_t i = 0; i < network.m_state_entries.size(); ++i)
      m_entry_of.emplace(network.m_program.state_entries[i].value, i);
  }

  NamedTensors outputs(const LayerTap& tap) {
    const std::string* module = nullptr;
    std::optional<OperatorWatch> watch;
    if (tap)
      watch.emplace(
          std::unordered_map<const void*, std::string>(),
          [&](const std::string& op, const std::string&, const at::Tensor& result) { tap(*module, op, result); });
    for (const auto& call : m_network.m_calls) {
      module = &call.node->module;
      try {
        make(call);
      } catch (const c10::Error&) {
        throw_with_place(*call.node);
      }
    }
    NamedTensors outputs;
    for (const auto& output : m_network.m_program.outputs)
      outputs.emplace_back(output.name, output.value ? as_tensor(value(*output.value)) : output.constant);
    return outputs;
  }

 private:
  void take_inputs(const NamedTensors& given) {
    std::unordered_map<std::string_view, const at::Tensor*> by_name;
    for (const auto& [name, tensor] : given) by_name.emplace(name, &tensor);
    for (const auto& input : m_network.m_program.inputs) {
      const auto found = by_name.find(input.spec.name);
      if (found == by_name.end()) throw Refusal(RefusalKind::usage, "input `" + input.spec.name + "` is missing");
      require_fit(input, *found->second);
      m_device = found->second->device();
      // A run that begins again finds its inputs as they were given.
      const auto tensor = m_network.m_writes ? found->second->clone() : *found->second;
      m_frame[input.value] = input.is_number ? IValue(tensor.item()) : IValue(tensor);
      by_name.erase(found);
    }
    if (!by_name.empty())
      throw Refusal(RefusalKind::usage, "the program has no input `" + std::string(by_name.begin()->first) + "`");
  }

  // A program holds for the sizes that it was exported for.
  static void require_fit(const ExportInput& input, const at::Tensor& tensor) {
    const auto& shape = *input.spec.shape;
    bool fits = shape.size() == static_cast<std::size_t>(tensor.dim());
    for (std::size_t i = 0; fits && i < shape.size(); ++i)
      fits = !shape[i] || *shape[i] == tensor.size(static_cast<std::int64_t>(i));
    if (fits) return;
    std::string expected;
    for (const auto& size : shape)
      expected += (expected.empty() ? "" : ", ") + (size ? std::to_string(*size) : std::string("any"));
    throw Refusal(RefusalKind::usage, "input `" + input.spec.name + "` was exported with shape [" + expected +
                                          "]; given " + text_of_shape(tensor.sizes()));
  }

  void make(const ExportCall& call) {
    if (call.decomposed != nullptr) {
      decompose(call);
    } else if (call.symbolic || call.query) {
      std::vector<IValue> arguments;
      for (const auto& operand : call.operands) arguments.push_back(resolve(operand));
      const auto& result = call.node->results.at(0);
      m_frame[result.value.value()] = call.symbolic ? call.symbolic(arguments) : ask(call, arguments);
    } else {
      dispatch(call);
    }
    for (const auto value : call.released) m_frame[value] = IValue();
  }

  // Whoever watches operators sees the one that the program names.
  void decompose(const ExportCall& call) {
    NamedArguments arguments;
    std::vector<IValue> given;
    for (std::size_t i = 0; i < call.operands.size(); ++i) {
      given.push_back(resolve(call.operands[i]));
      arguments.emplace(call.node->arguments[i].first, given.back());
    }
    at::RecordFunction record(at::RecordScope::FUNCTION);
    if (record.isActive()) record.before(call.decomposed->name, c10::ArrayRef<const IValue>(given.data(), given.size()));
    IValue result(call.decomposed->compute(arguments));
    if (record.isActive()) record.setOutputs(std::vector<IValue>{result});
    keep(call.node->results.at(0), std::move(result), *call.node);
  }

  static IValue ask(const ExportCall& call, const std::vector<IValue>& arguments) {
    return call.query(arguments.at(0).toTensor(), arguments.size() > 1 ? arguments[1].toInt() : 0);
  }

  void dispatch(const ExportCall& call) {
    const auto& arguments = call.handle->schema().arguments();
    std::vector<IValue> stack;
    for (std::size_t i = 0; i < arguments.size(); ++i)
      stack.push_back(fit_argument(resolve(call.operands[i]), arguments[i]));
    for (const auto index : call.written) guard(stack[index]);
    call.handle->callBoxed(&stack);
    const auto& results = call.node->results;
    if (stack.size() < results.size())
      throw Refusal(RefusalKind::malformed,
                    "the program expects more results of " + call.node->target + " than it has");
    for (std::size_t i = 0; i < results.size(); ++i) keep(results[i], std::move(stack[i]), *call.node);
  }

  void keep(const ExportResult& result, IValue found, const ExportNode& node) {
    if (!result.value) return;
    if (!result.count) {
      m_frame[*result.value] = std::move(found);
      return;
    }
    const auto tensors = found.toTensorList();
    if (tensors.size() != *result.count)
      throw Refusal(RefusalKind::malformed, node.target + " gives another number of tensors than the program expects");
    for (std::size_t k = 0; k < tensors.size(); ++k) m_frame[*result.value + k] = IValue(tensors.get(k));
  }

  // Loaded tensors are never written: they are what was digested.
  void guard(const IValue& value) const {
    if (!value.isTensor()) return;
    const auto* const storage = value.toTensor().storage().unsafeGetStorageImpl();
    WouldWrite found;
    for (std::size_t i = 0; i < m_network.m_tensors.size(); ++i)
      if (m_network.m_tensors[i].storage().unsafeGetStorageImpl() == storage) found.state_entries.insert(i);
    if (!found.state_entries.empty()) throw found;
  }

  IValue resolve(const Operand& operand) {
    switch (operand.kind) {
      case Operand::Kind::constant:
        return operand.constant;
      case Operand::Kind::device:
        return m_device;
      case Operand::Kind::dtype:
        return operand.constant;
      case Operand::Kind::value:
        return value(operand.value);
      case Operand::Kind::list:
        break;
    }
    std::vector<IValue> items;
    for (const auto& item : operand.items) items.push_back(resolve(item));
    return make_list(std::move(items));
  }

  // A state entry's tensor is converted when it is first needed, so that few of them are in memory at once.
  const IValue& value(std::size_t index) {
    auto& held = m_frame[index];
    if (const auto state_entry = m_entry_of.find(index); held.isNone() && state_entry != m_entry_of.end()) {
      const auto& loaded = m_network.m_tensors[state_entry->second];
      auto tensor = m_transform ? m_transform(m_network.m_state_entries[state_entry->second].name, loaded) : loaded;
      if (m_network.m_copied.count(state_entry->second) != 0 && tensor.is_same(loaded)) tensor = loaded.clone();
      held = std::move(tensor);
    }
    return held;
  }

  static at::Tensor as_tensor(const IValue& value) {
    if (value.isTensor()) return value.toTensor();
    if (value.isScalar()) return c10::scalar_to_tensor(value.toScalar());
    throw Refusal(RefusalKind::unsupported, "the program returns neither tensors nor numbers");
  }

  [[noreturn]] static void throw_with_place(const ExportNode& node) {
    const auto refusal = refusal_from_current_exception();
    throw Refusal(refusal.kind,
                  node.target + " (" + (node.module.empty() ? node.name : node.module) + "): " + refusal.what(),
                  refusal.where, refusal.remedy);
  }

  const ExportNetwork& m_network;
  const Transform& m_transform;
  std::vector<IValue> m_frame;
  std::unordered_map<std::size_t, std::size_t> m_entry_of;  // by value
  at::Device m_device = at::kCPU;
};

NamedTensors ExportNetwork::run(NamedTensors inputs, const Transform& transform, const LayerTap& tap) {
  for (;;) {
    try {
      return Run(*this, inputs, transform).outputs(tap);
    } catch (const WouldWrite& found) {
      m_copied.insert(found.state_entries.begin(), found.state_entries.end());
      restart_float64_run();
    }
  }
}

}  // namespace

std::unique_ptr<Network> build_export(const std::string& source, const BuildOptions& options) {
  if (!options.empty())
    throw Refusal(RefusalKind::usage, "a program of torch.export has no option `" + options.begin()->first + "`");
  return std::make_unique<ExportNetwork>(source);
}

}  // namespace goldseal::worker

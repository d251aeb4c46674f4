// SPDX-License-Identifier: Apache-2.0
// A TorchScript archive as a network. Its weights are dropped when it is built (the state entries keep their shapes as
// meta tensors) and a tensor is put in by replacing the attribute: copying into a meta tensor does nothing, and
// LibTorch checks no shape.
#include "networks/has_constants.hpp"
#include "networks/nesting.hpp"
#include "networks/network.hpp"
#include "networks/restriction.hpp"
#include "networks/script_archive.hpp"
#include "networks/script_constants.hpp"
#include "networks/script_inputs.hpp"
#include "networks/script_outputs.hpp"
#include "networks/script_place.hpp"
#include "numerics/float64_run.hpp"
#include "numerics/operator_watch.hpp"
#include "protocol/error.hpp"

#include <torch/script.h>

#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace goldseal::worker {
namespace {

using Object = c10::ivalue::Object;
using ObjectPtr = c10::intrusive_ptr<Object>;

class TorchScriptNetwork final : public Network, public HasConstants {
 public:
  TorchScriptNetwork(const std::string& path, const BuildOptions& options) : m_module(load_archive(path)) {
    if (RestrictedBuild::in_force()) refuse_operators_in(*m_module._ivalue()->compilation_unit(), path);
    m_module.eval();
    const auto names = names_of_option(options, "non_persistent");
    const std::set<std::string> non_persistent(names.begin(), names.end());
    collect(m_module._ivalue(), "", non_persistent, 0);
    require_non_persistent(non_persistent, m_state_entries, "archive");
    find_tied();
    find_lists(m_module._ivalue(), "");
    drop_weights();
    m_inputs = tensor_inputs(m_module.get_method("forward").function().getSchema());
  }

  const std::vector<StateEntry>& state_entries() const override { return m_state_entries; }
  const std::vector<InputSpec>& inputs() const override { return m_inputs; }
  const std::map<std::string, std::string>& configuration() const override { return m_configuration; }
  bool streams() const override { return true; }

  void adopt_constants(const NamedTensors& constants) override {
    for (auto& [name, places] : make_attributes(m_module, constants)) {
      const auto tensor = places.front().first->getSlot(places.front().second).toTensor();
      m_state_entries.push_back({name, tensor.scalar_type(), tensor.sizes().vec(), false, true});
      m_places.push_back({places.front().first, places.front().second});
      m_constants.emplace(name, std::move(places));
      set(m_state_entries.size() - 1,
          at::empty(tensor.sizes(), at::TensorOptions().dtype(tensor.scalar_type()).device(at::kMeta)));
    }
  }

  void set(std::size_t index, const at::Tensor& tensor) override {
    m_places[index].object->setSlot(m_places[index].attribute, tensor);
    const auto constant = m_constants.find(m_state_entries[index].name);
    if (constant != m_constants.end())
      for (const auto& [object, attribute] : constant->second) object->setSlot(attribute, tensor);
    for (const auto& [name, list] : m_lists)
      for (std::size_t i = 0; i < list.state_entries.size(); ++i)
        if (list.state_entries[i] == index) list.object->getSlot(list.attribute).toTensorList().set(i, tensor);
  }

  at::Tensor get(std::size_t index) const override {
    return m_places[index].object->getSlot(m_places[index].attribute).toTensor();
  }

  NamedTensors run(NamedTensors inputs, const Transform& transform, const LayerTap& tap) override {
    if (transform && m_state_entries.empty() &&
        has_floating_constants(*m_module.get_method("forward").graph()->block()))
      throw Refusal(RefusalKind::unsupported,
                    "a frozen archive computes with the weights as they were frozen; it cannot be converted", {},
                    "export the module without torch.jit.freeze");
    if (!std::exchange(m_compiled, true)) {
      const OutsideFloat64Run outside;
      plan_functions(*m_module._ivalue()->compilation_unit());
    }
    auto module = transformed(on_copies(transform));
    const auto method = module.get_method("forward");
    std::optional<OperatorWatch> watch;
    if (tap)
      watch.emplace(entry_names(module),
                    [&](const std::string& op, const std::string& state_entry, const auto& result) {
                      tap(state_entry.empty() ? script_place(module.type()) : module_of(state_entry), op, result);
                    });
    return flatten_outputs(method(arguments_of(method.function().getSchema(), std::move(inputs))));
  }

 private:
  // The tensors that `module` computes with, by their state entries.
  std::unordered_map<const void*, std::string> entry_names(const torch::jit::Module& module) const {
    std::unordered_map<const void*, std::string> names;
    collect_names(module._ivalue(), "", names);
    return names;
  }

  static void collect_names(const ObjectPtr& object, const std::string& prefix,
                            std::unordered_map<const void*, std::string>& names) {
    const auto type = object->type();
    for (std::size_t i = 0; i < type->numAttributes(); ++i) {
      const auto name = prefix + type->getAttributeName(i);
      const auto& value = object->getSlot(i);
      if (is_module(type, i))
        collect_names(value.toObject(), name + ".", names);
      else if (value.isTensor() && value.toTensor().defined() && !is_constant(type->getAttributeName(i)))
        names.emplace(value.toTensor().unsafeGetTensorImpl(), name);
    }
  }

  static std::string module_of(const std::string& state_entry) {
    const auto dot = state_entry.rfind('.');
    return dot == std::string::npos ? std::string() : state_entry.substr(0, dot);
  }

  struct Place {
    ObjectPtr object;
    std::size_t attribute;
  };

  // An attribute that holds state entries' tensors once more, as nn.LSTM's list of flat weights does: it computes with
  // those.
  struct List {
    ObjectPtr object;
    std::size_t attribute;
    std::vector<std::optional<std::size_t>> state_entries;  // of each element; nothing for a tensor of its own
  };

  void find_lists(const ObjectPtr& object, const std::string& prefix) {
    const auto type = object->type();
    for (std::size_t i = 0; i < type->numAttributes(); ++i) {
      const auto name = prefix + type->getAttributeName(i);
      const auto& value = object->getSlot(i);
      if (is_module(type, i))
        find_lists(value.toObject(), name + ".");
      else if (value.isTensorList())
        m_lists.emplace(name, list_of(object, i, prefix));
      else if (!value.isTensor())
        refuse_hidden(name, value);
    }
  }

  List list_of(const ObjectPtr& object, std::size_t attribute, const std::string& prefix) const {
    const auto tensors = object->getSlot(attribute).toTensorVector();
    const auto names = flat_weight_names(object, attribute);
    List list{object, attribute, {}};
    for (std::size_t i = 0; i < tensors.size(); ++i)
      list.state_entries.push_back(i < names.size() ? slot_named(prefix + names[i]) : entry_of(tensors[i]));
    return list;
  }

  // nn.LSTM, GRU and RNN say whose tensors the list holds, which an archive without memory does not show.
  static std::vector<std::string> flat_weight_names(const ObjectPtr& object, std::size_t attribute) {
    const auto type = object->type();
    const auto names = type->findAttributeSlot("_flat_weights_names");
    if (type->getAttributeName(attribute) != "_flat_weights" || !names || !object->getSlot(*names).isList()) return {};
    std::vector<std::string> result;
    for (const c10::IValue& name : object->getSlot(*names).toListRef())
      if (name.isString()) result.push_back(name.toStringRef());
    return result;
  }

  std::optional<std::size_t> slot_named(const std::string& name) const {
    for (std::size_t i = 0; i < m_state_entries.size(); ++i)
      if (m_state_entries[i].name == name) return i;
    return std::nullopt;
  }

  std::optional<std::size_t> entry_of(const at::Tensor& tensor) const {
    for (std::size_t i = 0; i < m_state_entries.size(); ++i)
      if (is_same_view(get(i), tensor)) return i;
    return std::nullopt;
  }

  static bool is_same_view(const at::Tensor& a, const at::Tensor& b) {
    if (!has_memory(a) || !has_memory(b) || a.numel() == 0) return a.is_same(b);
    return a.storage().data() == b.storage().data() && a.storage_offset() == b.storage_offset() &&
           a.sizes() == b.sizes() && a.strides() == b.strides();
  }

  // The network would compute with the archive's weights, whatever is loaded.
  void refuse_hidden(const std::string& name, const c10::IValue& value) const {
    if (value.isTensor()) {
      const auto state_entry = entry_of(value.toTensor());
      if (state_entry)
        throw Refusal(RefusalKind::unsupported,
                      "the attribute `" + name + "` holds the weight `" + m_state_entries[*state_entry].name +
                          "`, where it cannot be replaced",
                      {}, "keep it in a list of tensors, or look it up in forward()");
    } else if (value.isTuple()) {
      for (const auto& part : value.toTupleRef().elements()) refuse_hidden(name, part);
    } else if (value.isList()) {
      for (const c10::IValue& part : value.toListRef()) refuse_hidden(name, part);
    } else if (value.isGenericDict()) {
      for (const auto& entry : value.toGenericDict()) refuse_hidden(name, entry.value());
    }
  }

  // The order of a state dict: of each module its parameters, its buffers, then its submodules.
  void collect(const ObjectPtr& object, const std::string& prefix, const std::set<std::string>& non_persistent,
               int depth) {
    require_shallow(depth, "the modules");
    const auto type = object->type();
    for (const bool parameters : {true, false})
      for (std::size_t i = 0; i < type->numAttributes(); ++i)
        if (object->getSlot(i).isTensor() && type->is_parameter(i) == parameters)
          add_entry(object, i, prefix, non_persistent);
    for (std::size_t i = 0; i < type->numAttributes(); ++i)
      if (is_module(type, i))
        collect(object->getSlot(i).toObject(), prefix + type->getAttributeName(i) + ".", non_persistent, depth + 1);
  }

  static bool is_module(const c10::ClassTypePtr& type, std::size_t attribute) {
    return type->getAttribute(attribute)->is_module();
  }

  // A state dict leaves out a tensor that was registered neither as a parameter nor as a buffer.
  void add_entry(const ObjectPtr& object, std::size_t attribute, const std::string& prefix,
                const std::set<std::string>& non_persistent) {
    const auto type = object->type();
    const auto tensor = object->getSlot(attribute).toTensor();
    if (!tensor.defined()) return;
    const auto name = prefix + type->getAttributeName(attribute);
    const bool registered = type->is_parameter(attribute) || type->is_buffer(attribute);
    m_state_entries.push_back({name, tensor.scalar_type(), tensor.sizes().vec(), type->is_parameter(attribute),
                               registered && non_persistent.count(name) == 0});
    m_places.push_back({object, attribute});
  }

  // On the meta device, tied weights are one object: an archive whose module was moved there has two.
  void find_tied() {
    using View = std::tuple<const void*, std::int64_t, std::vector<std::int64_t>, std::vector<std::int64_t>>;
    std::map<View, std::size_t> first;
    for (std::size_t i = 0; i < m_state_entries.size(); ++i) {
      const auto tensor = get(i);
      if (!m_state_entries[i].persistent || tensor.numel() == 0) continue;
      const void* const memory = has_memory(tensor) ? tensor.storage().data() : tensor.unsafeGetTensorImpl();
      const View view{memory, tensor.storage_offset(), tensor.sizes().vec(), tensor.strides().vec()};
      const auto found = first.emplace(view, i);
      if (!found.second) m_state_entries[i].alias_of = m_state_entries[found.first->second].name;
    }
  }

  void drop_weights() {
    for (std::size_t i = 0; i < m_state_entries.size(); ++i)
      if (m_state_entries[i].persistent || !has_memory(get(i)))
        set(i,
            at::empty(m_state_entries[i].shape, at::TensorOptions().dtype(m_state_entries[i].dtype).device(at::kMeta)));
  }

  // PyTorch 1.13 makes of a meta tensor that it puts on the CPU one without memory.
  static bool has_memory(const at::Tensor& tensor) {
    return !tensor.is_meta() && (tensor.numel() == 0 || tensor.storage().data() != nullptr);
  }

  // What an operation in place may write to is a copy, so that each run begins with the tensors that were loaded.
  Transform on_copies(const Transform& transform) const {
    std::set<std::string> parameters;
    for (const auto& entry : m_state_entries)
      if (entry.parameter) parameters.insert(entry.name);
    return [transform, parameters = std::move(parameters)](const std::string& name, const at::Tensor& tensor) {
      auto computed = transform ? transform(name, tensor) : tensor;
      const bool may_be_written = parameters.count(name) == 0 && !is_constant(name);
      return may_be_written && computed.is_same(tensor) ? tensor.clone() : computed;
    };
  }

  // A module with other tensors in its state entries; code and everything else is shared. A module that stands in two
  // places is copied twice, so that each place has the tensors of its own name.
  torch::jit::Module transformed(const Transform& transform) const {
    std::unordered_map<std::string, at::Tensor> tensors;
    const auto copy = transformed(m_module._ivalue(), "", transform, tensors);
    transform_lists(copy, "", transform, tensors);
    return torch::jit::Module(copy);
  }

  void transform_lists(const ObjectPtr& copy, const std::string& prefix, const Transform& transform,
                       const std::unordered_map<std::string, at::Tensor>& tensors) const {
    const auto type = copy->type();
    for (std::size_t i = 0; i < type->numAttributes(); ++i) {
      const auto name = prefix + type->getAttributeName(i);
      const auto found = m_lists.find(name);
      if (is_module(type, i)) transform_lists(copy->getSlot(i).toObject(), name + ".", transform, tensors);
      if (found == m_lists.end()) continue;
      const auto from = copy->getSlot(i).toTensorVector();
      c10::List<at::Tensor> list;
      for (std::size_t k = 0; k < from.size(); ++k) {
        const auto state_entry = found->second.state_entries[k];
        list.push_back(state_entry ? tensors.at(m_state_entries[*state_entry].name)
                                   : transform(name + "." + std::to_string(k), from[k]));
      }
      copy->setSlot(i, list);
    }
  }

  static ObjectPtr transformed(const ObjectPtr& from, const std::string& prefix, const Transform& transform,
                               std::unordered_map<std::string, at::Tensor>& tensors) {
    const auto type = from->type();
    auto copy = from->copy();
    for (std::size_t i = 0; i < type->numAttributes(); ++i) {
      const auto& own = type->getAttributeName(i);
      const auto name = is_constant(own) ? own : prefix + own;  // one entry, whichever modules read it
      const auto& value = from->getSlot(i);
      if (is_module(type, i))
        copy->setSlot(i, transformed(value.toObject(), name + ".", transform, tensors));
      else if (value.isTensor() && value.toTensor().defined())
        copy->setSlot(i, tensors[name] = transform(name, value.toTensor()));
    }
    return copy;
  }

  torch::jit::Module m_module;
  std::vector<StateEntry> m_state_entries;
  std::vector<Place> m_places;
  std::map<std::string, List> m_lists;  // by attribute
  ConstantPlaces m_constants;
  bool m_compiled = false;
  std::vector<InputSpec> m_inputs;
  std::map<std::string, std::string> m_configuration;
};

}  // namespace

std::unique_ptr<Network> build_torchscript(const std::string& source, const BuildOptions& options) {
  for (const auto& [name, value] : options)
    if (name != "non_persistent")
      throw Refusal(RefusalKind::usage, "a TorchScript archive has no option `" + name + "`");
  // Run the operators one by one as they are written: the same in the first run and in later ones, and as eager PyTorch
  // does.
  torch::jit::getProfilingMode() = false;
  torch::jit::setGraphExecutorOptimize(false);
  return std::make_unique<TorchScriptNetwork>(source, options);
}

}  // namespace goldseal::worker

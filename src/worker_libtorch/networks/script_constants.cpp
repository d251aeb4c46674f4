// SPDX-License-Identifier: Apache-2.0
#include "networks/script_constants.hpp"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <cstring>
#include <set>

namespace goldseal::worker {
namespace {

using Object = c10::ivalue::Object;
using ObjectPtr = c10::intrusive_ptr<Object>;
using Found = std::set<std::pair<const c10::ClassType*, std::string>>;  // the module's type, and the constant

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  if (a.scalar_type() != b.scalar_type() || a.sizes() != b.sizes() || a.layout() != at::kStrided || a.is_quantized())
    return false;
  const auto one = a.contiguous();
  const auto other = b.contiguous();
  return std::memcmp(one.data_ptr(), other.data_ptr(), one.nbytes()) == 0;
}

void collect_constants(torch::jit::Block& block, std::vector<torch::jit::Node*>& nodes) {
  for (auto* const node : block.nodes()) {
    for (auto* const inner : node->blocks()) collect_constants(*inner, nodes);
    const bool tensor = node->kind() == torch::jit::prim::Constant && node->hasAttribute(torch::jit::attr::value) &&
                        node->kindOf(torch::jit::attr::value) == torch::jit::AttributeKind::t;
    if (tensor) nodes.push_back(node);
  }
}

void read_from_attribute(torch::jit::Graph& graph, torch::jit::Node& node, const std::string& name) {
  auto* const read = graph.create(torch::jit::prim::GetAttr, {graph.inputs().front()}, 1);
  read->s_(torch::jit::attr::name, name);
  read->output()->setType(node.output()->type());
  read->insertBefore(&node);
  node.output()->replaceAllUsesWith(read->output());
  node.destroy();
}

// The methods of modules: functions outside of one have no attributes.
std::vector<std::pair<torch::jit::Graph*, c10::ClassTypePtr>> methods_of(const torch::jit::Module& module) {
  std::vector<std::pair<torch::jit::Graph*, c10::ClassTypePtr>> methods;
  for (const auto& part : module.modules()) {
    for (auto* const method : part.type()->methods()) {
      auto* const code = torch::jit::tryToGraphFunction(*method);
      if (code != nullptr) methods.emplace_back(code->graph().get(), part.type());
    }
  }
  return methods;
}

Found rewrite(const torch::jit::Module& module, const NamedTensors& constants) {
  Found found;
  for (const auto& [graph, type] : methods_of(module)) {
    std::vector<torch::jit::Node*> nodes;
    collect_constants(*graph->block(), nodes);
    for (auto* const node : nodes) {
      for (const auto& [name, tensor] : constants) {
        if (!same_bits(tensor, node->t(torch::jit::attr::value))) continue;
        read_from_attribute(*graph, *node, name);
        found.emplace(type.get(), name);
        break;
      }
    }
  }
  return found;
}

std::size_t names_in(const Found& found) {
  std::set<std::string> names;
  for (const auto& [type, name] : found) names.insert(name);
  return names.size();
}

}  // namespace

ConstantPlaces make_attributes(const torch::jit::Module& module, const NamedTensors& constants) {
  auto found = rewrite(module, constants);
  if (names_in(found) < constants.size()) {
    for (const auto& [graph, type] : methods_of(module)) torch::jit::Inline(*graph);
    found.merge(rewrite(module, constants));
  }
  ConstantPlaces places;
  for (const auto& part : module.modules()) {
    const auto object = part._ivalue();
    for (const auto& [name, tensor] : constants) {
      if (found.count({object->type().get(), name}) == 0) continue;
      const auto type = object->type();
      const auto known = type->findAttributeSlot(name);
      const auto slot = known ? *known : type->addAttribute(name, c10::TensorType::get(), false, true);
      object->setSlot(slot, tensor);
      places[name].emplace_back(object, slot);
    }
  }
  return places;
}

bool is_constant(std::string_view attribute) { return attribute.substr(0, 10) == "constants."; }

}  // namespace goldseal::worker

// SPDX-License-Identifier: Apache-2.0
#include "networks/restriction.hpp"

#include "networks/refused_operators.hpp"
#include "protocol/error.hpp"

#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>

#include <cstddef>

namespace goldseal::worker {
namespace {

thread_local bool t_restricted = false;

constexpr const char* k_remedy =
    "let it with --trust-code (or --model, which says the same), if you trust where the program comes from";

void refuse_class_of(const c10::TypePtr& type, const std::string& where) {
  const auto object = type->cast<c10::ClassType>();
  if (!object || !object->name() || !is_refused_class(object->name()->qualifiedName())) return;
  throw Refusal(RefusalKind::unsupported,
                "the program uses an object of " + object->name()->qualifiedName() + ", which does more than compute",
                where, k_remedy);
}

void refuse_in(const torch::jit::Block& block, const std::string& where);

// What a node holds of code: blocks, and the graph of a task that is put off.
void refuse_inside(const torch::jit::Node& node, const std::string& where) {
  for (const auto* inner : node.blocks()) refuse_in(*inner, where);
  for (const auto name : node.attributeNames())
    if (node.kindOf(name) == torch::jit::AttributeKind::g) refuse_in(*node.g(name)->block(), where);
}

void refuse_in(const torch::jit::Block& block, const std::string& where) {
  for (const auto* node : block.nodes()) {
    refuse_operator_of(node->kind().toQualString(), where);
    for (const auto* value : node->inputs()) refuse_class_of(value->type(), where);
    for (const auto* value : node->outputs()) refuse_class_of(value->type(), where);
    refuse_inside(*node, where);
  }
}

}  // namespace

RestrictedBuild::RestrictedBuild(bool restricted) { t_restricted = restricted; }
RestrictedBuild::~RestrictedBuild() { t_restricted = false; }
bool RestrictedBuild::in_force() { return t_restricted; }

void refuse_operator_of(const std::string& name, const std::string& where) {
  const auto does = what_operator_does(name);
  if (does.empty()) return;
  throw Refusal(RefusalKind::unsupported, "the program calls the operator " + name + ", which " + std::string(does),
                where, k_remedy);
}

void refuse_operators_in(torch::jit::CompilationUnit& unit, const std::string& where) {
  // Reading a function's body may read further functions.
  for (std::size_t seen = 0; seen < unit.get_functions().size();) {
    const auto functions = unit.get_functions();
    for (; seen < functions.size(); ++seen) {
      if (auto* const function = torch::jit::tryToGraphFunction(*functions[seen])) {
        function->ensure_defined();
        refuse_in(*function->graph()->block(), where);
      }
    }
  }
}

}  // namespace goldseal::worker

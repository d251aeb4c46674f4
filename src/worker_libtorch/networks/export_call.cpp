// SPDX-License-Identifier: Apache-2.0
#include "networks/export_call.hpp"

#include "networks/restriction.hpp"
#include "protocol/error.hpp"

#include <torch/version.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

namespace goldseal::worker {
namespace {

using c10::IValue;

constexpr std::string_view k_prefix = "torch.ops.";

// Sizes are asked for directly: the operators for it differ between PyTorch's versions.
SizeQuery find_size_query(std::string_view target) {
  static const std::map<std::string_view, SizeQuery> k_queries{
      {"torch.ops.aten.sym_size.int", [](const at::Tensor& t, std::int64_t d) { return IValue(t.size(d)); }},
      {"torch.ops.aten.sym_stride.int", [](const at::Tensor& t, std::int64_t d) { return IValue(t.stride(d)); }},
      {"torch.ops.aten.sym_numel.default", [](const at::Tensor& t, std::int64_t) { return IValue(t.numel()); }},
      {"torch.ops.aten.sym_storage_offset.default",
       [](const at::Tensor& t, std::int64_t) { return IValue(t.storage_offset()); }},
  };
  const auto found = k_queries.find(target);
  return found == k_queries.end() ? nullptr : found->second;
}

// `torch.ops.aten.conv2d.default` is the operator aten::conv2d, without an overload's name. Nothing where LibTorch lacks it.
std::optional<c10::OperatorHandle> find_operator(const std::string& target) {
  const auto overload = target.rfind('.');
  const auto name = target.rfind('.', overload - 1);
  if (!target.starts_with(k_prefix) || name == std::string::npos || name < k_prefix.size())
    throw Refusal(RefusalKind::unsupported, "the program calls " + target + ", which is not known here");
  const auto space = target.substr(k_prefix.size(), name - k_prefix.size());
  const auto overload_name = target.substr(overload + 1);
  const c10::OperatorName operator_name(space + "::" + target.substr(name + 1, overload - name - 1),
                                        overload_name == "default" ? "" : overload_name);
  const auto found = c10::Dispatcher::singleton().findSchema(operator_name);  // of c10's own optional in older versions
  return found ? std::optional(*found) : std::nullopt;
}

[[noreturn]] void refuse_unknown(const std::string& target) {
  throw Refusal(RefusalKind::unsupported, "LibTorch " TORCH_VERSION " has no operator " + target.substr(k_prefix.size()), {},
                "the program needs a newer LibTorch, or a library that registers the operator: use the version that "
                "exported it, or export again here");
}

void decompose(ExportCall& call) {
  call.decomposed = find_decomposition(call.node->target);
  if (call.decomposed == nullptr) refuse_unknown(call.node->target);
  const auto& known = call.decomposed->arguments;
  for (const auto& [name, argument] : call.node->arguments) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw Refusal(RefusalKind::unsupported, call.node->target + " takes `" + name + "` in the program, which is not known here");
    call.operands.push_back(argument);
  }
}

Operand default_of(const c10::Argument& argument, const ExportNode& node) {
  if (argument.default_value()) return {Operand::Kind::constant, *argument.default_value(), 0, {}};
  if (argument.type()->kind() == c10::TypeKind::OptionalType) return {};
  throw Refusal(RefusalKind::unsupported, node.target + " needs `" + argument.name() +
                                              "` in LibTorch " TORCH_VERSION
                                              ", which the program "
                                              "does not give");
}

// A norm of an input's own statistics, which standardizes weights for instance, has a training mode and no others; a
// dropout that drops nothing draws nothing. program.py of the Python package says the same when a program is written.
void refuse_training(const ExportCall& call) {
  const auto& arguments = call.handle->schema().arguments();
  bool trains = false;
  bool harmless = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& name = arguments[i].name();
    const auto& operand = call.operands[i];
    const bool constant = operand.kind == Operand::Kind::constant;
    if (name == "training" || name == "train") trains = constant && operand.constant.isBool() && operand.constant.toBool();
    if (name == "running_mean") harmless = constant && operand.constant.isNone();
    if (name == "p") harmless = constant && operand.constant.isDouble() && operand.constant.toDouble() == 0;
  }
  if (trains && !harmless)
    throw Refusal(RefusalKind::unsupported, call.node->target + " was exported in training mode", {},
                  "call model.eval() before torch.export.export");
}

void bind_to_schema(ExportCall& call) {
  std::unordered_map<std::string_view, const Operand*> given;
  for (const auto& [name, argument] : call.node->arguments) given.emplace(name, &argument);
  const auto& arguments = call.handle->schema().arguments();
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto found = given.find(arguments[i].name());
    call.operands.push_back(found == given.end() ? default_of(arguments[i], *call.node) : *found->second);
    if (found != given.end()) given.erase(found);
    if (arguments[i].alias_info() && arguments[i].alias_info()->isWrite()) call.written.push_back(i);
  }
  refuse_training(call);
  if (!given.empty())
    throw Refusal(RefusalKind::unsupported, call.node->target + " takes `" + std::string(given.begin()->first) +
                                                "` in the program, but not in LibTorch " TORCH_VERSION);
}

}  // namespace

ExportCall bind_call(const ExportNode& node) {
  ExportCall call{&node, std::nullopt, nullptr, nullptr, nullptr, {}, {}, {}};
  call.symbolic = find_symbolic_operator(node.target);
  call.query = find_size_query(node.target);
  if (call.symbolic || call.query) {
    for (const auto& [name, argument] : node.arguments) call.operands.push_back(argument);
    return call;
  }
  call.handle = find_operator(node.target);
  if (call.handle)
    bind_to_schema(call);
  else
    decompose(call);
  return call;
}

void require_permitted(const ExportNode& node) {
  const auto& target = node.target;
  if (!target.starts_with(k_prefix)) return;
  auto name = target.substr(k_prefix.size());
  if (const auto dot = name.find('.'); dot != std::string::npos) name.replace(dot, 1, "::");
  name = name.substr(0, name.find('.'));
  refuse_operator_of(name);
}

}  // namespace goldseal::worker

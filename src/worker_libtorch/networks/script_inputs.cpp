// SPDX-License-Identifier: Apache-2.0
#include "networks/script_inputs.hpp"

#include "protocol/error.hpp"

#include <ATen/core/jit_type.h>

#include <string>
#include <unordered_map>
#include <utility>

namespace goldseal::worker {
namespace {

bool is_tensor(const c10::TypePtr& type) { return type->isSubtypeOf(*c10::TensorType::get()); }
bool takes_tensor(const c10::TypePtr& type) { return c10::TensorType::get()->isSubtypeOf(*type); }

c10::IValue bind_one(const c10::Argument& argument, std::unordered_map<std::string, at::Tensor>& by_name) {
  const auto found = by_name.find(argument.name());
  if (found != by_name.end()) {
    if (!takes_tensor(argument.type()))
      throw Refusal(RefusalKind::unsupported,
                    "input `" + argument.name() + "` is a " + argument.type()->str() + ", not a tensor");
    c10::IValue value(std::move(found->second));
    by_name.erase(found);
    return value;
  }
  if (argument.default_value()) return *argument.default_value();
  if (takes_tensor(argument.type())) throw Refusal(RefusalKind::usage, "input `" + argument.name() + "` is missing");
  throw Refusal(RefusalKind::unsupported, "forward() takes `" + argument.name() + "`, a " + argument.type()->str() +
                                              " without a default; only tensors can be given");
}

}  // namespace

std::vector<InputSpec> tensor_inputs(const c10::FunctionSchema& forward) {
  std::vector<InputSpec> inputs;
  const auto& arguments = forward.arguments();
  for (std::size_t i = 1; i < arguments.size(); ++i)
    if (is_tensor(arguments[i].type())) inputs.push_back({arguments[i].name(), std::nullopt, std::nullopt});
  return inputs;
}

std::vector<c10::IValue> arguments_of(const c10::FunctionSchema& forward, NamedTensors inputs) {
  std::unordered_map<std::string, at::Tensor> by_name;
  for (auto& [name, tensor] : inputs) by_name.emplace(name, std::move(tensor));
  std::vector<c10::IValue> stack;
  const auto& arguments = forward.arguments();
  for (std::size_t i = 1; i < arguments.size(); ++i) stack.push_back(bind_one(arguments[i], by_name));
  if (!by_name.empty())
    throw Refusal(RefusalKind::usage, "the network has no input `" + by_name.begin()->first + "`");
  return stack;
}

}  // namespace goldseal::worker

// SPDX-License-Identifier: Apache-2.0
#include "networks/script_place.hpp"

#include <torch/csrc/jit/runtime/interpreter.h>

#include <optional>
#include <utility>
#include <vector>

namespace goldseal::worker {
namespace {

// `name(Type)::method` of one step into a submodule; nothing for calls of functions and of a module's own methods.
std::optional<std::string> member_of(const std::string& step) {
  const auto paren = step.find('(');
  if (paren == std::string::npos || paren == 0) return std::nullopt;
  auto name = step.substr(0, paren);
  // `CALL_FUNCTION::interpolate`
  if (name == "TOP" || name == "SELF" || name == "INSTANCE_NAME_UNKNOWN" || name.rfind("CALL_FUNCTION", 0) == 0)
    return std::nullopt;
  return name;
}

c10::ClassTypePtr submodule(const c10::ClassTypePtr& type, const std::string& name) {
  const auto entry = type->findAttributeSlot(name);
  if (!entry) return nullptr;
  auto member = type->getAttribute(*entry)->cast<c10::ClassType>();
  return member && member->is_module() ? member : nullptr;
}

struct Step {
  std::string path;
  c10::ClassTypePtr type;
};

// The member itself, or the member of the only list that has it.
Step step_into(const c10::ClassTypePtr& from, const std::string& name) {
  if (auto direct = submodule(from, name)) return {name, std::move(direct)};
  std::vector<Step> found;
  for (std::size_t i = 0; i < from->numAttributes(); ++i) {
    const auto list = submodule(from, from->getAttributeName(i));
    if (!list) continue;
    if (auto member = submodule(list, name))
      found.push_back({from->getAttributeName(i) + "." + name, std::move(member)});
  }
  if (found.size() == 1) return std::move(found.front());
  return {name, nullptr};
}

}  // namespace

std::string script_place(const c10::ClassTypePtr& root) {
  std::string path;
  auto type = root;
  for (const auto& frame : torch::jit::currentModuleHierarchy()) {
    const auto name = member_of(frame);
    if (!name) continue;
    auto step = type ? step_into(type, *name) : Step{*name, nullptr};
    path += (path.empty() ? "" : ".") + step.path;
    type = std::move(step.type);
  }
  return path;
}

}  // namespace goldseal::worker

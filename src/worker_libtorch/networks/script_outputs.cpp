// SPDX-License-Identifier: Apache-2.0
#include "networks/script_outputs.hpp"

#include "networks/nesting.hpp"
#include "protocol/error.hpp"

#include <ATen/Functions.h>
#include <ATen/core/Dict.h>

#include <string>
#include <utility>

namespace goldseal::worker {
namespace {

class Flattener {
 public:
  static NamedTensors flatten(const c10::IValue& value) {
    Flattener flattener;
    flattener.visit(value, "", 0);
    return std::move(flattener.m_outputs);
  }

 private:
  void visit(const c10::IValue& value, const std::string& name, int depth) {
    require_shallow(depth, "the outputs");
    if (value.isNone()) return;
    if (value.isTensor()) return add(name, value.toTensor());
    if (value.isDouble()) return add(name, at::scalar_tensor(value.toDouble(), at::kDouble));
    if (value.isBool()) return add(name, at::scalar_tensor(value.toBool(), at::kBool));
    if (value.isInt()) return add(name, at::scalar_tensor(value.toInt(), at::kLong));
    if (value.isTuple()) return visit_all(value.toTupleRef().elements(), name, depth);
    if (value.isList()) return visit_all(value.toListRef(), name, depth);
    if (value.isGenericDict()) return visit_dict(value.toGenericDict(), name, depth);
    throw Refusal(RefusalKind::unsupported, "output `" + (name.empty() ? "output" : name) + "` is a " +
                                                value.tagKind() +
                                                "; known are tensors, numbers, and tuples, lists and dicts of them");
  }

  template <class Values>
  void visit_all(const Values& values, const std::string& name, int depth) {
    std::size_t index = 0;
    for (const auto& value : values) visit(value, joined(name, std::to_string(index++)), depth + 1);
  }

  void visit_dict(const c10::Dict<c10::IValue, c10::IValue>& dict, const std::string& name, int depth) {
    for (const auto& entry : dict) {
      const auto& key = entry.key();
      if (!key.isString() && !key.isInt())
        throw Refusal(RefusalKind::unsupported, "an output's dict has keys that are neither strings nor whole numbers");
      visit(entry.value(), joined(name, key.isString() ? key.toStringRef() : std::to_string(key.toInt())), depth + 1);
    }
  }

  static std::string joined(const std::string& name, const std::string& part) {
    return name.empty() ? part : name + "." + part;
  }

  void add(const std::string& name, const at::Tensor& tensor) {
    m_outputs.emplace_back(name.empty() ? "output" : name, tensor);
  }

  NamedTensors m_outputs;
};

}  // namespace

NamedTensors flatten_outputs(const c10::IValue& value) { return Flattener::flatten(value); }

}  // namespace goldseal::worker

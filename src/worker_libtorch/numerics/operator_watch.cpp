// SPDX-License-Identifier: Apache-2.0
#include "numerics/operator_watch.hpp"

#include "numerics/operator_names.hpp"
#include "numerics/tensor_facts.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal::worker {
namespace {

// They compute nothing; whether they copy depends on the type and the layout of what they are given.
constexpr std::array<std::string_view, 9> k_computing_nothing{"contiguous", "clone", "reshape", "flatten",   "detach",
                                                              "copy_",      "alias", "empty",   "empty_like"};

bool computes_nothing(std::string_view op) {
  return is_one_of(k_computing_nothing, aten_name(op)) || is_one_of(k_conversions, aten_name(op));
}

// A boxed call shows the interpreter's whole stack; its own values are the last.
template <class Values>
c10::ArrayRef<c10::IValue> own(const Values& values, std::size_t count) {
  const c10::ArrayRef<c10::IValue> all(values.data(), values.size());
  return all.size() > count ? all.slice(all.size() - count) : all;
}

}  // namespace

bool narrows(std::string_view op, const at::Tensor& result) {
  if (!result.defined() || (result.scalar_type() != at::kHalf && result.scalar_type() != at::kBFloat16)) return false;
  return is_one_of(k_conversions, aten_name(op)) || aten_name(op) == "copy_";
}

struct OperatorWatch::Call : at::ObserverContext {
  std::vector<const void*> memory;  // of the tensors that it was given
  std::string entry;
};

thread_local OperatorWatch* OperatorWatch::s_active = nullptr;

OperatorWatch::OperatorWatch(std::unordered_map<const void*, std::string> state_entries, Notice notice)
    : m_state_entries(std::move(state_entries)), m_notice(std::move(notice)) {
  s_active = this;
  m_handle = at::addThreadLocalCallback(at::RecordFunctionCallback(&begin, &end)
                                            .needsInputs(true)
                                            .needsOutputs(true)
                                            .scopes({at::RecordScope::FUNCTION}));
}

OperatorWatch::~OperatorWatch() {
  at::removeCallback(m_handle);
  s_active = nullptr;
}

std::unique_ptr<at::ObserverContext> OperatorWatch::begin(const at::RecordFunction& function) {
  if (s_active == nullptr || s_active->m_depth++ > 0) return nullptr;
  auto call = std::make_unique<Call>();
  for (const auto& input : own(function.inputs(), function.num_inputs())) {
    if (!input.isTensor()) continue;
    call->memory.push_back(memory_of(input.toTensor()));
    const auto entry = s_active->m_state_entries.find(input.toTensor().unsafeGetTensorImpl());
    if (entry != s_active->m_state_entries.end() && call->entry.empty()) call->entry = entry->second;
  }
  return call;
}

void OperatorWatch::end(const at::RecordFunction& function, at::ObserverContext* context) {
  if (s_active == nullptr || s_active->m_depth == 0) return;
  // What is called while the result is told is the teller's, and counts as within.
  if (s_active->m_depth == 1 && context != nullptr) s_active->tell(function, *static_cast<Call*>(context));
  --s_active->m_depth;
}

void OperatorWatch::tell(const at::RecordFunction& function, const Call& call) {
  const std::string op = function.name();
  const bool conversion = computes_nothing(op);
  const bool in_place = !op.empty() && op.back() == '_';
  for (const auto& output : own(function.outputs(), function.num_outputs())) {
    if (!output.isTensor()) continue;
    const auto* const memory = memory_of(output.toTensor());
    if (!in_place && std::find(call.memory.begin(), call.memory.end(), memory) != call.memory.end()) continue;
    if (!conversion || narrows(op, output.toTensor())) m_notice(op, call.entry, output.toTensor());
    return;
  }
}

}  // namespace goldseal::worker

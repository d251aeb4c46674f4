// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace goldseal::worker {

/// Whether a conversion gave float16 or bfloat16.
bool narrows(std::string_view op, const at::Tensor& result);

/// Watches the operators that this thread calls for as long as it lives, those that one operator calls within itself
/// left out. `notice` gets each floating result that was computed: neither views of an input nor conversions and
/// copies, which depend on layout and type, but for conversions that narrow. One at a time in a thread.
class OperatorWatch {
 public:
  using Notice = std::function<void(const std::string& op, const std::string& entry, const at::Tensor& result)>;

  /// `state_entries` names tensors: an operator that takes one is noticed with its name, others with an empty one.
  OperatorWatch(std::unordered_map<const void*, std::string> state_entries, Notice notice);
  ~OperatorWatch();
  OperatorWatch(const OperatorWatch&) = delete;
  OperatorWatch& operator=(const OperatorWatch&) = delete;

 private:
  struct Call;
  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& function);
  static void end(const at::RecordFunction& function, at::ObserverContext* context);
  void tell(const at::RecordFunction& function, const Call& call);

  static thread_local OperatorWatch* s_active;

  std::unordered_map<const void*, std::string> m_state_entries;
  Notice m_notice;
  at::CallbackHandle m_handle;
  int m_depth = 0;
};

}  // namespace goldseal::worker

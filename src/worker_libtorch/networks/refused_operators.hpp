// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>

// A network that nobody vouches for is interpreted, not run as code: its operators compute with tensors. A few that
// PyTorch registers do something else. They were found by a sweep over all operators of PyTorch 1.13 and 2.13;
// tests/worker_libtorch/operators_test.py makes it again. goldseal/worker/refused_operators.py says the same.
namespace goldseal::worker {

struct RefusedOperator {
  std::string_view name;  ///< `aten::save`; with `::` at the end: all of that namespace
  std::string_view does;  ///< completes "it …"
};

inline constexpr std::array k_refused_operators{
    RefusedOperator{"aten::from_file", "opens a file"},
    RefusedOperator{"aten::save", "writes a file"},
    RefusedOperator{"debugprims::", "opens files"},
    RefusedOperator{"prim::fork", "starts a thread"},
    RefusedOperator{"prim::rpc_async", "calls other processes"},
    RefusedOperator{"prim::rpc_remote", "calls other processes"},
    RefusedOperator{"prim::rpc_sync", "calls other processes"},
    RefusedOperator{"c10d::", "talks to other processes"},
    RefusedOperator{"_c10d_functional::", "talks to other processes"},
    RefusedOperator{"_c10d_functional_autograd::", "talks to other processes"},
    RefusedOperator{"_dtensor::", "talks to other processes"},
    RefusedOperator{"symm_mem::", "talks to other processes"},
};

// Whose objects hold numbers alone, of the classes that libraries register (`__torch__.torch.classes.NAMESPACE.NAME`).
inline constexpr std::array<std::string_view, 6> k_plain_classes{"quantized", "sparse", "rnn",
                                                                 "xnnpack",   "mkldnn", "cuda"};
inline constexpr std::string_view k_class_prefix = "__torch__.torch.classes.";

/// What the operator does beside computing; empty for nothing. `name` is qualified: `aten::save`.
inline std::string_view what_operator_does(std::string_view name) {
  for (const auto& refused : k_refused_operators) {
    const bool whole = refused.name.size() < 2 || refused.name.substr(refused.name.size() - 2) != "::";
    if (whole ? name == refused.name : name.substr(0, refused.name.size()) == refused.name) return refused.does;
  }
  return {};
}

/// True for the name of a registered class that may do more than hold numbers; false for any other type's.
inline bool is_refused_class(std::string_view name) {
  if (name.substr(0, k_class_prefix.size()) != k_class_prefix) return false;
  const auto rest = name.substr(k_class_prefix.size());
  const auto space = rest.substr(0, rest.find('.'));
  for (const auto plain : k_plain_classes)
    if (space == plain) return false;
  return true;
}

}  // namespace goldseal::worker

// SPDX-License-Identifier: Apache-2.0
// A pickle may name any class or function of Python. This file is the allow list of those that
// plain data needs, each with its role. Everything else is refused by pickle_refusal.hpp.
#pragma once

#include <goldseal/base/kinds/dtype.hpp>

#include <optional>
#include <string_view>

namespace goldseal::pickle {

/// What goldseal makes of a class or function that a pickle names.
enum class Role {
  ordered_dict,
  dictionary,      ///< another class of mappings: Counter, defaultdict
  rebuild_tensor,  ///< of torch 0.3 and older
  rebuild_tensor_v2,
  rebuild_tensor_v3,
  rebuild_parameter,
  rebuild_parameter_with_state,
  rebuild_from_type,
  rebuild_qtensor,
  rebuild_sparse_tensor,
  rebuild_nested_tensor,
  rebuild_meta_tensor,
  rebuild_wrapper_subclass,  ///< of a subclass that is made of other tensors: torchao's, DTensor
  rebuild_device_tensor,     ///< of a device without storages that torch.save knows, over a tensor on the CPU
  rebuild_numpy_tensor,      ///< likewise, over a numpy array
  tensor_class,
  storage_class,  ///< of a fixed element type
  untyped_storage,
  dtype,
  quantizer_scheme,
  enum_member,  ///< getattr(CLASS, NAME), as Python 3.11.0 to 3.11.3 pickles the members of enums
  opaque,       ///< a plain value of another type, kept as a symbol
  record,       ///< a plain object that training scripts leave beside the weights, kept as a symbol
};

/// A pair on the allow list.
struct KnownGlobal {
  std::string_view module;
  std::string_view name;
  Role role = Role::opaque;
  std::optional<DType> dtype = std::nullopt;
  bool weights_only = true;  ///< torch.load(weights_only=True) admits it
};

/// A class or function as a pickle names it; `known` is null for one that is on no list, and that only rules admit.
struct Global {
  std::string_view module;
  std::string_view name;
  const KnownGlobal* known = nullptr;
};

/// The pair on the allow list, or null. Module and name are matched exactly and apart: `torch` with
/// `_utils._rebuild_tensor_v2` is not on it.
[[nodiscard]] const KnownGlobal* find_global(std::string_view module, std::string_view name);

/// Builtin getattr, which is on no list: a reader that admits it for members of enums asks here. Null for another pair.
[[nodiscard]] const KnownGlobal* find_enum_member(std::string_view module, std::string_view name);

}  // namespace goldseal::pickle

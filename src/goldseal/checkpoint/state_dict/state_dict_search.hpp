// SPDX-License-Identifier: Apache-2.0
// A training script's file holds a model, an EMA, an optimizer and more. This file finds every dict
// of tensors and chooses the weights. Reading their tensors is left to state_dict.cpp.
#pragma once

#include <goldseal/checkpoint/pickle/pickle.hpp>
#include <goldseal/checkpoint/state_dict/open_options.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::pickle {

/// A mapping or list in a document that holds tensors.
struct Entry {
  Candidate candidate;
  Id id = 0;
  std::string subscript = {};  ///< how Python reaches it from the loaded file: `['model'][0]`
};

/// True where the value is a tensor of any kind.
[[nodiscard]] bool is_tensor(const Document& document, Id id);

/// True for a name under which training scripts keep what is not weights: `optimizer`, `lr_scheduler`.
[[nodiscard]] bool is_bookkeeping(std::string_view path);

/// How Python reaches a value of a container: `['model']`, `[0]`.
[[nodiscard]] std::string subscript_of(const Document& document, Id key);

/// Every state dict of a document, outermost first. A mapping and one nested in it are never both plausible: the one
/// with more tensors is.
[[nodiscard]] std::vector<Entry> find_entries(const Document& document);

/// The one that `options` asks for. Throws Error{usage} and Error{unsupported} as read_state_dict does.
[[nodiscard]] const Entry& choose_entry(const std::vector<Entry>& entries, const std::string& where,
                                        const OpenOptions& options);

}  // namespace goldseal::pickle

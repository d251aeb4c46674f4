// SPDX-License-Identifier: Apache-2.0
// The storage of a tensor subclass seldom holds the tensor's values. This file describes such
// tensors and refuses to read them as plain ones. The words for each library are in
// subclass_families.hpp.
#pragma once

#include <goldseal/checkpoint/pickle/pickle.hpp>
#include <goldseal/checkpoint/state_dict/tensor_rebuilder.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <span>
#include <string>
#include <vector>

namespace goldseal::pickle {

/// True for a tensor whose class is neither torch.Tensor nor Parameter, and for a parameter that keeps what its numbers
/// mean in attributes (bitsandbytes'): its storage does not hold the plain tensor of its name. `call` is a tensor.
[[nodiscard]] bool is_subclass(const Document& document, Id call);

/// What such a tensor is, its class and its description; the tensors that it is made of are appended to `parts`.
[[nodiscard]] SubclassTensor read_subclass(const Document& document, TensorRebuilder& tensors, const std::string& name,
                                           Id call, std::vector<Tensor>& parts);

/// Throws Error{unsupported} that says what the tensors are and what to do. `count` is that of all tensors of the state
/// dict, `subscript` how Python reaches it from the loaded file.
[[noreturn]] void refuse_subclasses(const std::string& where, std::span<const SubclassTensor> found, std::size_t count,
                                    const std::string& subscript);

/// The same as a text of two sentences.
[[nodiscard]] std::string describe_subclasses(std::span<const SubclassTensor> found, std::size_t count,
                                              const std::string& subscript);

}  // namespace goldseal::pickle

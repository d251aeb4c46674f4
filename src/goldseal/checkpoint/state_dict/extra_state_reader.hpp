// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/checkpoint/pickle/pickle.hpp>
#include <goldseal/checkpoint/state_dict/tensor_rebuilder.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <string>

namespace goldseal::pickle {

/// A value of a pickle as plain data. What is none is told in ExtraState::unreadable, and nothing of it is kept.
[[nodiscard]] ExtraState read_extra_state(const Document& document, TensorRebuilder& tensors, std::string name, Id id);

}  // namespace goldseal::pickle

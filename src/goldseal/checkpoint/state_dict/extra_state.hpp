// SPDX-License-Identifier: Apache-2.0
// Modules may save values of their own beside tensors, through get_extra_state(). This file
// recognises those entries and describes them. Tensors among them are read like any other.
#pragma once

#include <goldseal/checkpoint/pickle/pickle.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <string>
#include <string_view>

namespace goldseal::pickle {

/// True for the name under which nn.Module.state_dict() keeps what get_extra_state() gave.
[[nodiscard]] bool is_extra_state(std::string_view name);

/// What such a value is if it is not a tensor: `96 bytes`, `a dict of 2 entries`, `None`.
[[nodiscard]] ExtraState describe_extra_state(const Document& document, std::string name, Id value);

}  // namespace goldseal::pickle

// SPDX-License-Identifier: Apache-2.0
// Tensors that an archive's code holds as constants: weights that torch.jit.freeze put there, values that a trace met. No
// state dict has them, and code computes with them whatever is loaded. They are made attributes here, so that they are
// digested, converted and moved as weights are.
#pragma once

#include "networks/network.hpp"

#include <torch/script.h>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal::worker {

/// By its name, the attributes that hold a constant: one in each module whose code names it.
using ConstantPlaces =
    std::map<std::string, std::vector<std::pair<c10::intrusive_ptr<c10::ivalue::Object>, std::size_t>>>;

/// Of `constants`, which have their names from the checkpoint's reader (`constants.0`), those that the archive's code
/// holds, bit for bit. The code is changed: it reads them from attributes of these names. To be called before anything of
/// the archive has run.
ConstantPlaces make_attributes(const torch::jit::Module& module, const NamedTensors& constants);

/// Whether an attribute is one that make_attributes made: no name in code has a dot.
bool is_constant(std::string_view attribute);

}  // namespace goldseal::worker

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace goldseal::worker {

/// The names of the tensors in what forward() returned, from torch.export's description of its nesting (`out_spec`, a
/// JSON text): places in tuples and lists and keys of dicts, joined by dots; a lone one is `output`.
std::vector<std::string> output_names(const std::string& spec);

/// The names of the tensors among forward()'s arguments, from `in_spec` and the names of the arguments: `x`, and
/// `boxes.0` for what lies in a container. Empty where the names do not fit the description.
std::vector<std::string> input_names(const std::string& spec, const std::vector<std::string>& arguments);

/// The same where nobody knows the arguments' names: `positional` are those of the first ones, further ones are named
/// by their place (`0`, `1`), keyword arguments as they are.
std::vector<std::string> call_names(const std::string& spec, const std::vector<std::string>& positional);

}  // namespace goldseal::worker

// SPDX-License-Identifier: Apache-2.0
// A model is sealed better by several golden cases than by one. This file turns a directory into
// cases and names their inputs. Reading the files' contents is left to input.hpp.
#pragma once

#include <goldseal/golden/inputs/input.hpp>

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace goldseal::golden {

/// One golden case: a name, and what its inputs are made of.
struct CaseSpec {
  std::string name;
  std::vector<InputSpec> inputs;
};

/// The cases of a directory, by name: each file is one, named without its extension, and each sub-directory one, whose
/// files are its inputs, named without theirs. A .npz, .safetensors or .pt file holds all inputs of its case by name;
/// others (.npy, pictures) hold one. `slots` are the network's inputs as far as they are known. Hidden files are passed
/// over. Throws Error{io} where the directory does not exist, Error{usage} where it is empty, a name is taken twice or
/// has other characters than letters, digits, `_`, `-` and `.`.
[[nodiscard]] std::vector<CaseSpec> find_cases(const std::filesystem::path& directory,
                                               std::span<const InputSlot> slots);

}  // namespace goldseal::golden

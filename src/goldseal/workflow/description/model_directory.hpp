// SPDX-License-Identifier: Apache-2.0
// Libraries such as transformers save a network as a directory of files. This file recognises those
// directories and lists the files that describe the network. Digesting them is left to
// description.hpp.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

namespace goldseal {

/// Whether a directory is a model's, as transformers, diffusers, timm and sentence-transformers write it: a file beside
/// the weights says what network they are of.
[[nodiscard]] bool is_model_directory(const std::filesystem::path& directory);

/// The files of such a directory that say how its network is built and fed: configurations, tokenizers, processors, and
/// the code that it brings (`*.py`); of a directory of parts (`modules.json`, `model_index.json`) those of each part
/// too. Sorted; no weights.
[[nodiscard]] std::vector<std::filesystem::path> description_files(const std::filesystem::path& directory);

/// What a project of no library writes beside its weights: config.json, config.yaml, hparams.yaml. Sorted by no order.
[[nodiscard]] std::vector<std::filesystem::path> plain_configurations(const std::filesystem::path& directory);

/// The weights of the other parts of a directory with `modules.json`, which answer together with those that are sealed.
[[nodiscard]] std::vector<std::filesystem::path> weights_of_other_parts(const std::filesystem::path& directory);

/// The directory that `directory` is a part of, with `modules.json` or `model_index.json`: what answers is the whole.
[[nodiscard]] std::optional<std::filesystem::path> directory_of_parts(const std::filesystem::path& directory);

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// DeepSpeed and Megatron save files that hold no whole weights. This file recognises those files by
// their top-level names. The message says which tool makes whole weights of them.
#pragma once

#include <goldseal/checkpoint/pickle/pickle.hpp>
#include <goldseal/checkpoint/state_dict/state_dict_search.hpp>

#include <optional>
#include <span>
#include <string>

namespace goldseal::pickle {

/// A file of a training framework that holds no whole weights: one rank's part, or placeholders.
struct TrainingLayout {
  std::string rule;  ///< `zero.placeholders`
  std::string message;
  std::string remedy;
};

/// By the names at the top level, as DeepSpeed and Megatron give them, and by the shapes of the chosen state dict
/// (or null).
[[nodiscard]] std::optional<TrainingLayout> find_training_layout(const Document& document, const Entry* chosen);

/// What tells two state dicts of the file apart, where a framework's names say it; else empty.
[[nodiscard]] std::string explain_entries(std::span<const Entry> entries);

}  // namespace goldseal::pickle

// SPDX-License-Identifier: Apache-2.0
// A refused pickle is mostly a whole model or a training script's state, seldom an attack. This
// file tells these apart and says how to save the weights alone. It never influences what is
// refused.
#pragma once

#include <goldseal/base/messages/error.hpp>

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace goldseal::pickle {

/// What is thrown for a pickle that imports classes or functions outside the allow list: says what the file is (a
/// whole model, an attempt to run code, records of a training script), which of them it needs, and how to save it.
[[nodiscard]] Error refusal(std::string where, std::span<const std::pair<std::string, std::string>> globals);

/// True for a function or class that exists to run code or to reach the system: `os.system`, `builtins.eval`.
[[nodiscard]] bool runs_code(std::string_view module, std::string_view name);

}  // namespace goldseal::pickle

// SPDX-License-Identifier: Apache-2.0
// A seal may name code, and whoever verifies it has not agreed to run that code. This file says
// which builders load code. It also keeps native libraries inside a seal from being opened.
#pragma once

#include <goldseal/base/messages/error.hpp>
#include <goldseal/worker/worker.hpp>
#include <goldseal/workflow/loading/model_spec.hpp>

#include <filesystem>

// A seal is data. Who verifies one has said nothing yet about the code that it names: a Python callable, a native
// library. Such code runs only where the user says so (--trust-code, --model, a live model of the caller's own).
namespace goldseal {

/// True for a form whose network is code that would be loaded: `python`, `plugin`, `aoti`, `program`. The others are
/// interpreted.
[[nodiscard]] constexpr bool is_code(Builder builder) { return !traits(builder).may_be_embedded(); }

/// No native file of a seal is ever opened, whatever the manifest says and whoever vouches for it: throws `kind` for
/// one that lies in the seal's directory, links and `..` followed.
void require_outside_seal(const ModelSpec& model, const std::filesystem::path& seal, ErrorKind kind);

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// A file that is not there is most often misspelt: whoever reads files tells that it cannot open one, and the command adds
// which name was meant.
#pragma once

#include <goldseal/base/messages/error.hpp>

#include <string>

namespace goldseal::cli {

/// What to do where `error` is of a path that does not exist and says no more: the nearest name beside it, or the directory
/// that is missing. Empty for every other error.
[[nodiscard]] std::string remedy_for_missing(const Error& error);

}  // namespace goldseal::cli

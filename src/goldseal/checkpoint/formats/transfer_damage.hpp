// SPDX-License-Identifier: Apache-2.0
// A file that a reader found broken may tell what broke it: a transfer as text, two files put one
// behind the other. It is asked after a reader has failed, and never makes a file acceptable.
#pragma once

#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>

#include <optional>

namespace goldseal {

/// What happened to the file on its way, where its bytes say so: an error in the place of `found`, with the same
/// position.
[[nodiscard]] std::optional<Error> explain_transfer(const MappedFile& file, const Error& found);

}  // namespace goldseal

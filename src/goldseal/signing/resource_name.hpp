// SPDX-License-Identifier: Apache-2.0
// A statement names files, and a name can lead anywhere. This file says which names are those of files within a model,
// and which a signature leaves out.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::signing {

/// Where a signature lies in what it signs.
inline constexpr std::string_view k_signature_name = "model.sig";

/// What no signature covers, whatever it says: OpenSSF Model Signing v1.0, 6.2.
inline constexpr std::array<std::string_view, 4> k_never_signed{".git", ".gitattributes", ".github", ".gitignore"};

/// What is wrong with the name of a file within a model: `it leads out of the model`; empty for a good one. A good one is
/// relative, with `/`, in its shortest form, UTF-8 and printable.
[[nodiscard]] std::string fault_of_name(std::string_view name);

/// True for a path that one of these entries names, or that lies below one; and for a signature that another `goldseal
/// sign` is writing, or left when it was killed (base/files/staging.cpp): nobody reads it, and it is gone in a moment.
[[nodiscard]] bool is_ignored(std::string_view path, std::span<const std::string> entries);

}  // namespace goldseal::signing

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/manifest/manifest.hpp>

#include <string>

namespace goldseal {

/// What no capture writes, even if the digest fits: sizes that overflow, noise that is negative or no number,
/// names that stand twice, noise of an output that is not there, no checkpoint. Checks would judge by such numbers, and
/// pass what they should not. Throws Error{malformed} that names the entry; `where` is the manifest.
void require_plausible(const Manifest& manifest, const std::string& where);

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// Capture writes the architecture into the seal, and verify reads it from there. Both find its
// record and its file here. What the file contains is left to the builders.
#pragma once

#include <checks/observation.hpp>
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/workflow/shared/open_seal.hpp>

#include <optional>

// The file of a seal that holds the architecture without its weights, as capture and verify find it.
namespace goldseal {

/// The embedded file's record; null where the seal has none.
[[nodiscard]] const FileRecord* find_embedded(const Manifest& manifest);

/// The embedded file as it is found in the seal; nothing where the seal has none.
[[nodiscard]] std::optional<FileObservation> observe_embedded(const OpenSeal& seal);

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// A file of the model or of the seal is a fact before it is judged: whether it is there, how large it is, its digest. This
// file looks; checks/file judges.
#pragma once

#include <checks/observation.hpp>
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/workflow/loading/open_seal.hpp>

#include <filesystem>
#include <optional>

namespace goldseal {

/// True also where it cannot be looked at: whoever opens it reports that.
[[nodiscard]] bool is_there(const std::filesystem::path& path);

/// A file of the model as it is found: whether it is there, its size and its sha256. Throws Error{io} where it cannot
/// be read, Error{changed} where it changes meanwhile.
[[nodiscard]] FileObservation observe_file(FileRole role, const std::filesystem::path& path);

/// The architecture that the seal embeds, as it is found; nothing where it embeds none. Throws
/// Error{changed} where the seal is being written meanwhile.
[[nodiscard]] std::optional<FileObservation> observe_embedded(const OpenSeal& seal);

}  // namespace goldseal

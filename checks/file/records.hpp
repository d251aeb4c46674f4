// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/observation.hpp>

#include <algorithm>

namespace goldseal {

/// The sealed record, and what was found, of the model's file of this role; null where it is missing.
[[nodiscard]] inline const FileRecord* find_record(const Observation& observed, FileRole role) {
  const auto& files = observed.sealed.model.files;
  const auto found = std::ranges::find(files, role, &FileRecord::role);
  return found == files.end() ? nullptr : &*found;
}

[[nodiscard]] inline const FileObservation* find_file(const Observation& observed, FileRole role) {
  const auto found = std::ranges::find(observed.files.found, role, &FileObservation::role);
  return found == observed.files.found.end() ? nullptr : &*found;
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/observation.hpp>

#include <algorithm>

namespace goldseal {

/// The sealed record, and what was found, of the model's file of this role; null where it is missing.
[[nodiscard]] inline const FileRecord* find_record(const Manifest& sealed, FileRole role) {
  const auto& files = sealed.model.files;
  const auto found = std::ranges::find(files, role, &FileRecord::role);
  return found == files.end() ? nullptr : &*found;
}

[[nodiscard]] inline const FileRecord* find_record(const Observation& observed, FileRole role) {
  return find_record(observed.sealed, role);
}

[[nodiscard]] inline const FileObservation* find_file(const FileFindings& files, FileRole role) {
  const auto found = std::ranges::find(files.found, role, &FileObservation::role);
  return found == files.found.end() ? nullptr : &*found;
}
[[nodiscard]] inline const FileObservation* find_file(const Observation& observed, FileRole role) {
  return find_file(observed.files, role);
}

/// Why nothing of the checkpoint is known: for a captured machine no file is looked at.
[[nodiscard]] inline const char* why_unread(const Observation& observed) {
  return find_file(observed, FileRole::checkpoint) == nullptr
             ? "not looked at: a captured machine is judged by its facts"
             : "the checkpoint could not be read";
}

}  // namespace goldseal

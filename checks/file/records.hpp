// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/evidence.hpp>

#include <algorithm>
#include <string_view>

namespace goldseal {

/// The sealed record, and what was found, of the model's file of this role; null where there is none.
[[nodiscard]] inline const FileRecord* find_record(const Evidence& evidence, std::string_view role) {
  const auto& files = evidence.sealed.model.files;
  const auto found = std::ranges::find(files, role, &FileRecord::role);
  return found == files.end() ? nullptr : &*found;
}

[[nodiscard]] inline const FileEvidence* find_file(const Evidence& evidence, std::string_view role) {
  const auto found = std::ranges::find(evidence.files, role, &FileEvidence::role);
  return found == evidence.files.end() ? nullptr : &*found;
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/shared/embedded_file.hpp>

#include <algorithm>

namespace goldseal {

const FileRecord* find_embedded(const Manifest& manifest) {
  const auto& files = manifest.model.files;
  const auto found = std::ranges::find(files, FileRole::embedded, &FileRecord::role);
  return found == files.end() ? nullptr : &*found;
}

std::optional<FileObservation> observe_embedded(const OpenSeal& seal) {
  const auto* const record = find_embedded(seal.manifest);
  if (record == nullptr) return std::nullopt;
  FileObservation file;
  file.role = record->role;
  file.path = (seal.path / record->path).string();
  file.present = seal.embedded != nullptr;
  if (!file.present) return file;
  file.bytes = seal.embedded->size();
  file.sha256 = sha256(seal.embedded->bytes());
  if (file.sha256 != record->sha256) seal.require_unwritten();
  return file;
}

}  // namespace goldseal

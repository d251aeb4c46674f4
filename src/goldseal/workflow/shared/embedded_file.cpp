// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/shared/embedded_file.hpp>

#include <goldseal/base/mapped_file.hpp>

#include <algorithm>

namespace goldseal {

namespace fs = std::filesystem;

const FileRecord* find_embedded(const Manifest& manifest) {
  const auto& files = manifest.model.files;
  const auto found = std::ranges::find(files, FileRole::embedded, &FileRecord::role);
  return found == files.end() ? nullptr : &*found;
}

std::optional<FileObservation> observe_embedded(const Manifest& manifest, const fs::path& seal) {
  const auto* const record = find_embedded(manifest);
  if (record == nullptr) return std::nullopt;
  FileObservation file;
  file.role = record->role;
  file.path = (seal / record->path).string();
  file.present = fs::exists(file.path);
  if (!file.present) return file;
  const MappedFile mapped(file.path);
  file.bytes = mapped.size();
  file.sha256 = sha256(mapped.bytes());
  return file;
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/loading/file_observation.hpp>

#include <checks/file/records.hpp>
#include <goldseal/base/files/mapped_file.hpp>

#include <system_error>

namespace goldseal {

bool is_there(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error) || static_cast<bool>(error);
}

FileObservation observe_file(FileRole role, const std::filesystem::path& path) {
  FileObservation file;
  file.role = role;
  file.path = path.string();
  file.present = is_there(path);
  if (!file.present) return file;
  const MappedFile mapped(path);
  file.bytes = mapped.size();
  file.sha256 = sha256(mapped.bytes());
  mapped.require_unchanged();
  return file;
}

std::optional<FileObservation> observe_embedded(const OpenSeal& seal) {
  const auto* const record = find_record(seal.manifest, FileRole::embedded);
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

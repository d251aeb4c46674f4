// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/shared/open_seal.hpp>

#include <checks/file/records.hpp>
#include <goldseal/base/descriptor.hpp>
#include <goldseal/base/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <string>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

// Each attempt takes about a millisecond: who replaces a seal more often than that is not to be waited for.
constexpr int k_attempts = 20;

bool leads_to(const fs::path& path, const FileState& directory) {
  const auto now = state_of(path);
  return now.device == directory.device && now.inode == directory.inode;
}

FileState state_in(int directory, std::string_view name) {
  struct stat info {};
  return ::fstatat(directory, std::string(name).c_str(), &info, 0) == 0 ? state_of(info) : FileState{};
}

// Null where the file is missing.
std::shared_ptr<const MappedFile> map_in(int directory, const std::string& name, const fs::path& seal) {
  if (state_in(directory, name) == FileState{}) return nullptr;
  return std::make_shared<const MappedFile>(directory, name, seal / name);
}

OpenSeal open_once(const fs::path& path, int directory, const FileState& state) {
  OpenSeal seal;
  seal.path = path;
  seal.directory = state;
  seal.manifest_file = state_in(directory, k_manifest_name);
  seal.manifest = load_manifest(directory, path);
  seal.manifest_sha256 = sha256(MappedFile(directory, std::string(k_manifest_name), path / k_manifest_name).bytes());
  seal.golden = map_in(directory, std::string(k_golden_name), path);
  if (const auto* const record = find_record(seal.manifest, FileRole::embedded)) seal.embedded = map_in(directory, record->path, path);
  if (state_in(directory, k_manifest_name) != seal.manifest_file) throw changed_while_read(path / k_manifest_name);
  return seal;
}

bool is_whole(const OpenSeal& seal) {
  return seal.golden && (seal.embedded || find_record(seal.manifest, FileRole::embedded) == nullptr);
}

}  // namespace

std::optional<Digest> OpenSeal::golden_digest() const {
  if (!golden) return std::nullopt;
  const auto digest = sha256(golden->bytes());
  if (digest != manifest.golden_sha256) require_unwritten();
  return digest;
}

void OpenSeal::require_unwritten() const {
  throw_if_cut();
  if (!leads_to(path, directory)) return;  // nobody writes to what was taken away whole
  const auto written = [](const std::shared_ptr<const MappedFile>& file) { return file && !file->unchanged(); };
  if (written(golden) || written(embedded) || state_of(path / k_manifest_name) != manifest_file)
    throw changed_while_read(path);
}

void OpenSeal::require_embedded_in_place() const {
  if (embedded) embedded->require_unchanged();
}

OpenSeal open_seal(const fs::path& path) {
  for (int attempt = 0; attempt < k_attempts; ++attempt) {
    const Descriptor directory(retried([&] { return ::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
    if (directory.get() < 0) {
      if (errno != ENOENT && errno != ENOTDIR) throw system_error(path.string(), "open the seal", errno);
      static_cast<void>(load_manifest(path));  // says what is there instead
      continue;
    }
    const auto state = state_in(directory.get(), ".");
    try {
      auto seal = open_once(path, directory.get(), state);
      if (is_whole(seal) || leads_to(path, state)) return seal;
    } catch (const Error& error) {
      // What took its place is the seal that was meant.
      if (error.kind() == ErrorKind::interrupted || (error.kind() != ErrorKind::changed && leads_to(path, state))) throw;
    }
  }
  throw changed_while_read(path);
}

}  // namespace goldseal

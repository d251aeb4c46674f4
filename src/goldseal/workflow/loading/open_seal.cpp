// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/loading/open_seal.hpp>

#include <checks/file/records.hpp>
#include <goldseal/base/files/descriptor.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/signing/model_statement.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
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

// Of the directory itself: to look at what it holds takes a right more.
FileState state_of_opened(int directory) {
  struct stat info {};
  return ::fstat(directory, &info) == 0 ? state_of(info) : FileState{};
}

// The default where the file is missing.
FileState state_in(int directory, const std::string& name, const fs::path& seal) {
  struct stat info {};
  if (retried([&] { return ::fstatat(directory, name.c_str(), &info, 0); }) == 0) return state_of(info);
  if (errno != ENOENT && errno != ELOOP && errno != ENOTDIR) throw system_error((seal / name).string(), "look at the file", errno);
  return {};
}

// Null where the file is missing.
std::shared_ptr<const MappedFile> map_in(int directory, const std::string& name, const fs::path& seal) {
  if (state_in(directory, name, seal) == FileState{}) return nullptr;
  return std::make_shared<const MappedFile>(directory, name, seal / name);
}

// Of the files that were judged, in place of those that the names lead to by now.
void read_signed(OpenSeal& seal, const std::map<std::string, signing::SignedFile>& files) {
  const auto find = [&](std::string_view name) {
    const auto found = files.find(std::string(name));
    return found == files.end() ? nullptr : &found->second;
  };
  const auto* const manifest = find(k_manifest_name);
  const auto bytes = manifest->mapped->bytes();
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (sha256(text) != manifest->digest) throw changed_while_read(manifest->mapped->path());
  seal.manifest_file = manifest->mapped->state();
  seal.manifest_sha256 = manifest->digest;
  seal.manifest = read_manifest(text, manifest->mapped->path().string());
  if (const auto* const golden = find(k_golden_name)) {
    seal.golden = golden->mapped;
    seal.signed_golden = golden->digest;
  }
  const auto* const record = find_record(seal.manifest, FileRole::embedded);
  const auto* const embedded = record == nullptr ? nullptr : find(record->path);
  if (embedded != nullptr) seal.embedded = embedded->mapped;
}

OpenSeal open_once(const fs::path& path, int directory, const FileState& state,
                   const signing::SignatureDemand& demand) {
  OpenSeal seal;
  seal.path = path;
  seal.directory = state;
  auto judged = signing::judge_seal_signature(directory, path, demand);
  seal.signature = std::move(judged.finding);
  if (seal.refused()) return seal;
  if (seal.signature.good) {
    read_signed(seal, judged.files);
    return seal;
  }
  seal.manifest_file = state_in(directory, std::string(k_manifest_name), path);
  seal.manifest = load_manifest(directory, path, &seal.manifest_sha256);
  seal.golden = map_in(directory, std::string(k_golden_name), path);
  if (const auto* const record = find_record(seal.manifest, FileRole::embedded)) seal.embedded = map_in(directory, record->path, path);
  if (state_in(directory, std::string(k_manifest_name), path) != seal.manifest_file) throw changed_while_read(path / k_manifest_name);
  return seal;
}

bool is_whole(const OpenSeal& seal) {
  return seal.golden && (seal.embedded || find_record(seal.manifest, FileRole::embedded) == nullptr);
}

}  // namespace

std::optional<Digest> OpenSeal::golden_digest() const {
  if (!golden) return std::nullopt;
  const auto digest = signed_golden ? *signed_golden : sha256(golden->bytes());
  if (digest != manifest.golden_sha256) require_unwritten();
  return digest;
}

Digest OpenSeal::root() const {
  signing::ModelStatement files;
  const auto add = [&](const std::string& name, const Digest& digest) {
    files.resources.push_back({name, {digest.bytes.begin(), digest.bytes.end()}});
  };
  if (const auto* const record = find_record(manifest, FileRole::embedded)) add(record->path, record->sha256);
  add(std::string(k_golden_name), manifest.golden_sha256);
  add(std::string(k_manifest_name), manifest_sha256);
  std::ranges::sort(files.resources, {}, &signing::Resource::name);
  return signing::root_of(files);
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

OpenSeal open_seal(const fs::path& path, const signing::SignatureDemand& demand) {
  for (int attempt = 0; attempt < k_attempts; ++attempt) {
    const Descriptor directory(retried([&] { return ::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
    if (directory.get() < 0) {
      if (errno != ENOENT && errno != ENOTDIR) throw system_error(path.string(), "open the seal", errno);
      static_cast<void>(load_manifest(path));  // says what is there instead
      continue;
    }
    const auto state = state_of_opened(directory.get());
    try {
      auto seal = open_once(path, directory.get(), state, demand);
      if (is_whole(seal) || leads_to(path, state)) return seal;
    } catch (const Error& error) {
      // What took its place is the seal that was meant.
      if (error.kind() == ErrorKind::interrupted || (error.kind() != ErrorKind::changed && leads_to(path, state))) throw;
    }
  }
  throw changed_while_read(path);
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// Finds the manifest of a seal, and where the given path is none says which seal was meant.
#include <goldseal/manifest/manifest.hpp>

#include <goldseal/base/files/descriptor.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/manifest/toml_text.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>

namespace goldseal {
namespace {

bool is_seal(const std::filesystem::path& place) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(place / k_manifest_name, ignored);
}

// The names of seals in a directory; of a large one those that are met first.
std::vector<std::string> seals_in(const std::filesystem::path& directory) {
  constexpr int k_most_entries = 2000;
  std::vector<std::string> names;
  std::error_code error;
  int looked = 0;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    if (++looked > k_most_entries) break;
    if (entry->path().extension() == ".seal" && is_seal(entry->path()))
      names.push_back(entry->path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

// The seal that was meant: of a checkpoint the one beside it (`net.pth`, `net`), of a file of a seal the seal, of a
// directory of a model the one in it, of a slip the nearest name.
std::optional<std::filesystem::path> seal_meant(const std::filesystem::path& given) {
  const auto plain = given.has_filename() ? given : given.parent_path();
  const auto parent = plain.parent_path();
  if (const auto around = parent.empty() ? std::filesystem::path(".") : parent; is_seal(around) && !is_seal(plain))
    return parent.empty() ? std::nullopt : std::optional(parent);
  for (auto beside = plain; beside.has_filename(); beside = beside.parent_path() / beside.stem()) {
    auto seal = beside.parent_path() / beside.stem();
    seal += ".seal";
    if (is_seal(seal)) return seal;
    auto whole = beside;
    whole += ".seal";
    if (is_seal(whole)) return whole;
    if (!beside.has_extension()) break;
  }
  if (const auto inside = seals_in(plain); inside.size() == 1) return plain / inside.front();
  if (const auto near = did_you_mean(plain.filename().string(), seals_in(parent.empty() ? "." : parent)))
    return parent / *near;
  return std::nullopt;
}

[[noreturn]] void refuse_directory(const std::filesystem::path& seal) {
  const auto meant = seal_meant(seal);
  throw Error(ErrorKind::io, seal.string(),
              fmt::format("expected a seal, a directory with {} in it, found none", k_manifest_name),
              meant ? fmt::format("did you mean {}?", escape_unprintable(meant->string()))
                    : "make one with `goldseal capture CHECKPOINT --model …`");
}
}  // namespace

Manifest load_manifest(const std::filesystem::path& seal) {
  const auto path = seal / k_manifest_name;
  std::error_code error;
  const bool missing = !std::filesystem::exists(path, error);
  if (missing && (!error || error == std::errc::not_a_directory)) refuse_directory(seal);
  const Descriptor directory(retried([&] { return ::open(seal.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
  if (directory.get() < 0) throw system_error(seal.string(), "open the seal", errno);
  return load_manifest(directory.get(), seal);
}

Manifest load_manifest(int directory, const std::filesystem::path& seal, Digest* digest) {
  const auto path = seal / k_manifest_name;
  if (::faccessat(directory, std::string(k_manifest_name).c_str(), F_OK, 0) != 0 && errno == ENOENT)
    refuse_directory(seal);
  const auto text = read_text_file(directory, std::string(k_manifest_name), path, k_max_toml_bytes);
  if (digest != nullptr) *digest = sha256(text);
  return read_manifest(text, path.string());
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/manifest/replaceable_seal.hpp>

#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/files/staging.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/manifest/manifest.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

// What `goldseal sign` writes (signing/resource_name.hpp). A seal that takes the place of another needs a signature of its own.
constexpr std::string_view k_signature_name = "model.sig";
// What capture embeds (workflow/capture/architecture_embedding.hpp).
constexpr std::array<std::string_view, 3> k_embedded_names{"architecture.cfg", "architecture.pt", "architecture.pt2"};

// What a `goldseal sign` that was killed left, or one that is at work.
bool is_left_of_signature(std::string_view name) { return name.starts_with(".model.sig.") && name.ends_with(".partial"); }

// `manifest.toml.minisig`: a signature lies beside what it vouches for, and for nothing else.
bool belongs_to_seal(const fs::path& directory, const std::string& name) {
  std::error_code error;
  if (!fs::is_regular_file(fs::symlink_status(directory / name, error))) return false;
  return name.starts_with(k_manifest_name) || name == k_golden_name || name == k_signature_name || is_left_of_signature(name) ||
         std::ranges::find(k_embedded_names, name) != k_embedded_names.end();
}

// Two keys of every seal of any format, each at the start of a line. The rest may be damaged: to replace it mends that.
bool is_manifest(std::string_view text) {
  const auto has_line = [&](std::string_view start) {
    return text.starts_with(start) || text.find(fmt::format("\n{}", start)) != std::string_view::npos;
  };
  return has_line("[seal]") && has_line("golden_sha256 = ");
}

[[noreturn]] void refuse(const fs::path& directory, std::string found) {
  throw Error(ErrorKind::usage, directory.string(),
              fmt::format("expected a seal to replace, found {}", std::move(found)),
              "give another -o; --force replaces nothing but seals");
}

}  // namespace

void require_replaceable_seal(const fs::path& directory) {
  const auto manifest = directory / k_manifest_name;
  std::error_code error;
  if (!fs::is_regular_file(manifest, error)) refuse(directory, fmt::format("a directory without {}", k_manifest_name));
  if (!is_manifest(read_text_file(manifest, k_max_toml_bytes)))
    refuse(directory, fmt::format("a directory with a {} that goldseal did not write", k_manifest_name));
  for (const auto& name : staging::names_in(directory)) {
    if (belongs_to_seal(directory, name)) continue;
    refuse(directory, fmt::format("one with {} in it, which no seal has", escape_unprintable(name)));
  }
}

}  // namespace goldseal

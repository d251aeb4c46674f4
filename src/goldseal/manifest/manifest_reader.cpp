// SPDX-License-Identifier: Apache-2.0
#include <goldseal/manifest/manifest.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/manifest/manifest_sections.hpp>
#include <goldseal/manifest/plausibility.hpp>
#include <goldseal/manifest/self_digest.hpp>
#include <goldseal/manifest/toml_text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace goldseal {
namespace manifest_sections {

Digest read_digest(TomlReader& table, std::string_view key) {
  const auto digest = parse_digest(table.text(key));
  if (!digest) table.fail(key, "64 hexadecimal digits");
  return *digest;
}

DType read_dtype(TomlReader& table) {
  const auto dtype = parse_dtype(table.text("dtype"));
  if (!dtype) table.fail("dtype", "an element type such as \"float32\"");
  return *dtype;
}

std::vector<std::int64_t> read_shape(TomlReader& table) {
  auto shape = table.integers("shape");
  if (std::ranges::any_of(shape, [](std::int64_t size) { return size < 0; })) table.fail("shape", "sizes of 0 or more");
  return shape;
}

}  // namespace manifest_sections

namespace {

using manifest_sections::Reading;
using manifest_sections::read_digest;

[[noreturn]] void refuse_format(std::int64_t format, TomlReader& seal, const std::string& where) {
  throw Error(ErrorKind::unsupported, where,
              fmt::format("the seal has format {}; this goldseal reads formats 1 to {}", format, k_manifest_format),
              format < 1 ? "take the seal from its source again, or seal the checkpoint again: no goldseal writes this format"
                         : fmt::format("install goldseal {} or newer, which wrote it", escape_unprintable(seal.text_or("goldseal", "?"))));
}

void read_seal(TomlReader& top, Reading& reading, Manifest& manifest) {
  const auto* const table = top.table("seal");
  if (table == nullptr) top.fail("seal", "a table");
  TomlReader seal(*table, "seal.", reading.where);
  manifest.format = seal.integer("format");
  if (manifest.format > k_manifest_format || manifest.format < 1) refuse_format(manifest.format, seal, reading.where);
  manifest.created = seal.text("created");
  manifest.goldseal = seal.text("goldseal");
  manifest.golden_sha256 = read_digest(seal, "golden_sha256");
  static_cast<void>(seal.text("digest"));
  seal.collect_unknown(reading.unknown_keys);
}

Manifest read_tables(const toml::table& document, Reading& reading) {
  Manifest manifest;
  TomlReader top(document, "", reading.where);
  read_seal(top, reading, manifest);
  if (const auto* const model = top.table("model")) manifest.model = manifest_sections::read_model(*model, reading);
  for (const auto* const golden : top.tables("golden"))
    manifest.golden.push_back(manifest_sections::read_golden(*golden, reading));
  if (const auto* const batch = top.table("batch")) manifest.batch = manifest_sections::read_batch(*batch, reading);
  if (const auto* const environment = top.table("environment"))
    manifest.environment = read_environment_table(*environment, reading.where);
  top.collect_unknown(reading.unknown_keys);
  manifest.unknown_keys = std::move(reading.unknown_keys);
  return manifest;
}

}  // namespace

Manifest read_manifest(std::string_view text, const std::string& where) {
  const auto document = parse_toml(text, where);
  // The format is judged before the digest: a newer one may compute it otherwise.
  Reading reading{where, {}, {}};
  auto manifest = read_tables(document, reading);
  check_self_digest(text, where);
  if (reading.unknown_word) throw *reading.unknown_word;
  require_plausible(manifest, where);
  return manifest;
}

}  // namespace goldseal

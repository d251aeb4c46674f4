// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/zip/zip.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/zip/zip_layout.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace goldseal {

ByteReader zip::Source::reader_at(std::uint64_t position) const {
  ByteReader reader(file, bytes);
  reader.seek(position);
  return reader;
}

void zip::Source::note(std::string_view rule, std::string message) {
  const auto same = [&](const Note& known) { return known.rule == rule; };
  if (std::ranges::none_of(notes, same)) notes.push_back({std::string(rule), std::move(message)});
}

void zip::Source::note_foreign(std::uint64_t offset, std::string_view what) {
  note("zip.foreign-writer", fmt::format("{} at byte {}: PyTorch does not write it; another tool wrote or changed "
                                         "this archive, or the byte is damaged",
                                         what, offset));
}

void zip::Source::fail(std::uint64_t offset, std::string message, std::string remedy) const {
  throw Error(ErrorKind::malformed, at_byte(file, offset), std::move(message), std::move(remedy));
}

namespace {

void check_name(zip::Source& source, std::string_view name) {
  const auto bad_character = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\'; };
  const auto parts = split(name, '/');
  const auto climbs = [](std::string_view part) { return part == ".." || part == "."; };
  if (name.empty() || name.starts_with('/') || std::ranges::any_of(name, bad_character) ||
      std::ranges::any_of(parts, climbs)) {
    source.fail(0, fmt::format("an entry of the zip archive has the unsafe name '{}'", escape_unprintable(name)));
  }
  if (!is_utf8(name))
    source.note("zip.name-encoding", fmt::format("the name {} is not UTF-8", escape_unprintable(name)));
}

void check_names(zip::Source& source, ZipArchive& archive) {
  std::unordered_set<std::string> folded;
  const auto& entries = archive.entries;
  archive.by_name.reserve(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    check_name(source, entries[i].name);
    std::string lower(entries[i].name);
    std::ranges::transform(lower, lower.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (!folded.insert(std::move(lower)).second) {
      source.fail(entries[i].begin, fmt::format("two entries of the zip archive are named {}, but for case",
                                                escape_unprintable(entries[i].name)));
    }
    archive.by_name.emplace(entries[i].name, i);
  }
  if (entries.empty()) return;
  const auto slash = entries.front().name.find('/');
  if (slash == std::string_view::npos) return;
  const auto prefix = entries.front().name.substr(0, slash + 1);
  const auto shares_root = [&](const ZipEntry& entry) { return entry.name.starts_with(prefix); };
  if (std::ranges::all_of(entries, shares_root)) archive.root = prefix.substr(0, slash);
}

void note_missing_checksums(zip::Source& source, ZipArchive& archive) {
  const auto& entries = archive.entries;
  const auto blank = [](const ZipEntry& entry) { return entry.size == 0 || entry.crc32 == 0; };
  const auto filled = [](const ZipEntry& entry) { return entry.size != 0; };
  if (std::ranges::none_of(entries, filled) || !std::ranges::all_of(entries, blank)) return;
  archive.has_checksums = false;
  source.note("zip.no-checksums",
              "saved without checksums (torch.serialization.set_crc32_options(False)): damage to the "
              "weights shows only against a seal");
}

}  // namespace

ZipArchive read_zip(std::string file, std::span<const std::byte> bytes) {
  zip::Source source{std::move(file), bytes};
  const auto directory = zip::read_end(source);
  ZipArchive archive;
  archive.entries = zip::check_local_headers(source, zip::read_directory(source, directory), directory.begin);
  check_names(source, archive);
  note_missing_checksums(source, archive);
  archive.file = std::move(source.file);
  archive.bytes = bytes;
  archive.notes = std::move(source.notes);
  return archive;
}

bool has_zip_end(std::span<const std::byte> bytes) { return zip::find_end(bytes).has_value(); }

std::optional<ZipHead> read_zip_head(std::span<const std::byte> bytes) {
  constexpr std::size_t k_local_header_size = 30;
  if (bytes.size() < k_local_header_size) return std::nullopt;
  ByteReader reader("", bytes);
  if (reader.little<std::uint32_t>() != zip::k_local_signature) return std::nullopt;
  reader.seek(26);
  const std::size_t name_size = reader.little<std::uint16_t>();
  const std::size_t extra_size = reader.little<std::uint16_t>();
  if (reader.remaining() < name_size + extra_size) return std::nullopt;
  const auto name = reader.text(name_size);
  return ZipHead{name, reader.offset() + extra_size};
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/state_dict/archive_records.hpp>

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace goldseal {
namespace {

constexpr std::uint64_t k_pickle_limit = 1ULL << 30;
constexpr std::uint64_t k_compressed_limit = 256ULL << 20;
constexpr int k_newest_format = 10;  // caffe2/serialize/versions.h, kMaxSupportedFileFormatVersion

// caffe2/serialize/inline_container.cc and torch/serialization.py write these beside what they save.
constexpr std::array<std::string_view, 6> k_bookkeeping{
    "version", ".data/version", "byteorder", ".format_version", ".storage_alignment", ".data/serialization_id"};

}  // namespace

ArchiveRecords::ArchiveRecords(std::shared_ptr<const MappedFile> file, ZipArchive archive, Container container,
                               Checkpoint& checkpoint)
    : m_archive(std::move(archive)), m_checkpoint(checkpoint) {
  m_checkpoint.container = container;
  m_checkpoint.files.push_back(std::move(file));
  m_checkpoint.notes = m_archive.notes;
  for (const auto name : k_bookkeeping) {
    if (m_archive.find(name) != nullptr) (void)small(name);
  }
  const auto* version = m_archive.find("version");
  if (version == nullptr) version = m_archive.find(".data/version");
  if (version == nullptr) fail(0, "no record `version`", "save it again with torch.save");
  check_version(as_text(m_archive.stored(*version)), version->begin);
  check_byte_order();
}

void ArchiveRecords::check_version(std::string_view text, std::uint64_t at) {
  int number = 0;
  const auto* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  const bool plain = error == std::errc() && (end == last || std::string_view(end, last) == "\n");
  if (!plain || number < 0) {
    fail(at, fmt::format("the record `version` says '{}'", escape_unprintable(text.substr(0, 16))));
  }
  if (number > k_newest_format) {
    throw Error(ErrorKind::unsupported, at_byte(path(), at),
                fmt::format("file format {}; {} is the newest known here", number, k_newest_format),
                "use a newer goldseal");
  }
  m_checkpoint.format_version = number;
}

void ArchiveRecords::check_byte_order() {
  const auto* const entry = m_archive.find("byteorder");
  if (entry == nullptr) return;
  const auto text = as_text(m_archive.stored(*entry));
  if (text != "little" && text != "big") {
    fail(entry->begin, fmt::format("the record `byteorder` says '{}'", escape_unprintable(text.substr(0, 16))));
  }
  m_checkpoint.big_endian = text == "big";
}

std::span<const std::byte> ArchiveRecords::small(std::string_view name) {
  const auto* const entry = m_archive.find(name);
  if (entry == nullptr) fail(0, fmt::format("the archive has no record {}", escape_unprintable(name)));
  m_archive.verify(*entry);
  m_used.insert(entry);
  m_checked.insert(entry);
  return m_archive.stored(*entry);
}

pickle::Document ArchiveRecords::pickle(std::string_view name, const pickle::Rules& rules, std::string& where) {
  const auto bytes = small(name);
  const auto begin = m_archive.find(name)->begin;
  if (bytes.size() > k_pickle_limit) fail(begin, fmt::format("{} has {}", name, format_bytes(bytes.size())));
  ByteReader reader(path(), bytes, begin);
  auto document = pickle::read(path(), reader, rules);
  if (!reader.at_end()) reader.fail("bytes follow the end of the pickle");
  where = at_byte(path(), begin);
  return document;
}

Storage ArchiveRecords::storage(std::string_view folder, const pickle::StorageId& id) {
  const auto name = fmt::format("{}/{}", folder, id.key);
  const auto found = storage(name);
  if (found.bytes != id.bytes) {
    fail(found.begin, fmt::format("{} has {} bytes, {} expected", escape_unprintable(name), found.bytes, id.bytes));
  }
  return found;
}

Storage ArchiveRecords::storage(std::string_view name) {
  const auto* const entry = m_archive.find(name);
  if (entry == nullptr) {
    fail(0, fmt::format("the archive has no record {}, which a tensor needs", escape_unprintable(name)));
  }
  m_used.insert(entry);
  return {0, entry->begin, m_archive.stored(*entry).size(), {}};
}

std::string_view ArchiveRecords::short_name(const ZipEntry& entry) const {
  return m_archive.root.empty() ? entry.name : entry.name.substr(m_archive.root.size() + 1);
}

void ArchiveRecords::finish(std::span<const std::string_view> expected) {
  std::vector<std::string> unknown;
  std::vector<std::string> unused;
  std::uint64_t unpacked = 0;
  for (const auto& entry : m_archive.entries) {
    const auto name = short_name(entry);
    const auto fits = [&](std::string_view prefix) { return name.starts_with(prefix); };
    if (!m_used.contains(&entry) && !std::ranges::any_of(expected, fits)) {
      (name.starts_with("data/") ? unused : unknown).push_back(escape_unprintable(name));
    }
    if (m_checked.contains(&entry)) continue;
    if (entry.deflated) {
      unpacked += entry.size;
      if (unpacked > k_compressed_limit) fail(entry.begin, "the archive's code unpacks to more than any program has");
      (void)m_archive.unpack(entry);
    } else if (m_archive.has_checksums) {
      m_checkpoint.records.push_back({0, entry.begin, entry.size, entry.crc32, std::string(entry.name)});
    }
  }
  note("zip.unknown-record", "records that PyTorch does not write", std::move(unknown));
  note("zip.unused-storage", "storages that no tensor refers to", std::move(unused));
}

void ArchiveRecords::note(std::string_view rule, std::string_view what, std::vector<std::string> names) {
  constexpr std::size_t k_most = 8;
  if (names.empty()) return;
  const auto count = names.size();
  names.resize(std::min(count, k_most));
  m_checkpoint.notes.push_back(
      {std::string(rule), fmt::format("{} {}: {}{}", count, what, fmt::join(names, ", "), count > k_most ? " …" : "")});
}

void ArchiveRecords::fail(std::uint64_t offset, std::string message, std::string remedy) const {
  throw Error(ErrorKind::malformed, at_byte(path(), offset), std::move(message), std::move(remedy));
}

}  // namespace goldseal

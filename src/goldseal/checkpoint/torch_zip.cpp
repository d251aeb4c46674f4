// SPDX-License-Identifier: Apache-2.0
// What torch.save writes (torch/serialization.py, _save), as records of a zip archive under one root directory:
//
//   data.pkl                the object, with persistent ids for storages
//   data/KEY                one storage each
//   version                 the file format's number (caffe2/serialize/versions.h), 1 to 10
//   byteorder               `little` or `big`, since torch 2.1; little where it is missing
//   .format_version, .storage_alignment, .data/serialization_id      since torch 2.1 to 2.7
#include <goldseal/base/byte_reader.hpp>
#include <goldseal/base/error.hpp>
#include <goldseal/base/text.hpp>
#include <goldseal/checkpoint/pickle.hpp>
#include <goldseal/checkpoint/readers.hpp>
#include <goldseal/checkpoint/state_dict.hpp>
#include <goldseal/checkpoint/zip.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_set>
#include <utility>

namespace goldseal {
namespace {

constexpr std::uint64_t k_pickle_limit = 1ULL << 30;
constexpr int k_newest_format = 10;
constexpr std::array<std::string_view, 7> k_small_records{"version",
                                                          ".data/version",
                                                          "byteorder",
                                                          ".format_version",
                                                          "data.pkl",
                                                          ".storage_alignment",
                                                          ".data/serialization_id"};

class TorchZipReader {
 public:
  TorchZipReader(std::shared_ptr<const MappedFile> file, ZipArchive archive, const OpenOptions& options)
      : m_options(options), m_path(file->path().string()), m_archive(std::move(archive)) {
    m_checkpoint.container = "torch-zip";
    m_checkpoint.files.push_back(std::move(file));
  }

  Checkpoint run() {
    m_checkpoint.notes = m_archive.notes;
    check_small_records();
    read_byte_order();
    read_pickle();
    sort_records();
    return std::move(m_checkpoint);
  }

 private:
  void check_small_records() {
    for (const auto name : k_small_records) {
      if (const auto* const entry = m_archive.find(name)) m_archive.verify(*entry);
    }
    const auto* version = m_archive.find("version");
    if (version == nullptr) version = m_archive.find(".data/version");
    if (version == nullptr) fail(0, "no record `version`", "save it again with torch.save");
    check_version(as_text(m_archive.stored(*version)), version->begin);
  }

  void check_version(std::string_view text, std::uint64_t at) {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool plain = error == std::errc() &&
                       (std::string_view(end, text.data() + text.size()) == "\n" || end == text.data() + text.size());
    if (!plain || number < 1)
      fail(at, fmt::format("the record `version` says '{}'", escape_unprintable(text.substr(0, 16))));
    if (number > k_newest_format) {
      throw Error(ErrorKind::unsupported, at_byte(m_path, at),
                  fmt::format("file format {}; {} is the newest known here", number, k_newest_format),
                  "use a newer goldseal");
    }
    m_checkpoint.format_version = number;
  }

  void read_byte_order() {
    const auto* const entry = m_archive.find("byteorder");
    if (entry == nullptr) return;
    const auto text = as_text(m_archive.stored(*entry));
    if (text != "little" && text != "big")
      fail(entry->begin, fmt::format("the record `byteorder` says '{}'", escape_unprintable(text.substr(0, 16))));
    m_checkpoint.big_endian = text == "big";
  }

  void read_pickle() {
    const auto& entry = *m_archive.find("data.pkl");
    if (entry.size > k_pickle_limit) fail(entry.begin, fmt::format("data.pkl has {}", format_bytes(entry.size)));
    ByteReader reader(m_path, m_archive.stored(entry), entry.begin);
    const auto document = pickle::read(m_path, reader);
    if (!reader.at_end()) reader.fail("bytes follow the end of the pickle");
    pickle::read_state_dict(
        document, at_byte(m_path, entry.begin), [this](auto key, auto bytes) { return find_storage(key, bytes); },
        m_options, m_checkpoint);
  }

  Storage find_storage(std::string_view key, std::uint64_t bytes) {
    const auto* const entry = m_archive.find(fmt::format("data/{}", key));
    const auto name = escape_unprintable(key);
    if (entry == nullptr) fail(0, fmt::format("the archive has no record data/{}, which a tensor needs", name));
    const auto stored = m_archive.stored(*entry);
    if (stored.size() != bytes)
      fail(entry->begin, fmt::format("data/{} has {} bytes, {} expected", name, stored.size(), bytes));
    m_referenced.insert(entry);
    return {0, entry->begin, bytes, {}};
  }

  /// Notes what the pickle does not speak of, and leaves the checksums of all but the small records for later.
  void sort_records() {
    std::vector<std::string> unknown;
    std::vector<std::string> unused;
    for (const auto& entry : m_archive.entries) {
      const auto name = m_archive.root.empty() ? entry.name : entry.name.substr(m_archive.root.size() + 1);
      if (std::ranges::find(k_small_records, name) != k_small_records.end()) continue;
      if (!m_referenced.contains(&entry))
        (name.starts_with("data/") ? unused : unknown).push_back(escape_unprintable(name));
      if (m_archive.has_checksums && !entry.deflated) {
        m_checkpoint.records.push_back({0, entry.begin, entry.size, entry.crc32, std::string(entry.name)});
      }
    }
    report("zip.unknown-record", "records that torch.save does not write", std::move(unknown));
    report("zip.unused-storage", "storages that no tensor refers to", std::move(unused));
  }

  void report(std::string_view rule, std::string_view what, std::vector<std::string> names) {
    constexpr std::size_t k_most = 8;
    if (names.empty()) return;
    const auto count = names.size();
    names.resize(std::min(count, k_most));
    m_checkpoint.notes.push_back({std::string(rule), fmt::format("{} {}: {}{}", count, what, fmt::join(names, ", "),
                                                                 count > k_most ? " …" : "")});
  }

  [[noreturn]] void fail(std::uint64_t offset, std::string message,
                         std::string remedy = "take the file from its source again") const {
    throw Error(ErrorKind::malformed, at_byte(m_path, offset), std::move(message), std::move(remedy));
  }

  const OpenOptions& m_options;
  std::string m_path;
  ZipArchive m_archive;
  Checkpoint m_checkpoint;
  std::unordered_set<const ZipEntry*> m_referenced;
};

}  // namespace

Checkpoint read_torch_zip(std::shared_ptr<const MappedFile> file, ZipArchive archive, const OpenOptions& options) {
  return TorchZipReader(std::move(file), std::move(archive), options).run();
}

}  // namespace goldseal

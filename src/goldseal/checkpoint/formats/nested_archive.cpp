// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/formats/nested_archive.hpp>
#include <goldseal/checkpoint/state_dict/open_options.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/pickle/pickle.hpp>
#include <goldseal/checkpoint/state_dict/state_dict.hpp>
#include <goldseal/checkpoint/zip/zip.hpp>

#include <fmt/format.h>

#include <functional>
#include <utility>

namespace goldseal {
namespace {

[[noreturn]] void fail(const NestedArchive& nested, std::string message) {
  throw Error(ErrorKind::malformed, at_byte(nested.name, nested.begin), std::move(message),
              "take the file from its source again");
}

const ZipEntry& require(const ZipArchive& archive, const NestedArchive& nested, const std::string& name) {
  const auto* const entry = archive.find(name);
  if (entry == nullptr) fail(nested, fmt::format("no record {}", escape_unprintable(name)));
  return *entry;
}

using ReadDocument =
    std::function<void(const pickle::Document&, const std::string&, const pickle::FindStorage&, Checkpoint&)>;

Checkpoint read_archive(std::vector<std::shared_ptr<const MappedFile>> files, const NestedArchive& nested,
                        const ReadDocument& read) {
  Checkpoint checkpoint;
  checkpoint.files = std::move(files);
  const auto whole = checkpoint.files[nested.file]->bytes();
  if (nested.begin > whole.size() || nested.bytes > whole.size() - nested.begin)
    fail(nested, fmt::format("{} bytes from there on are not in the file", nested.bytes));
  auto archive = read_zip(nested.name, whole.subspan(nested.begin, nested.bytes));
  checkpoint.notes = std::move(archive.notes);
  if (const auto* const order = archive.find("byteorder"); order != nullptr) {
    archive.verify(*order);
    checkpoint.big_endian = as_text(archive.stored(*order)) == "big";
  }
  const auto& pickled = require(archive, nested, "data.pkl");
  archive.verify(pickled);
  const auto at = nested.begin + pickled.begin;
  ByteReader reader(nested.name, archive.stored(pickled), at);
  const auto document = pickle::read(nested.name, reader);
  if (!reader.at_end()) reader.fail("bytes follow the end of the pickle");
  const auto find = [&](const pickle::StorageId& id) {
    const auto& entry = require(archive, nested, fmt::format("data/{}", id.key));
    if (archive.stored(entry).size() != id.bytes)
      fail(nested,
           fmt::format("storage {} has {} bytes, {} expected", escape_unprintable(id.key), entry.size, id.bytes));
    return Storage{nested.file, nested.begin + entry.begin, id.bytes, {}};
  };
  read(document, at_byte(nested.name, at), find, checkpoint);
  for (const auto& entry : archive.entries) {
    if (entry.deflated) fail(nested, "a compressed record");
    if (archive.has_checksums)
      checkpoint.records.push_back(
          {nested.file, nested.begin + entry.begin, entry.size, entry.crc32, std::string(entry.name)});
  }
  return checkpoint;
}

}  // namespace

Checkpoint read_nested_archive(std::vector<std::shared_ptr<const MappedFile>> files, const NestedArchive& nested,
                               const OpenOptions& options) {
  return read_archive(std::move(files), nested,
                      [&](const pickle::Document& document, const std::string& where, const pickle::FindStorage& find,
                          Checkpoint& checkpoint) {
                        pickle::read_state_dict(document, where, find, options, checkpoint);
                      });
}

Checkpoint read_nested_extra_state(std::vector<std::shared_ptr<const MappedFile>> files, const NestedArchive& nested,
                                   const std::string& name) {
  return read_archive(std::move(files), nested,
                      [&](const pickle::Document& document, const std::string& where, const pickle::FindStorage& find,
                          Checkpoint& checkpoint) {
                        pickle::read_whole_extra_state(document, where, find, name, checkpoint);
                      });
}

}  // namespace goldseal

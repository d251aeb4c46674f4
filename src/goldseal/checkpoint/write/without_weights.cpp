// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/write/without_weights.hpp>

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/formats/export_archive.hpp>
#include <goldseal/checkpoint/formats/readers.hpp>
#include <goldseal/checkpoint/zip/zip.hpp>
#include <goldseal/checkpoint/zip/zip_writer.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

constexpr std::string_view k_storages = "data/";

std::string_view short_name(const ZipArchive& archive, const ZipEntry& entry) {
  return archive.root.empty() ? entry.name : entry.name.substr(archive.root.size() + 1);
}

ZipArchive open_archive(const MappedFile& file) {
  if (has_zip_end(file.bytes())) return read_zip(file.path().string(), file.bytes());
  throw Error(ErrorKind::unsupported, file.path().string(), "expected an archive, found no zip",
              "name the file that torch.jit.save or torch.export.save wrote");
}

void copy(const ZipArchive& archive, const ZipEntry& entry, ZipWriter& zip) {
  if (entry.deflated) return zip.add(std::string(entry.name), archive.unpack(entry));
  archive.verify(entry);
  zip.add(std::string(entry.name), entry.size, [&](const auto& take) { take(archive.stored(entry)); });
}

// Where the storages begin that hold nothing but these tensors.
std::set<std::uint64_t> storages_of(const Checkpoint& checkpoint, const std::set<std::string>& names) {
  std::vector<bool> needed(checkpoint.storages.size());
  for (const auto& tensor : checkpoint.tensors)
    needed[tensor.storage] = needed[tensor.storage] || !names.contains(tensor.name);
  std::set<std::uint64_t> begins;
  for (std::size_t i = 0; i < needed.size(); ++i) {
    if (!needed[i] && checkpoint.storages[i].bytes > 0) begins.insert(checkpoint.storages[i].begin);
  }
  return begins;
}

bool saved_on_meta(const ZipArchive& archive) {
  return std::ranges::all_of(archive.entries, [&](const ZipEntry& entry) {
    return entry.size == 0 || !short_name(archive, entry).starts_with(k_storages);
  });
}

}  // namespace

void write_weightless_torchscript(const std::filesystem::path& path, const std::set<std::string>& weights,
                                  OutputFile& file) {
  const auto mapped = std::make_shared<const MappedFile>(path);
  const auto archive = open_archive(*mapped);
  const auto dropped =
      saved_on_meta(archive) ? std::set<std::uint64_t>{} : storages_of(read_torchscript(mapped, archive, {}), weights);
  ZipWriter zip(file);
  for (const auto& entry : archive.entries) {
    if (short_name(archive, entry).starts_with("extra/")) continue;
    // What the code holds lies elsewhere and stays, whatever it is called.
    if (dropped.contains(entry.begin) && entry.size > 0 && short_name(archive, entry).starts_with(k_storages)) {
      zip.add_zeros(std::string(entry.name), entry.size);
    } else {
      copy(archive, entry, zip);
    }
  }
  zip.finish();
}

void write_weightless_export(const std::filesystem::path& path, OutputFile& file) {
  static_cast<void>(read_export_archive(path));  // refuses what it is not
  constexpr std::array<std::string_view, 2> k_kept{"models/", "data/constants/"};
  const MappedFile mapped(path);
  const auto archive = open_archive(mapped);
  ZipWriter zip(file);
  for (const auto& entry : archive.entries) {
    const auto name = short_name(archive, entry);
    const bool bookkeeping = name.find('/') == std::string_view::npos || name.starts_with(".data/");
    const bool table = name.starts_with("data/weights/") && name.ends_with("_weights_config.json");  // tells which are tied
    const auto kept = [&](std::string_view folder) { return name.starts_with(folder); };
    if (bookkeeping || table || std::ranges::any_of(k_kept, kept)) copy(archive, entry, zip);
  }
  zip.finish();
}

}  // namespace goldseal

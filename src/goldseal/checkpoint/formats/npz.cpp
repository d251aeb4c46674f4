// SPDX-License-Identifier: Apache-2.0
// numpy.savez: a zip archive of NAME.npy.
#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/npy_header.hpp>
#include <goldseal/checkpoint/formats/readers.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace goldseal {
namespace {

std::vector<std::int64_t> strides_of(const NpyHeader& header) {
  if (!header.fortran) return contiguous_strides(header.shape);
  std::vector<std::int64_t> strides(header.shape.size(), 1);
  for (std::size_t i = 1; i < strides.size(); ++i)
    strides[i] = strides[i - 1] * std::max<std::int64_t>(header.shape[i - 1], 1);
  return strides;
}

void add(const ZipArchive& archive, const ZipEntry& entry, Checkpoint& checkpoint, std::string& left_out) {
  ByteReader reader(archive.file, archive.stored(entry), entry.begin);
  const auto header = read_npy_header(archive.file, reader);
  Tensor tensor;
  tensor.name = entry.name.substr(0, entry.name.size() - 4);
  if (!is_utf8(tensor.name)) reader.fail("the array's name is not UTF-8");
  if (!header.dtype) {
    left_out += (left_out.empty() ? "" : ", ") + escape_unprintable(tensor.name);
    return;
  }
  tensor.dtype = *header.dtype;
  tensor.shape = header.shape;
  if (npy_bytes(header) != reader.remaining()) {
    reader.fail(fmt::format("array '{}' of shape {} has {} bytes", escape_unprintable(tensor.name),
                            format_shape(tensor.shape), reader.remaining()));
  }
  tensor.strides = strides_of(header);
  tensor.storage = checkpoint.storages.size();
  checkpoint.storages.push_back({0, reader.offset(), reader.remaining(), {}});
  checkpoint.tensors.push_back(std::move(tensor));
}

}  // namespace

bool is_npz(const ZipArchive& archive) {
  const auto is_array = [](const ZipEntry& entry) { return entry.name.ends_with(".npy"); };
  return !archive.entries.empty() && std::ranges::all_of(archive.entries, is_array);
}

Checkpoint read_npz(std::shared_ptr<const MappedFile> file, const ZipArchive& archive) {
  Checkpoint checkpoint;
  checkpoint.container = Container::Kind::npz;
  checkpoint.files.push_back(std::move(file));
  for (const auto& note : archive.notes) {
    if (note.rule != "zip.foreign-writer") checkpoint.notes.push_back(note);  // numpy is one
  }
  std::string left_out;
  for (const auto& entry : archive.entries) {
    add(archive, entry, checkpoint, left_out);
    if (archive.has_checksums)
      checkpoint.records.push_back({0, entry.begin, entry.size, entry.crc32, std::string(entry.name)});
  }
  if (!left_out.empty())
    checkpoint.notes.push_back({"npz.unsupported-arrays", "arrays of another element type are left out: " + left_out});
  checkpoint.entries.push_back({".", checkpoint.tensors.size(), true});
  return checkpoint;
}

}  // namespace goldseal

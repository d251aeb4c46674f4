// SPDX-License-Identifier: Apache-2.0
// What torch.save writes (torch/serialization.py, _save), as records of a zip archive under one root directory:
//
//   data.pkl                the object, with persistent ids for storages
//   data/KEY                one storage each
//   version                 the file format's number (caffe2/serialize/versions.h), 1 to 10
//   byteorder               `little` or `big`, since torch 2.1; little where it is missing
//   .format_version, .storage_alignment, .data/serialization_id      since torch 2.1 to 2.7
#include <goldseal/checkpoint/formats/readers.hpp>
#include <goldseal/checkpoint/state_dict/archive_records.hpp>
#include <goldseal/checkpoint/state_dict/open_options.hpp>
#include <goldseal/checkpoint/state_dict/state_dict.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <utility>

namespace goldseal {

Checkpoint read_torch_zip(std::shared_ptr<const MappedFile> file, ZipArchive archive, const OpenOptions& options) {
  Checkpoint checkpoint;
  ArchiveRecords records(std::move(file), std::move(archive), Container::Kind::torch_zip, checkpoint);
  std::string where;
  const auto document = records.pickle("data.pkl", {.foreign = true}, where);
  const auto find = [&](const pickle::StorageId& id) { return records.storage("data", id); };
  pickle::read_state_dict(document, where, find, options, checkpoint);
  records.finish({});
  return checkpoint;
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// A TorchScript archive (torch/csrc/jit/serialization/export_module.cpp), as records of a zip archive:
//
//   data.pkl, data/N                 the module: its attributes, classes under `__torch__`, tensors in storages
//   constants.pkl, constants/N       tensors that the code refers to, a frozen module's weights among them
//   code/…                           the program and its debug tables, compressed; never run here
//   extra/…                          what the user gave with _extra_files
//   version, byteorder, …            as torch.save writes them
#include <goldseal/checkpoint/archive_records.hpp>
#include <goldseal/checkpoint/readers.hpp>
#include <goldseal/checkpoint/state_dict.hpp>

#include <array>
#include <utility>

namespace goldseal {

Checkpoint read_torchscript(std::shared_ptr<const MappedFile> file, ZipArchive archive) {
  constexpr std::array<std::string_view, 2> k_expected{"code/", "extra/"};
  Checkpoint checkpoint;
  ArchiveRecords records(std::move(file), std::move(archive), "torchscript", checkpoint);
  const pickle::Rules rules{.torchscript = true};
  std::string where;
  const auto module = records.pickle("data.pkl", rules, where);
  pickle::read_module_state(
      module, where, [&](const auto& id) { return records.storage("data", id); }, checkpoint);
  const auto constants = records.pickle("constants.pkl", rules, where);
  const auto find = [&](const pickle::StorageId& id) { return records.storage("constants", id); };
  pickle::read_tensor_tuple(constants, where, find, "constants", checkpoint);
  records.finish(k_expected);
  return checkpoint;
}

}  // namespace goldseal

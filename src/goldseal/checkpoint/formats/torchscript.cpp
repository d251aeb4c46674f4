// SPDX-License-Identifier: Apache-2.0
// A TorchScript archive (torch/csrc/jit/serialization/export_module.cpp), as records of a zip archive:
//
//   data.pkl, data/N                 the module: its attributes, classes under `__torch__`, tensors in storages
//   constants.pkl, constants/N       tensors that the code refers to, a frozen module's weights among them
//   code/…                           the program and its debug tables, compressed; never run here
//   extra/…                          what the user gave with _extra_files
//   version, byteorder, …            as torch.save writes them
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/readers.hpp>
#include <goldseal/checkpoint/state_dict/archive_records.hpp>
#include <goldseal/checkpoint/state_dict/state_dict.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace goldseal {
namespace {

/// Tracing and freezing write the device of that day into the program, and it is asked for wherever the file is loaded.
void note_frozen_devices(const ZipArchive& archive, Checkpoint& checkpoint) {
  constexpr std::string_view k_device = "torch.device(\"cuda";
  for (const auto& entry : archive.entries) {
    if (!entry.name.ends_with(".py") || archive.unpack(entry).find(k_device) == std::string::npos) continue;
    checkpoint.notes.push_back(
        {"torchscript.frozen-device",
         fmt::format("the program names a CUDA device in {}: export it again on the device it will run on",
                     escape_unprintable(entry.name))});
    return;
  }
}

/// torch.jit.optimize_for_inference puts oneDNN's own layouts into the program, which PyTorch writes without their
/// values: no build can read it back.
void judge_optimized(const ZipArchive& archive, const OpenOptions& options, Checkpoint& checkpoint) {
  for (const auto& entry : archive.entries) {
    if (!entry.name.ends_with(".py") || archive.unpack(entry).find("ConstantMKLDNNTensor") == std::string::npos)
      continue;
    const std::string message =
        "the archive was saved after torch.jit.optimize_for_inference: weights became oneDNN constants, which "
        "PyTorch saves without their values and cannot load (\"required keyword attribute 'value' is undefined\")";
    const std::string remedy = "export the module before optimize_for_inference, and call it after loading";
    if (!options.show_all) throw Error(ErrorKind::unsupported, archive.file, message, remedy);
    checkpoint.notes.push_back({"torchscript.optimized", message + "; " + remedy});
    return;
  }
}

void note_frozen(std::size_t module_tensors, Checkpoint& checkpoint) {
  const auto constants = checkpoint.tensors.size() - module_tensors;
  if (module_tensors > 0 || constants == 0) return;
  checkpoint.notes.push_back(
      {"torchscript.frozen",
       fmt::format("the archive is frozen (torch.jit.freeze): its weights are {} constants of the code, `constants.0` and "
                   "on. It can be sealed as it is; no other checkpoint can be loaded into it: for that, export it unfrozen",
                   constants)});
}

bool packs_weights(const pickle::Document& module) {
  return std::ranges::any_of(module.globals(), [](const pickle::Global& global) {
    return global.module == "__torch__.torch.classes.quantized";
  });
}

}  // namespace

Checkpoint read_torchscript(std::shared_ptr<const MappedFile> file, ZipArchive archive, const OpenOptions& options) {
  constexpr std::array<std::string_view, 2> k_expected{"code/", "extra/"};
  Checkpoint checkpoint;
  ArchiveRecords records(std::move(file), std::move(archive), Container::Kind::torchscript, checkpoint);
  const pickle::Rules rules{.torchscript = true};
  std::string where;
  const auto module = records.pickle("data.pkl", rules, where);
  pickle::read_module_state(
      module, where, [&](const auto& id) { return records.storage("data", id); }, checkpoint);
  const auto module_tensors = checkpoint.tensors.size();
  checkpoint.packed_weights = packs_weights(module);
  const auto constants = records.pickle("constants.pkl", rules, where);
  const auto find = [&](const pickle::StorageId& id) { return records.storage("constants", id); };
  pickle::read_tensor_tuple(constants, where, find, "constants", checkpoint);
  records.finish(k_expected);
  note_frozen_devices(records.archive(), checkpoint);
  judge_optimized(records.archive(), options, checkpoint);
  note_frozen(module_tensors, checkpoint);
  return checkpoint;
}

}  // namespace goldseal

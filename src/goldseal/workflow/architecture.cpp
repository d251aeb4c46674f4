// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/architecture.hpp>

#include <goldseal/base/atomic_write.hpp>
#include <goldseal/base/error.hpp>
#include <goldseal/checkpoint/export_archive.hpp>

#include <fmt/format.h>

#include <filesystem>
#include <vector>

namespace goldseal {
namespace {

BuiltNetwork build_exported(Worker& worker, const ModelSpec& model) {
  const auto archive = read_export_archive(model.source);
  const auto program = worker.run_directory() / "program.json";
  const auto constants = worker.run_directory() / "constants.json";
  std::vector<Placement> placements;
  for (std::size_t i = 0; i < archive.constants.tensors.size(); ++i)
    placements.push_back({i, archive.constants.tensors[i].name});
  write_file_atomically(program, archive.program);
  write_file_atomically(constants, write_placements(archive.constants, placements));
  return worker.build(model.builder, program.string(), model.options, constants);
}

}  // namespace

BuiltNetwork build_network(Worker& worker, const ModelSpec& model) {
  if (model.builder == "export") return build_exported(worker, model);
  auto source = model.is_file() ? std::filesystem::absolute(model.source).string() : model.source;
  return worker.build(model.builder, source, model.options);
}

ModelSpec own_architecture(const Checkpoint& checkpoint) {
  const auto path = checkpoint.files.front()->path().string();
  if (checkpoint.container == "torchscript") return {"torchscript", path, {}};
  if (checkpoint.container == "pt2") return {"export", path, {}};
  throw Error(ErrorKind::usage, "--model",
              fmt::format("is needed: {} is {}, which holds weights and no network", path, checkpoint.container),
              "name the network, as in --model darknet:yolov3.cfg or --model torchscript:network.pt");
}

}  // namespace goldseal

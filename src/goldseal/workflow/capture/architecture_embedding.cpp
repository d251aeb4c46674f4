// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/capture/architecture_embedding.hpp>

#include <checks/check.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/formats/open_checkpoint.hpp>
#include <goldseal/checkpoint/write/without_weights.hpp>
#include <goldseal/workflow/loading/architecture.hpp>
#include <goldseal/workflow/loading/loading.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

std::set<std::string> weights_of(const BuiltNetwork& network) {
  std::set<std::string> names;
  for (const auto& entry : network.state_entries) {
    if (entry.required) names.insert(entry.name);
  }
  return names;
}

// A frozen archive has its weights as constants of its code. A module's own list may go by the names that these have.
bool takes_no_weights(const ModelSpec& model, const std::set<std::string>& weights) {
  if (!std::ranges::all_of(weights, is_archive_constant)) return false;
  if (weights.empty() || model.builder != Builder::torchscript) return weights.empty();
  return std::ranges::count(open_checkpoint(model.source).notes, "torchscript.frozen", &Note::rule) > 0;
}

void write_without_weights(const ModelSpec& model, const BuiltNetwork& network, OutputFile& file) {
  if (model.builder == Builder::darknet) return file.write(MappedFile(model.source).bytes());
  const auto weights = weights_of(network);
  if (takes_no_weights(model, weights)) {
    throw Error(ErrorKind::unsupported, model.source,
                "expected a network that takes weights, found a frozen one, whose weights are part of its code",
                "export it without torch.jit.freeze, or seal it without --embed: the file is needed whole");
  }
  if (model.builder == Builder::exported) return write_weightless_export(model.source, file);
  write_weightless_torchscript(model.source, weights, file);
}

}  // namespace

std::string embedded_name(const ModelSpec& model) {
  if (traits(model.builder).may_be_embedded()) return std::string(traits(model.builder).embedded);
  throw Error(ErrorKind::unsupported, "--embed",
              fmt::format("expected a network that lies in a file of its own, found {}:{}, which is code",
                          to_string(model.builder), model.source),
              "export the module (torch.jit.script(model).save, or torch.export.save) and name that file with --model "
              "torchscript:FILE.pt or --model export:FILE.pt2; or seal it without --embed");
}

FileRecord embed(const ModelSpec& model, const BuiltNetwork& network, const fs::path& directory) {
  const auto name = embedded_name(model);
  OutputFile file(directory / name, Existing::refuse);
  write_without_weights(model, network, file);
  file.commit();
  const MappedFile written(directory / name);
  return {.role = FileRole::embedded, .path = name, .bytes = written.size(), .sha256 = sha256(written.bytes())};
}

Finding judge_embedded(Worker& worker, const ModelSpec& embedded, const Checkpoint& checkpoint,
                       const BuiltNetwork& network, const KeyMatch& match, const SealedAnswers& sealed) {
  const std::string remedy =
      "the file keeps weights where no state dict has them: seal without --embed, and keep the file beside the seal";
  static_cast<void>(build_network(worker, embedded, Trust::code, &checkpoint));
  worker.load(checkpoint, assignments_of(match, network.state_entries));
  // It is the same network on the same machine.
  if (const auto changed = find_changed_bits(worker, sealed))
    return failed(fmt::format("the network built from the embedded architecture gives another {}", *changed), "", "",
                  remedy);
  const bool exact = std::ranges::all_of(sealed.records, &GoldenCase::repeatable);
  if (const auto deviation = exact ? std::nullopt : find_deviation(worker, sealed))
    return failed(fmt::format("the network is built from the embedded architecture, and {}", *deviation), "", "",
                  remedy);
  return passed("the network built from the embedded architecture gives the sealed answers");
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/loading/architecture.hpp>

#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/messages/digits.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/compiled_package.hpp>
#include <goldseal/checkpoint/formats/export_archive.hpp>
#include <goldseal/checkpoint/formats/torchscript_code.hpp>
#include <goldseal/environment/libraries/elf.hpp>
#include <goldseal/environment/probe/probe.hpp>
#include <goldseal/workflow/loading/code_trust.hpp>
#include <goldseal/workflow/loading/compiled_fit.hpp>
#include <goldseal/workflow/loading/loading.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {
namespace {

constexpr std::string_view k_archive_constants = "constants.";  // what the reader calls the tensors of an archive's code
constexpr std::uint32_t k_plugin_version = 1;  // GOLDSEAL_PLUGIN_VERSION of worker_libtorch/plugin

// A program names its weights one by one; which of them are one tensor, the archive around it tells.
void tell_ties(std::vector<Key>& state_entries, const std::map<std::string, std::string>& places) {
  std::map<std::string_view, std::string> first;
  for (auto& entry : state_entries) {
    const auto place = places.find(entry.name);
    if (place == places.end() || std::ranges::find(entry.shape, 0) != entry.shape.end()) continue;
    const auto [found, added] = first.emplace(place->second, entry.name);
    if (!added) entry.alias_of = found->second;
  }
}

BuiltNetwork build_exported(Worker& worker, const ModelSpec& model, Trust trust) {
  const auto archive = read_export_archive(model.source);
  const auto program = worker.run_directory() / "program.json";
  const auto constants = worker.run_directory() / "constants.json";
  std::vector<Assignment> assignments;
  for (std::size_t i = 0; i < archive.constants.tensors.size(); ++i)
    assignments.push_back({i, archive.constants.tensors[i].name});
  write_file_atomically(program, archive.program);
  write_file_atomically(constants, write_placements(archive.constants, assignments));
  auto built = worker.build(model.builder, program.string(), model.options, constants, trust);
  tell_ties(built.state_entries, archive.places);
  return built;
}

// Of an archive that is the checkpoint: the tensors that its code holds.
std::vector<Assignment> constants_of(const Checkpoint& archive) {
  std::vector<Assignment> constants;
  for (std::size_t i = 0; i < archive.tensors.size(); ++i) {
    if (is_archive_constant(archive.tensors[i].name)) constants.push_back({i, archive.tensors[i].name});
  }
  return constants;
}

bool is_file_of(const Checkpoint& checkpoint, const std::string& path) {
  std::error_code ignored;
  return std::filesystem::equivalent(checkpoint.files.front()->path(), path, ignored);
}

// The code's constants are entries like weights where the checkpoint is an archive that holds them: the worker finds
// them in the code by their values. Those of the very archive that no method computes with need no place.
BuiltNetwork build_script(Worker& worker, const ModelSpec& model, Trust trust, const Checkpoint* checkpoint) {
  if (trust == Trust::computing) refuse_code_at_load(model.source);
  const auto source = std::filesystem::absolute(model.source).string();
  const bool archive = checkpoint != nullptr && checkpoint->container == Container::Kind::torchscript;
  const auto constants = archive ? constants_of(*checkpoint) : std::vector<Assignment>{};
  if (constants.empty()) return worker.build(model.builder, source, model.options, {}, trust);
  const auto table = worker.run_directory() / "constants.json";
  write_file_atomically(table, write_placements(*checkpoint, constants));
  auto network = worker.build(model.builder, source, model.options, table, trust);
  if (!is_file_of(*checkpoint, source)) return network;
  for (const auto& constant : constants) {
    if (std::ranges::count(network.state_entries, constant.state_entry, &Key::name) > 0) continue;
    const auto& tensor = checkpoint->tensors[constant.tensor];
    Key key{constant.state_entry, tensor.dtype, tensor.shape};
    key.compiled_in = CompiledIn::program;  // which is the checkpoint itself
    network.state_entries.push_back(std::move(key));
  }
  return network;
}

bool builds(const Worker& worker, Builder builder) {
  return std::ranges::find(worker.hello().builders, builder) != worker.hello().builders.end();
}

// A package's code is foreign: whatever can be known of it is known before the worker opens it. The worker gets the
// unpacked library, so that one reader decides what the archive says, and nothing is compiled there.
BuiltNetwork build_compiled(Worker& worker, const ModelSpec& model) {
  const auto package = read_compiled_package(model.source);
  if (!builds(worker, model.builder)) {
    const auto& hello = worker.hello();
    throw Error(ErrorKind::unsupported, model.source,
                fmt::format("expected LibTorch 2.8 or newer, which runs packages of AOTInductor, found {} {}",
                            hello.runtime, hello.version),
                "name another with --runtime libtorch=DIR, or the program instead of the package: --model "
                "export:FILE.pt2");
  }
  require_fit(package, probe_machine({}), worker.hello().devices);
  const auto directory = worker.run_directory() / "package";
  std::filesystem::create_directory(directory);
  auto options = model.options;
  if (!options.emplace("device", package.device).second) {
    throw Error(ErrorKind::usage, "--model", "expected no option device, which the package itself says",
                "leave it out");
  }
  auto network = worker.build(model.builder, unpack(package, directory).string(), options);
  network.compiled = true;
  return network;
}

// A plugin of another LibTorch would bring that one into the worker's process: it is refused before it is opened.
void require_plugin_for(const std::string& version, const std::string& path) {
  const auto library = read_elf(path);
  if (!library) throw Error(ErrorKind::unsupported, path, "expected a shared library", "name the plugin's .so file");
  const auto note = std::ranges::find(library->notes, "goldseal", &ElfNote::name);
  if (note == library->notes.end()) {
    throw Error(ErrorKind::unsupported, path, "expected a goldseal plugin, found another library",
                "name its factory with GOLDSEAL_PLUGIN(factory) from goldseal/plugin.hpp");
  }
  if (note->type != k_plugin_version || note->text != version) {
    throw Error(ErrorKind::unsupported, path,
                fmt::format("expected a plugin of version {} for LibTorch {}, found one of version {} for LibTorch {}",
                            k_plugin_version, version, note->type, escape_unprintable(note->text)),
                "build it against the LibTorch that is to run it, or name that one: --runtime libtorch=DIR");
  }
}

// Nothing but the program that holds such a module can run it.
void require_program(const Worker& worker, const std::string& name) {
  if (builds(worker, Builder::program)) return;
  throw Error(ErrorKind::unsupported, "--model",
              fmt::format("expected the program that holds the network {}, found a worker", escape_unprintable(name)),
              "verify from it with goldseal::verify (goldseal/hook.hpp), or say how the network is built: --model "
              "plugin:LIB.so");
}

}  // namespace

bool is_archive_constant(std::string_view name) {
  if (!name.starts_with(k_archive_constants)) return false;
  name.remove_prefix(k_archive_constants.size());
  return is_all_digits(name);
}

BuiltNetwork build_network(Worker& worker, const ModelSpec& model, Trust trust, const Checkpoint* checkpoint) {
  if (trust == Trust::computing && is_code(model.builder))
    throw Error(ErrorKind::usage, "--model",
                fmt::format("expected a network to interpret, found {}", traits(model.builder).detail),
                "say that it may run: --trust-code");
  if (model.builder == Builder::exported) return build_exported(worker, model, trust);
  if (model.builder == Builder::torchscript) return build_script(worker, model, trust, checkpoint);
  if (model.builder == Builder::aoti) return build_compiled(worker, model);
  if (model.builder == Builder::program) require_program(worker, model.source);
  if (model.builder == Builder::plugin) require_plugin_for(worker.hello().version, model.source);
  auto source = model.is_file() ? std::filesystem::absolute(model.source).string() : model.source;
  const auto names = checkpoint == nullptr ? std::vector<std::string>{} : plain_names(*checkpoint);
  return worker.build(model.builder, source, model.options, {}, trust, names);
}

ModelSpec own_architecture(const Checkpoint& checkpoint) {
  const auto path = checkpoint.files.front()->path().string();
  if (checkpoint.container == Container::Kind::torchscript) return {Builder::torchscript, path, {}};
  if (checkpoint.container == Container::Kind::pt2) return {Builder::exported, path, {}};
  throw Error(
      ErrorKind::usage, "--model",
      fmt::format("is needed: {} is {}, which holds weights and no network", path, to_string(checkpoint.container)),
      "name the network, as in --model darknet:yolov3.cfg or --model torchscript:network.pt");
}

}  // namespace goldseal

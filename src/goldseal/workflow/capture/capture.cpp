// SPDX-License-Identifier: Apache-2.0
// A capture as a story: the passes of stages.hpp, one after the other, and the seal's directory, which appears whole at
// the end or not at all.
#include <goldseal/workflow/capture/capture.hpp>

#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/manifest/replaceable_seal.hpp>
#include <goldseal/workflow/capture/safe_place.hpp>
#include <goldseal/workflow/capture/stages.hpp>

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

void write(const Sealed& sealed, const Checkpoint& checkpoint, const CaptureRequest& request,
           AtomicDirectory& directory) {
  const auto manifest = write_manifest(sealed.manifest);
  directory.write(k_golden_name, sealed.golden);
  directory.write(k_manifest_name, manifest);
  require_readable(directory.staging(), sealed, manifest, request);
  // The worker read them by their names, and maybe later than they were digested.
  for (const auto& file : checkpoint.files) file->require_unchanged();
  require_no_inputs(request, &checkpoint);
  directory.commit();
}

// A network that a C++ program holds is verified from it. Without a program in its place, what is sealed is code that runs
// only where the user says so.
std::string verify_command(const ModelRecord& sealed, const CaptureRequest& request) {
  if (sealed.builder == Builder::program) return fmt::format("goldseal::verify(\"{}\", module)", request.seal.string());
  const bool runs_code = traits(sealed.builder).is_native || sealed.builder == Builder::python;
  const bool has_program = sealed.embedded && request.run_options.find("python") == std::string::npos;
  return fmt::format("goldseal verify {}{}{}", request.seal.string(), request.run_options,
                     runs_code && !has_program ? " --trust-code" : "");
}

// False where what was found forbids a seal.
bool run_passes(Opened opened, const CaptureRequest& request, AtomicDirectory& directory, Worker& worker,
                CaptureLog& log) {
  auto built = build(std::move(opened), request, worker, log);
  if (!built) return false;
  auto loaded = load(std::move(*built), request, worker, log);
  if (!loaded) return false;
  auto measured = measure(std::move(*loaded), request, worker, log);
  if (!measured) return false;
  const auto embedded = embed_network(std::move(*measured), request, directory.staging(), worker, log);
  if (!embedded) return false;
  const auto sealed = seal(*embedded, request, worker, log);
  write(sealed, embedded->measured.loaded.checkpoint(), request, directory);
  log.next(verify_command(sealed.manifest.model, request));
  return true;
}

}  // namespace

std::vector<fs::path> inputs_of(const CaptureRequest& request) {
  std::vector<fs::path> inputs{request.checkpoint};
  if (request.model && request.model->is_file()) inputs.emplace_back(request.model->source);
  if (request.cases) inputs.push_back(*request.cases);
  for (const auto& input : request.inputs) golden::add_files(input, inputs);
  return inputs;
}

Report capture(const CaptureRequest& request, Progress& progress) {
  AtomicDirectory directory(request.seal, request.force ? require_replaceable_seal : MayReplace());
  require_utf8(request);
  require_no_inputs(request, nullptr);
  CaptureLog log(request, progress);
  auto opened = open_model(request, log);
  std::optional<Worker> worker;
  try {
    progress.step("starting PyTorch");
    worker.emplace(request.runtime, request.limit, request.threads, request.confinement);
    if (run_passes(std::move(opened), request, directory, *worker, log)) log.lap("write");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::worker || !worker || !worker->failure()) throw;
    log.note_failure(*worker->failure());
  }
  return log.finish();
}

fs::path default_seal_path(const fs::path& checkpoint) {
  auto path = checkpoint;
  return path.replace_extension(".seal");
}

}  // namespace goldseal

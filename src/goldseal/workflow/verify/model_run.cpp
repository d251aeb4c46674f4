// SPDX-License-Identifier: Apache-2.0
// The worker's part of a verification: each device gets a worker of its own, which builds the network, loads the
// weights and runs the golden cases. What a worker found before it failed stays found.
#include <goldseal/workflow/verify/model_run.hpp>

#include <checks/env/host/machine.hpp>
#include <checks/keys/sealed_names.hpp>
#include <checks/tensors/tensor_finding.hpp>
#include <checks/worker/device.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/worker/told_environment.hpp>
#include <goldseal/workflow/answers/batch_run.hpp>
#include <goldseal/workflow/answers/partial.hpp>
#include <goldseal/workflow/answers/saved_results.hpp>
#include <goldseal/workflow/description/description.hpp>
#include <goldseal/workflow/loading/architecture.hpp>
#include <goldseal/workflow/loading/key_facts.hpp>
#include <goldseal/workflow/loading/loading.hpp>
#include <goldseal/workflow/loading/memory_at_hand.hpp>
#include <goldseal/workflow/verify/case_run.hpp>
#include <goldseal/workflow/verify/trials.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

// What the passes of a run are made with.
struct Inputs {
  const VerifyRequest& request;
  const Manifest& sealed;
  const ExaminedFiles& files;
  const std::shared_ptr<const MappedFile>& golden_file;

  [[nodiscard]] std::vector<golden::GoldenTensors> cases() const {
    return golden::read_golden(golden_file, sealed.golden);
  }
};

Device sealed_device(const Manifest& sealed) {
  if (!sealed.golden.empty() && sealed.golden.front().device.is_gpu()) return sealed.golden.front().device;
  return sealed.environment.text("numerics.device").value_or(Device().text());
}

RunRequest native_settings(const VerifyRequest& request) {
  auto settings = request.settings;
  if (request.decides_against_tf32()) settings.tf32 = false;
  return settings;
}

// What this machine's PyTorch is, and where the model is to run.
void ask_machine(const Inputs& given, Worker& worker, ModelRun& run) {
  const auto& asked = given.request.device;
  auto& machine = run.machine;
  add_told(machine.environment, worker.environment(), worker.hello().runtime);
  machine.asked_pytorch = true;
  run.findings.worker->sandbox = worker.sandbox();
  auto& device = *run.findings.device;
  device.offered = worker.hello().devices;
  device.used = choose_devices(asked, device.sealed, device.offered);
  device.refused = device.used.empty() || find_shortage(given.sealed, machine, run.findings);
  if (!device.used.empty() && (asked || device.used.front().is_gpu()))
    machine.environment.set("numerics.device", device.used.front().text(), asked ? "--device" : "as sealed");
}

// What the seal admits of the network is what it names.
Admission admitted_of_network(const Inputs& given) {
  const auto& sealed = given.sealed.model;
  auto admission = given.request.admission;
  for (const auto& tensor : sealed.initial) admission.missing.push_back(tensor.name);
  admission.unexpected.insert(admission.unexpected.end(), sealed.allow_unexpected.begin(),
                              sealed.allow_unexpected.end());
  return admission;
}

// The digest that was sealed of what is not loaded: of the network's own value, or of the checkpoint's.
std::optional<Digest> sealed_digest(const ModelRecord& sealed, const std::string& name) {
  const auto own = std::ranges::find(sealed.initial, name, &InitialRecord::name);
  if (own != sealed.initial.end()) return own->sha256;
  const auto found = std::ranges::find(sealed.tensors, name, &TensorRecord::name);
  return found == sealed.tensors.end() ? std::nullopt : std::optional(found->sha256);
}

// The admitted differences, beside those of the seal; nothing where every key found its place.
std::optional<PartialFindings> admitted(const ModelRecord& sealed, const KeyObservation& keys,
                                        std::span<const LoadedTensor> digests) {
  if (keys.match.not_loaded.empty() && keys.match.left_out.empty()) return std::nullopt;
  auto partial = partial_findings(keys, digests);
  for (auto& entry : partial.initial) entry.sealed = sealed_digest(sealed, entry.name);
  return partial;
}

void note_network(const Inputs& given, BuiltNetwork network, RunFindings& findings) {
  const auto& checkpoint = *given.files.checkpoint();
  add_compiled_in(checkpoint, network);
  // A program calls the settings of its operators otherwise than the code that it was made from does.
  const bool program = given.files.from_seal && given.sealed.model.embedded;
  if (program) {
    add_held_by_program(checkpoint, network);
    network.renames = given.sealed.model.renamed;
  }
  findings.load_steps = network.load_steps;
  findings.configuration = program ? decltype(network.configuration){} : network.configuration;
  if (!program) findings.choices = network.choices;
  KeyObservation keys{keys_of(checkpoint, network.renames), std::move(network.state_entries), {}};
  if (program) settle_ties(keys.have, keys.want);
  keys.match = match_keys(keys.have, keys.want, admitted_of_network(given));
  tell_what_is_known(checkpoint, network, keys);
  keys.renames = std::move(network.renames);
  keys.load_steps = std::move(network.load_steps);
  findings.network_keys = std::move(keys);
}

// Each GPU has a process that loads for itself: the first that loaded otherwise is told of.
void note_loaded(const Manifest& sealed, NetworkState loaded, RunFindings& findings) {
  if (findings.loaded_tensors && !all_loaded_as_sealed(sealed.model, findings)) return;
  findings.loaded_tensors = std::move(loaded.tensors);
  findings.extra_states = std::move(loaded.extra_states);
  findings.outside = std::move(loaded.outside);
}

// What no state dict holds of a network that is code, as it was sealed: with the tables that a first run makes.
void note_settled(const Inputs& given, Worker& worker, RunFindings& findings) {
  if (given.files.model.builder != Builder::python || given.sealed.model.outside.empty()) return;
  if (auto outside = worker.settled(given.sealed.model.outside)) findings.outside = std::move(*outside);
}

// What the model's code switched while it was built and run, not only what the process began with.
void ask_settings(Worker& worker, Environment& environment) {
  const auto told = worker.environment();
  for (const auto& [name, fact] : told.facts()) {
    if (name.starts_with("numerics.") && name != "numerics.device") environment.set(name, fact.value, fact.origin);
  }
}

// Of a GPU as PyTorch counts them; empty where the facts do not tell.
std::string uuid_of(const Device& device, const Environment& machine) {
  const auto index = device.gpu_index();
  if (!device.is_gpu() || !index) return {};
  const auto gpus = visible_gpus(machine);
  return std::cmp_less(*index, gpus.size()) ? machine.shown(gpus[static_cast<std::size_t>(*index)].prefix + "uuid") : std::string();
}

// Builds and loads the network; false where the checkpoint does not fit it, or it is another than the sealed one.
bool build_and_load(const Inputs& given, const RunPlace& place, ModelRun& run) {
  auto& findings = run.findings;
  auto& worker = place.worker;
  const auto& checkpoint = *given.files.checkpoint();
  if (!given.request.admission.missing.empty() || !given.sealed.model.initial.empty()) worker.build_with_values(0);
  auto network = build_network(worker, given.files.model,
                               given.request.vouches_for_code() ? Trust::code : Trust::computing, &checkpoint);
  run.serving.training = network.training;
  note_network(given, network, findings);
  if (run.serving.builds_code && !run.serving.live && given.files.model.source == given.sealed.model.source)
    add_unsealed_sources(given.sealed.model, network.sources, run.serving.descriptions);
  place.log.stopwatch.lap("build");
  const auto& keys = *findings.network_keys;
  if (!keys.match.complete() || !names_are_sealed(given.sealed.model, findings)) return false;
  network.state_entries = keys.want;
  place.log.progress.step(loading_step(weight_bytes(given.sealed), run.machine.environment));
  findings.changed = worker.load(checkpoint, assignments_of(checkpoint, keys.match, network),
                                 not_loaded_names(keys.match, keys.want),
                                 extra_state_assignments(checkpoint, keys.match, keys.want));
  return true;
}

// Of several GPUs the first tells: moving what was not loaded is slow, and it is the same network.
void observe_admitted(const Inputs& given, Worker& worker, std::optional<PartialFindings> partial, ModelRun& run) {
  if (!partial || run.partial) return;
  for (const auto& golden : given.cases()) move_each(worker, golden.inputs, *partial);
  run.partial = std::move(partial);
}

bool runs_program(const Inputs& given) { return given.files.from_seal && given.sealed.model.embedded.has_value(); }

void leave_to_code(BatchFindings& batch, const BatchRecord& sealed) {
  batch.unjudged = fmt::format("the program that the seal embeds takes no batch of {}", sealed.size);
  batch.remedy = "have the code run in its place: --runtime python --trust-code";
}

// Every case in batches, until one differs.
void run_batches(const Inputs& given, const RunPlace& place, RunFindings& findings) {
  const auto& sealed = given.sealed;
  if (!sealed.batch) return;
  if (!findings.batch) findings.batch.emplace();
  auto& batch = *findings.batch;
  if (sealed.batch->by_code && runs_program(given)) return leave_to_code(batch, *sealed.batch);
  place.log.progress.step(fmt::format("running batches of {}", sealed.batch->size));
  const auto cases = given.cases();
  const BatchPlace where{place.worker, place.request.policy, place.settings, place.request.depth == RunDepth::quick,
                         place.label};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (sealed.golden[i].beside.empty()) continue;
    if (!observe_batches(where, {*sealed.batch, sealed.golden, cases}, i, batch)) break;
  }
  // The code took such batches when it was sealed. Which size a program is bound to may only show with another worker.
  if (!batch.refused.empty() && runs_program(given)) leave_to_code(batch, *sealed.batch);
  place.log.stopwatch.lap("batches");
}

// Everything but the start; true where every request was answered.
bool drive(const Inputs& given, const RunPlace& place, ModelRun& run, std::vector<CaseResults>& results) {
  auto& findings = run.findings;
  auto& worker = place.worker;
  if (!build_and_load(given, place, run)) return false;
  auto state = worker.digest();
  auto partial = admitted(given.sealed.model, *findings.network_keys, state.tensors);
  note_loaded(given.sealed, std::move(state), findings);
  place.log.stopwatch.lap("load and digest");
  bool first = true;
  for (const auto& golden : given.cases()) {
    const CaseRunner runner(worker, golden.inputs);
    auto& result = results.emplace_back(run_case(place, runner, golden, findings));
    if (std::exchange(first, false)) note_settled(given, worker, findings);
    observe_case(golden, result, place.label, run);
    note_digests(golden, result, place.device, uuid_of(place.device, run.machine.environment), run.digests);
    place.log.stopwatch.lap("compare");
    observe_randomness(place, runner, golden, findings);
    follow_layers(place, runner, golden, result, findings);
    try_settings(place, runner, golden, findings);
    try_channels(place, golden, result, findings);
  }
  run_batches(given, place, findings);
  observe_admitted(given, worker, std::move(partial), run);
  ask_settings(worker, run.machine.environment);
  worker.finish();
  run.serving.ran_code = run.serving.builds_code;
  return true;
}

void note_failure(const Error& error, const std::optional<WorkerFailure>& failure, const std::optional<Device>& label,
                  WorkerObservation& observed) {
  if (observed.failure || !observed.refusal.empty()) return;  // of a GPU before: the first tells
  observed.device = label;
  if (error.kind() == ErrorKind::worker && failure) {
    observed.failure = failure;
    return;
  }
  observed.refusal = error.message();
  observed.refusal_where = error.where();
  observed.refusal_remedy = error.remedy();
}

// A program stands for code: that this LibTorch lacks what it calls leaves open whether the model is whole. Of a program
// that the user names, which is what is deployed, it is a failure.
void tell_other_runtime(const Inputs& given, const Error& error, WorkerObservation& observed) {
  const auto& sealed = given.sealed;
  if (error.kind() != ErrorKind::unsupported || !given.files.from_seal || !sealed.model.embedded) return;
  if (sealed.model.builder != Builder::python || observed.refusal.empty()) return;
  observed.refusal =
      fmt::format("{} cannot run the program that the seal embeds: {}", observed.runtime, observed.refusal);
  observed.refusal_remedy = fmt::format(
      "run it by LibTorch {} (--runtime libtorch=DIR), which can, or judge the code itself in its own Python: --runtime "
      "python --trust-code",
      sealed.environment.text("torch.version").value_or("of the version that sealed it"));
}

// The n-th device; the first worker is asked which there are. True where every request was answered.
bool run_on_device(std::size_t n, const Inputs& given, StageLog& log, ModelRun& run,
                   std::vector<CaseResults>& results) {
  const auto& request = given.request;
  const auto& device = *run.findings.device;
  const auto label = [&] { return device.used.size() > 1 ? std::optional(device.used[n]) : std::nullopt; };
  std::optional<Worker> worker;
  std::optional<WorkerFailure> failed;
  try {
    log.progress.step("starting PyTorch");
    worker.emplace(request.runtime, request.limit, request.threads, request.confinement, &failed);
    log.stopwatch.lap("start");
    if (n == 0) ask_machine(given, *worker, run);
    if (device.refused) return false;
    // A worker runs on the CPU by itself; a training script's own model, where that lies.
    if (request.device || device.used[n].is_gpu()) worker->use_device(device.used[n]);
    const RunPlace place{request, given.sealed, *worker, native_settings(request), device.used[n], label(), log,
                         run.machine.environment.boolean("numerics.compiled_judged").value_or(false)};
    return drive(given, place, run, results);
  } catch (const Error& error) {
    // What the system refuses, and what changed meanwhile, is not the model's fault.
    if (!is_of_model(error.kind())) throw;
    note_failure(error, worker ? worker->failure() : failed, label(), *run.findings.worker);
    tell_other_runtime(given, error, *run.findings.worker);
    return false;
  }
}

}  // namespace

ModelRun run_model(const VerifyRequest& request, const OpenSeal& seal, const ExaminedFiles& files,
                   MachineFindings machine, StageLog& log) {
  const auto& sealed = seal.manifest;
  ModelRun run{.machine = std::move(machine), .serving = files.serving};
  run.findings.depth = request.depth;
  run.findings.worker = WorkerObservation{.runtime = request.runtime.describe()};
  run.findings.device =
      DeviceObservation{.asked = request.device ? request.device->text : "", .sealed = sealed_device(sealed)};
  const Inputs given{request, sealed, files, seal.golden};
  const auto& device = *run.findings.device;
  std::vector<CaseResults> results;
  // Of several GPUs each has a process of its own: an error of CUDA spoils the one that it comes up in.
  bool all_answered = true;
  std::size_t n = 0;
  do {
    all_answered = run_on_device(n, given, log, run, results) && all_answered;
  } while (++n < device.used.size() && !device.refused);
  run.findings.worker->done = all_answered;
  if (request.save_results && all_answered) {
    const auto& found = run.findings;
    save_results(*request.save_results, {.golden_sha256 = sealed.golden_sha256,
                                         .runtime = found.worker->runtime,
                                         .environment = run.machine.environment,
                                         .state_entries = found.network_keys->want,
                                         .configuration = *found.configuration,
                                         .choices = found.choices,
                                         .tensors = *found.loaded_tensors,
                                         .cases = results,
                                         .extra_states = found.extra_states.value_or(std::vector<ExtraStateRecord>{}),
                                         .outside = found.outside.value_or(std::vector<OutsideRecord>{}),
                                         .changed = found.changed});
  }
  return run;
}

ModelRun judge_again(const std::filesystem::path& directory, const VerifyRequest& request, const OpenSeal& seal,
                     const ExaminedFiles& files, StageLog& log) {
  const auto& sealed = seal.manifest;
  auto results = load_results(directory);
  if (results.golden_sha256 != sealed.golden_sha256) {
    throw Error(ErrorKind::usage, directory.string(), "expected results of this seal, found those of another",
                "name the seal that they were saved for");
  }
  const Inputs given{request, sealed, files, seal.golden};
  ModelRun run{.machine = {.environment = std::move(results.environment)}, .serving = files.serving};
  run.findings.depth = request.depth;
  run.findings.worker = WorkerObservation{.runtime = results.runtime + ", saved", .done = true};
  BuiltNetwork network;
  network.state_entries = results.state_entries;
  network.configuration = results.configuration;
  network.choices = results.choices;
  note_network(given, std::move(network), run.findings);
  const Device device(run.machine.environment.text("numerics.device").value_or(Device().text()));
  // Nothing can be moved any more: what was not loaded must have the sealed value.
  run.partial = admitted(sealed.model, *run.findings.network_keys, results.tensors);
  run.findings.loaded_tensors = std::move(results.tensors);
  run.findings.extra_states = std::move(results.extra_states);
  run.findings.outside = std::move(results.outside);
  run.findings.changed = std::move(results.changed);
  if (sealed.batch) {
    run.findings.batch.emplace();
    run.findings.batch->unjudged = "saved results hold no runs in batches";
    run.findings.batch->remedy = "verify on the machine itself, without --results";
  }
  for (const auto& golden : given.cases()) {
    const auto found = std::ranges::find(results.cases, golden.name, &CaseResults::golden_case);
    const auto result = found == results.cases.end() ? CaseResults{.golden_case = golden.name} : *found;
    observe_case(golden, result, std::nullopt, run);
    note_digests(golden, result, device, uuid_of(device, run.machine.environment), run.digests);
    log.stopwatch.lap("compare");
    for (const auto compute : {Compute::float64, Compute::native}) {
      if (const auto& layers = result.layers(compute); !layers.empty())
        observe_layers(golden, compute, golden::unpack_layers(layers), std::nullopt, run.findings);
    }
  }
  return run;
}

}  // namespace goldseal

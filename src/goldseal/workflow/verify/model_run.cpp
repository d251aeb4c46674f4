// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/verify/model_run.hpp>

#include <checks/keys/sealed_names.hpp>
#include <checks/tensors/tensor_finding.hpp>
#include <checks/worker/device.hpp>
#include <goldseal/base/error.hpp>
#include <goldseal/golden/compare/output_verdict.hpp>
#include <goldseal/workflow/shared/architecture.hpp>
#include <goldseal/workflow/shared/case_runner.hpp>
#include <goldseal/workflow/shared/loading.hpp>
#include <goldseal/workflow/shared/output_comparison.hpp>
#include <goldseal/workflow/shared/partial.hpp>
#include <goldseal/workflow/shared/saved_results.hpp>
#include <goldseal/worker/told_environment.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>
#include <utility>

namespace goldseal {
namespace {

// Reversed channels explain a native run where they leave at most 1/8 of the difference: where it is just over the
// limit, chance alone could bring it below.
constexpr double k_channels_drop = 8;
// The least height and width of a picture: three numbers beside a few others are hardly colours.
constexpr std::int64_t k_least_side = 8;

// For a tensor with three channels, first or last.
bool has_sides_of_a_picture(const HostTensor& input) {
  const auto large = std::ranges::count_if(input.shape, [](std::int64_t size) { return size >= k_least_side; });
  return large >= 2;
}

// A native run made once more with one setting changed.
struct OtherSetting {
  std::string name;
  RunRequest request;
  std::string remedy;  // where the setting was the cause; empty where that calls for nothing of its own
};

class ModelRun {
 public:
  ModelRun(const VerifyRequest& request, const FileExamination& files, Observation& observed, RunEvidence& evidence,
           Progress& progress, Stopwatch& stopwatch)
      : m_request(request),
        m_files(files),
        m_observed(observed),
        m_evidence(evidence),
        m_progress(progress),
        m_stopwatch(stopwatch),
        m_settings(native_settings(request)) {}

  void run() {
    m_observed.run.worker = WorkerObservation{.runtime = m_request.runtime.describe()};
    m_observed.run.device =
        DeviceObservation{.asked = m_request.device ? m_request.device->text : "", .sealed = sealed_device()};
    // Of several GPUs each has a process of its own: an error of CUDA spoils the one that it comes up in.
    std::size_t device = 0;
    do {
      run_on(device);
    } while (++device < m_observed.run.device->used.size() && !m_observed.run.device->refused);
    m_observed.run.worker->done = m_ran == device;
    if (m_request.save_results && m_observed.run.worker->done) save(*m_request.save_results);
  }

  // What was saved takes the worker's place.
  void judge_again(const std::filesystem::path& directory) {
    auto results = load_results(directory);
    if (results.golden_sha256 != m_observed.sealed.golden_sha256) {
      throw Error(ErrorKind::usage, directory.string(), "expected results of this seal, found those of another",
                  "name the seal that they were saved for");
    }
    m_observed.run.worker = WorkerObservation{.runtime = results.runtime + ", saved", .done = true};
    m_observed.machine.environment = std::move(results.environment);
    note_network({results.state_entries, {}, results.configuration});
    // Nothing can be moved any more: what was not loaded must have the sealed value.
    m_observed.partial = admitted(results.tensors);
    m_observed.run.loaded_tensors = std::move(results.tensors);
    m_observed.run.extra_states = std::move(results.extra_states);
    m_observed.run.outside = std::move(results.outside);
    m_observed.run.changed = std::move(results.changed);
    for (const auto& golden : sealed_cases()) {
      const auto found = std::ranges::find(results.cases, golden.name, &CaseResults::golden_case);
      observe_saved(golden, found == results.cases.end() ? CaseResults{.golden_case = golden.name} : *found);
    }
  }

 private:
  static RunRequest native_settings(const VerifyRequest& request) {
    auto settings = request.settings;
    if (request.decides_against_tf32()) settings.tf32 = false;
    return settings;
  }

  void run_on(std::size_t device) {
    std::optional<Worker> worker;
    std::optional<WorkerFailure> failed;
    try {
      m_progress.step("starting PyTorch");
      worker.emplace(m_request.runtime, m_request.limit, m_request.threads, m_request.confinement, &failed);
      m_stopwatch.lap("start");
      if (device == 0) greet(*worker);
      if (m_observed.run.device->refused) return;
      settle_on(*worker, m_observed.run.device->used[device]);
      drive(*worker);
    } catch (const Error& error) {
      // What the system refuses, and what changed meanwhile, is not the model's fault.
      if (!is_of_model(error.kind())) throw;
      note_failure(error, worker ? worker->failure() : failed);
    }
  }

  static bool is_of_model(ErrorKind kind) {
    return kind != ErrorKind::interrupted && kind != ErrorKind::io && kind != ErrorKind::changed;
  }

  void greet(Worker& worker) {
    add_told(m_observed.machine.environment, worker.environment(), worker.hello().runtime);
    m_observed.machine.asked_pytorch = true;
    m_observed.run.worker->sandbox = worker.sandbox();
    auto& device = *m_observed.run.device;
    device.offered = worker.hello().devices;
    device.used = choose_devices(m_request.device, device.sealed, device.offered);
    device.refused = device.used.empty() || find_shortage(m_observed);
    if (!device.used.empty() && (m_request.device || device.used.front().is_gpu()))
      m_observed.machine.environment.set("numerics.device", device.used.front().text(),
                                         m_request.device ? "--device" : "as sealed");
  }

  // A worker runs on the CPU by itself; a training script's own model, where that lies.
  void settle_on(Worker& worker, const Device& device) {
    m_device = device;
    m_label = m_observed.run.device->used.size() > 1 ? std::optional(device) : std::nullopt;
    if (m_request.device || device.is_gpu()) worker.use_device(device);
  }

  [[nodiscard]] Device sealed_device() const {
    const auto& sealed = m_observed.sealed;
    if (!sealed.golden.empty() && sealed.golden.front().device.is_gpu()) return sealed.golden.front().device;
    return sealed.environment.text("numerics.device").value_or(Device().text());
  }

  void drive(Worker& worker) {
    if (!m_request.admission.missing.empty() || !m_observed.sealed.model.initial.empty()) worker.build_with_values(0);
    const auto* const checkpoint = &*m_files.checkpoint();
    const auto network = build_network(worker, m_files.model(), m_request.vouches_for_code() ? Trust::code : Trust::computing,
                                       checkpoint);
    m_observed.serving.training = network.training;
    note_network(network);
    m_stopwatch.lap("build");
    if (!m_observed.run.network_keys->match.complete() || !names_are_sealed(m_observed)) return;
    const auto& keys = *m_observed.run.network_keys;
    auto assigned = network;
    assigned.state_entries = keys.want;
    m_observed.run.changed = worker.load(*checkpoint, assignments_of(*checkpoint, keys.match, assigned),
                                         not_loaded_names(keys.match, keys.want),
                                         extra_state_assignments(*checkpoint, keys.match, keys.want));
    auto digests = worker.digest();
    auto partial = admitted(digests.tensors);
    note_loaded(std::move(digests));
    m_stopwatch.lap("load and digest");
    for (const auto& golden : sealed_cases()) {
      const CaseRunner runner(worker, golden.inputs);
      m_results.push_back(run_golden(worker, runner, golden));
      observe(golden, m_results.back());
      observe_randomness(runner, golden);
      follow_layers(runner, golden, m_results.back());
      try_settings(worker, runner, golden);
      try_channels(worker, golden);
    }
    if (partial && !m_observed.partial) {
      for (const auto& golden : sealed_cases()) move_each(worker, golden.inputs, *partial);
      m_observed.partial = std::move(partial);
    }
    ask_settings(worker);
    worker.finish();
    ++m_ran;
    m_observed.serving.ran_code = m_observed.serving.builds_code;
  }

  // What the seal admits of the network is what it names.
  [[nodiscard]] Admission admitted_of_network() const {
    const auto& sealed = m_observed.sealed.model;
    auto admission = m_request.admission;
    for (const auto& tensor : sealed.initial) admission.missing.push_back(tensor.name);
    admission.unexpected.insert(admission.unexpected.end(), sealed.allow_unexpected.begin(),
                                sealed.allow_unexpected.end());
    return admission;
  }

  // The digest that was sealed of what is not loaded: of the network's own value, or of the checkpoint's.
  [[nodiscard]] std::optional<Digest> sealed_digest(const std::string& name) const {
    const auto& sealed = m_observed.sealed.model;
    const auto own = std::ranges::find(sealed.initial, name, &InitialRecord::name);
    if (own != sealed.initial.end()) return own->sha256;
    const auto found = std::ranges::find(sealed.tensors, name, &TensorRecord::name);
    return found == sealed.tensors.end() ? std::nullopt : std::optional(found->sha256);
  }

  // The admitted differences, beside those of the seal; nothing where every key found its place.
  [[nodiscard]] std::optional<PartialFindings> admitted(std::span<const LoadedTensor> digests) const {
    const auto& keys = *m_observed.run.network_keys;
    if (keys.match.not_loaded.empty() && keys.match.left_out.empty()) return std::nullopt;
    auto partial = partial_findings(keys, digests);
    for (auto& entry : partial.initial) entry.sealed = sealed_digest(entry.name);
    return partial;
  }

  // What the model's code switched while it was built and run, not only what the process began with.
  void ask_settings(Worker& worker) {
    const auto told = worker.environment();
    for (const auto& [name, fact] : told.facts()) {
      if (name.starts_with("numerics.") && name != "numerics.device")
        m_observed.machine.environment.set(name, fact.value, fact.origin);
    }
  }

  // Each GPU has a process that loads for itself: the first that loaded otherwise is told of.
  void note_loaded(NetworkState loaded) {
    if (m_observed.run.loaded_tensors && !all_loaded_as_sealed(m_observed)) return;
    m_observed.run.loaded_tensors = std::move(loaded.tensors);
    m_observed.run.extra_states = std::move(loaded.extra_states);
    m_observed.run.outside = std::move(loaded.outside);
  }

  void note_network(BuiltNetwork network) {
    add_compiled_in(*m_files.checkpoint(), network);
    // A program calls the settings of its operators otherwise than the code that it was made from does.
    const bool program = m_files.builds_from_seal() && m_observed.sealed.model.embedded;
    if (program) {
      add_held_by_program(*m_files.checkpoint(), network);
      network.renames = m_observed.sealed.model.renamed;
    }
    m_observed.run.load_steps = network.load_steps;
    m_observed.run.configuration = program ? decltype(network.configuration){} : network.configuration;
    KeyObservation keys{keys_of(*m_files.checkpoint(), network.renames), std::move(network.state_entries), {}};
    keys.match = match_keys(keys.have, keys.want, admitted_of_network());
    keys.renames = std::move(network.renames);
    keys.load_steps = std::move(network.load_steps);
    m_observed.run.network_keys = std::move(keys);
  }

  std::vector<golden::GoldenTensors> sealed_cases() const {
    return golden::read_golden(m_files.seal().golden, m_observed.sealed.golden);
  }

  // Compiled code and quantized kernels have one type: the other checks judge them alone.
  std::vector<HostTensor> run_unless_refused(const Worker& worker, const CaseRunner& runner,
                                             const RunRequest& request) {
    try {
      return runner.run(request);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unsupported || worker.failure()) throw;
      m_observed.run.without_float64 = error.message();
      return {};
    }
  }

  CaseResults run_golden(const Worker& worker, const CaseRunner& runner, const golden::GoldenTensors& sealed) {
    m_progress.step(fmt::format("running {}", sealed.name), (m_request.depth == RunDepth::quick) ? 1 : 3);
    CaseResults results;
    results.golden_case = sealed.name;
    results.native = runner.run(m_settings);
    m_progress.advance(1);
    m_stopwatch.lap("native run");
    if ((m_request.depth == RunDepth::quick)) return results;
    results.again = runner.run(m_settings);
    m_progress.advance(2);
    m_stopwatch.lap("repeated run");
    RunRequest float64;
    float64.compute = Compute::float64;
    if (has_reference(sealed)) results.float64 = run_unless_refused(worker, runner, float64);
    m_stopwatch.lap("float64 run");
    return results;
  }

  void observe(const golden::GoldenTensors& sealed, const CaseResults& results) {
    for (auto& output : compare_outputs(sealed, results)) {
      output.device = m_label;
      m_observed.run.outputs.push_back(std::move(output));
    }
    for (auto& detections : compare_detections(sealed, results)) {
      detections.device = m_label;
      m_observed.run.detections.push_back(std::move(detections));
    }
    note_distributions(sealed, results, m_label, m_evidence);
    m_stopwatch.lap("compare");
  }

  void observe_saved(const golden::GoldenTensors& sealed, const CaseResults& results) {
    observe(sealed, results);
    for (const auto run : {Compute::float64, Compute::native}) {
      const auto& layers = run == Compute::float64 ? results.float64_layers : results.native_layers;
      if (!layers.empty()) observe_layers(sealed, run, golden::unpack_layers(layers));
    }
  }

  // A network that lost its dropout or noise answers the same whatever is drawn.
  void observe_randomness(const CaseRunner& runner, const golden::GoldenTensors& sealed) {
    if (sealed.random.empty()) return;
    const auto one = runner.run_drawing(k_same_draws).outputs;
    const auto other = runner.run_drawing(k_other_draws).outputs;
    for (const auto& output : sealed.random) {
      const auto* const a = find_tensor(one, output.name);
      const auto* const b = find_tensor(other, output.name);
      const bool same = a != nullptr && b != nullptr && a->dtype == b->dtype && a->shape == b->shape &&
                        golden::judge_repeat(*a, *b).equal;
      m_observed.run.random.push_back({sealed.name, output.name, !same});
    }
    m_stopwatch.lap("random runs");
  }

  // Where the weights are the sealed ones and the answers are not, the run is made once more, layer by layer. A run
  // that cannot be followed leaves the verdict as it is.
  void follow_layers(const CaseRunner& runner, const golden::GoldenTensors& sealed, CaseResults& results) {
    const auto run = sealed.layers.empty() ? std::nullopt : differing_run(m_observed, sealed.name, m_label, m_request.policy);
    if (!run) return;
    m_progress.step(fmt::format("following the layers of {}", sealed.name));
    auto request = *run == Compute::float64 ? RunRequest{} : m_settings;
    request.compute = *run;
    const auto layers = runner.run_layered(request).layers;
    m_stopwatch.lap("layers");
    if (layers.empty()) return;
    (request.compute == Compute::float64 ? results.float64_layers : results.native_layers) =
        golden::pack_layers(layers);
    observe_layers(sealed, *run, layers);
  }

  void observe_layers(const golden::GoldenTensors& sealed, Compute run,
                      const std::vector<golden::LayerSketch>& layers) {
    m_observed.run.layers.push_back(
        {sealed.name, run, golden::follow_layers(sealed.layers, layers, run, golden::layer_bits(sealed)), m_label});
  }

  // Where the float64 run agrees (or there is none) and the native one does not, one setting after the other is changed
  // until it does. A setting that this machine lacks tells nothing.
  void try_settings(const Worker& worker, const CaseRunner& runner, const golden::GoldenTensors& sealed) {
    if (!native_alone_differs(m_observed, sealed.name, m_label, m_request.policy)) return;
    for (const auto& [setting, request, remedy] : settings_to_try()) {
      m_progress.step(fmt::format("running {} with {}", sealed.name, setting));
      try {
        const auto outputs = runner.run(request);
        TrialObservation trial{run_name(sealed.name, m_label), setting,
                               worst_severity(sealed, outputs, Compute::native, m_request.policy)};
        trial.remedy = remedy;
        m_observed.run.trials.push_back(std::move(trial));
        if (m_observed.run.trials.back().severity <= 1) break;
      } catch (const Error& error) {
        if (!is_of_model(error.kind()) || worker.failure()) throw;
      }
    }
    m_stopwatch.lap("runs with one setting changed");
  }

  // What wraps a network on this machine may swap the colours of its input, where the sealed one did not. The outputs
  // of the same weights then agree to the last digits once the input's channels are reversed, which no other fault can
  // bring about; without a float64 run they must come close to what a sound machine gives, not just below the limit.
  void try_channels(Worker& worker, const golden::GoldenTensors& sealed) {
    const auto run = differing_run(m_observed, sealed.name, m_label, m_request.policy);
    if (!run || (*run == Compute::native && has_shadow(sealed.name))) return;
    auto inputs = sealed.inputs;
    bool reversed = false;
    for (auto& input : inputs) {
      auto other = has_sides_of_a_picture(input) ? golden::channels_reversed(input) : std::nullopt;
      if (!other) continue;
      input = std::move(*other);
      reversed = true;
    }
    if (!reversed) return;
    m_progress.step(fmt::format("running {} with the channels of its input reversed", sealed.name));
    auto request = *run == Compute::float64 ? RunRequest{} : m_settings;
    request.compute = *run;
    try {
      const auto outputs = CaseRunner(worker, inputs, "reversed").run(request);
      m_observed.run.trials.push_back(
          {run_name(sealed.name, m_label), "the channels of its input reversed", worst_severity(sealed, outputs, *run, m_request.policy),
           *run, "the network, or what wraps it here, takes BGR for RGB or RGB for BGR",
           "leave the order of the channels as the sealed network takes it: look for [..., ::-1], flip or cvtColor in "
           "what builds the network here",
           *run == Compute::float64 ? 1 : channels_agree_at(sealed)});
    } catch (const Error& error) {
      if (!is_of_model(error.kind()) || worker.failure()) throw;
    }
    m_stopwatch.lap("run with the channels reversed");
  }

  [[nodiscard]] double channels_agree_at(const golden::GoldenTensors& sealed) const {
    const double before = worst_severity(sealed, m_results.back().native, Compute::native, m_request.policy);
    return std::min(1.0, before / k_channels_drop);
  }

  [[nodiscard]] bool has_shadow(const std::string& golden_case) const {
    return std::ranges::any_of(m_observed.run.outputs, [&](const OutputObservation& output) {
      return output.golden_case == golden_case && output.device == m_label && output.float64;
    });
  }

  // One setting each, beside those that `--set` gave: where these are themselves the cause, the first run tells.
  [[nodiscard]] std::vector<OtherSetting> settings_to_try() const {
    const auto& given = m_settings;
    std::vector<OtherSetting> settings;
    const auto add = [&](std::string name, std::string remedy = "") -> RunRequest& {
      settings.push_back({std::move(name), given, std::move(remedy)});
      return settings.back().request;
    };
    if (given.threads || given.onednn || given.channels_last || given.tf32 == true)
      add("nothing of --set", "leave out the settings that --set gave, here and where the model runs") = RunRequest{};
    if (given.tf32 != false) {
      add("TF32 off",
          "set torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32 to False where the model "
          "runs, or judge under a policy whose precision is \"tf32\"")
          .tf32 = false;
    }
    if (const auto threads = m_observed.sealed.environment.integer("numerics.threads"))
      add(fmt::format("{} threads, as sealed", *threads)).threads = static_cast<int>(*threads);
    if (given.onednn != false) add("oneDNN off").onednn = false;
    const bool contiguous = given.channels_last.value_or(false);
    add(contiguous ? "inputs contiguous" : "inputs channels last").channels_last = !contiguous;
    if (m_device.is_gpu()) add("the CPU").device = Device();
    return settings;
  }

  void save(const std::filesystem::path& directory) const {
    save_results(directory, {m_observed.sealed.golden_sha256, m_observed.run.worker->runtime,
                             m_observed.machine.environment, m_observed.run.network_keys->want,
                             *m_observed.run.configuration, *m_observed.run.loaded_tensors, m_results,
                             m_observed.run.extra_states.value_or(std::vector<ExtraStateRecord>{}),
                             m_observed.run.outside.value_or(std::vector<OutsideRecord>{}), m_observed.run.changed});
  }

  void note_failure(const Error& error, const std::optional<WorkerFailure>& failure) {
    auto& observed = *m_observed.run.worker;
    if (observed.failure || !observed.refusal.empty()) return;  // of a GPU before: the first tells
    observed.device = m_label;
    if (error.kind() == ErrorKind::worker && failure) {
      observed.failure = failure;
      return;
    }
    observed.refusal = error.message();
    observed.refusal_where = error.where();
    observed.refusal_remedy = error.remedy();
  }

  const VerifyRequest& m_request;
  const FileExamination& m_files;
  Observation& m_observed;
  RunEvidence& m_evidence;
  Progress& m_progress;
  Stopwatch& m_stopwatch;
  RunRequest m_settings;  // of the native runs
  std::vector<CaseResults> m_results;
  Device m_device;                // where the model runs
  std::optional<Device> m_label;  // the same where there are several
  std::size_t m_ran = 0;
};

}  // namespace

void run_model(const VerifyRequest& request, const FileExamination& files, Observation& observed, RunEvidence& evidence,
               Progress& progress, Stopwatch& stopwatch) {
  ModelRun(request, files, observed, evidence, progress, stopwatch).run();
}

void judge_again(const std::filesystem::path& results, const VerifyRequest& request, const FileExamination& files,
                 Observation& observed, RunEvidence& evidence, Progress& progress, Stopwatch& stopwatch) {
  ModelRun(request, files, observed, evidence, progress, stopwatch).judge_again(results);
}

}  // namespace goldseal

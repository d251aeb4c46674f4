// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/model_run.hpp>

#include <goldseal/base/error.hpp>
#include <goldseal/golden/lanes.hpp>
#include <goldseal/workflow/architecture.hpp>
#include <goldseal/workflow/golden_runs.hpp>
#include <goldseal/workflow/loading.hpp>
#include <goldseal/workflow/output_comparison.hpp>
#include <goldseal/workflow/saved_results.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace goldseal {
namespace {

class ModelRun {
 public:
  ModelRun(const VerifyRequest& request, const FileExamination& files, Observation& observed, RunEvidence& evidence,
           Progress& progress, Stopwatch& stopwatch)
      : m_request(request),
        m_files(files),
        m_observed(observed),
        m_evidence(evidence),
        m_progress(progress),
        m_stopwatch(stopwatch) {}

  void run() {
    m_observed.worker = WorkerObservation{m_request.runtime.describe(), false, {}, {}, {}, {}, {}};
    std::optional<Worker> worker;
    try {
      m_progress.step("starting PyTorch");
      worker.emplace(m_request.runtime, m_request.limit, m_request.threads, m_request.confinement);
      m_stopwatch.lap("start");
      m_observed.found.merge(worker->environment());
      m_observed.asked_pytorch = true;
      m_observed.worker->sandbox = worker->sandbox();
      drive(*worker);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      note_failure(error, worker);
    }
  }

  // What was saved takes the worker's place.
  void judge_again(const std::filesystem::path& directory) {
    auto results = load_results(directory);
    if (results.golden_sha256 != m_observed.sealed.golden_sha256) {
      throw Error(ErrorKind::usage, directory.string(), "expected results of this seal, found those of another",
                  "name the seal that they were saved for");
    }
    m_observed.worker = WorkerObservation{results.runtime + ", saved", true, {}, {}, {}, {}, {}};
    m_observed.found = std::move(results.environment);
    note_network({results.slots, {}, results.configuration});
    m_observed.loaded_tensors = std::move(results.tensors);
    for (const auto& golden : sealed_cases()) {
      const auto found = std::ranges::find(results.cases, golden.name, &CaseResults::golden_case);
      observe_saved(golden, found == results.cases.end() ? CaseResults{golden.name, {}, {}, {}, {}, {}} : *found);
    }
  }

 private:
  void drive(Worker& worker) {
    const auto network = build_network(worker, m_files.model());
    note_network(network);
    m_stopwatch.lap("build");
    if (!m_observed.network_keys->match.complete()) return;
    const auto& keys = *m_observed.network_keys;
    worker.load(*m_files.checkpoint(), placements_of(keys.match, keys.want));
    m_observed.loaded_tensors = worker.digest();
    m_stopwatch.lap("load and digest");
    for (const auto& golden : sealed_cases()) {
      const CaseRunner runner(worker, golden.inputs);
      m_results.push_back(run_golden(runner, golden));
      observe(golden, m_results.back());
      follow_layers(runner, golden, m_results.back());
      try_settings(worker, runner, golden);
    }
    worker.finish();
    m_observed.worker->done = true;
    if (m_request.save_results) save(*m_request.save_results);
  }

  void note_network(const BuiltNetwork& network) {
    m_observed.configuration = network.configuration;
    KeyObservation keys{keys_of(*m_files.checkpoint()), network.slots, {}};
    keys.match = match_keys(keys.have, keys.want);
    m_observed.network_keys = std::move(keys);
  }

  std::vector<golden::GoldenTensors> sealed_cases() const {
    return golden::read_golden(m_request.seal / k_golden_name, m_observed.sealed.golden);
  }

  CaseResults run_golden(const CaseRunner& runner, const golden::GoldenTensors& sealed) {
    m_progress.step(fmt::format("running {}", sealed.name), m_request.quick ? 1 : 3);
    CaseResults results;
    results.golden_case = sealed.name;
    results.native = runner.run(m_request.settings);
    m_progress.advance(1);
    m_stopwatch.lap("native run");
    if (m_request.quick) return results;
    results.again = runner.run(m_request.settings);
    m_progress.advance(2);
    m_stopwatch.lap("repeated run");
    RunRequest float64;
    float64.float64 = true;
    if (has_reference(sealed)) results.float64 = runner.run(float64);
    m_stopwatch.lap("float64 run");
    return results;
  }

  void observe(const golden::GoldenTensors& sealed, const CaseResults& results) {
    std::ranges::move(compare_outputs(sealed, results), std::back_inserter(m_observed.outputs));
    std::ranges::move(compare_detections(sealed, results), std::back_inserter(m_observed.detections));
    note_distributions(sealed, results, m_evidence);
    m_stopwatch.lap("compare");
  }

  void observe_saved(const golden::GoldenTensors& sealed, const CaseResults& results) {
    observe(sealed, results);
    for (const auto run : {golden::LayerRun::float64, golden::LayerRun::native}) {
      const auto& layers = run == golden::LayerRun::float64 ? results.float64_layers : results.native_layers;
      if (!layers.empty()) observe_layers(sealed, run, golden::unpack_layers(layers));
    }
  }

  // Where the weights are the sealed ones and the answers are not, the run is made once more, layer by layer. A run
  // that cannot be followed leaves the verdict as it is.
  void follow_layers(const CaseRunner& runner, const golden::GoldenTensors& sealed, CaseResults& results) {
    const auto run = sealed.layers.empty() ? std::nullopt : differing_run(m_observed, sealed.name);
    if (!run) return;
    m_progress.step(fmt::format("following the layers of {}", sealed.name));
    auto request = *run == golden::LayerRun::float64 ? RunRequest{} : m_request.settings;
    request.float64 = *run == golden::LayerRun::float64;
    const auto layers = runner.run_layered(request).layers;
    m_stopwatch.lap("layers");
    if (layers.empty()) return;
    (request.float64 ? results.float64_layers : results.native_layers) = golden::pack_layers(layers);
    observe_layers(sealed, *run, layers);
  }

  void observe_layers(const golden::GoldenTensors& sealed, golden::LayerRun run,
                      const std::vector<golden::LayerSketch>& layers) {
    m_observed.layers.push_back(
        {sealed.name, run, golden::follow_layers(sealed.layers, layers, run, golden::significant_bits(sealed))});
  }

  // Where the float64 run agrees and the native one does not, one setting after the other is changed until it does. A
  // setting that this machine lacks tells nothing.
  void try_settings(const Worker& worker, const CaseRunner& runner, const golden::GoldenTensors& sealed) {
    if (!native_alone_fails(sealed.name)) return;
    for (const auto& [setting, request] : settings_to_try()) {
      m_progress.step(fmt::format("running {} with {}", sealed.name, setting));
      try {
        const auto outputs = runner.run(request);
        m_observed.trials.push_back({sealed.name, setting, worst_severity(sealed, outputs)});
      } catch (const Error& error) {
        if (error.kind() == ErrorKind::interrupted || worker.failure()) throw;
      }
      if (!m_observed.trials.empty() && m_observed.trials.back().severity <= 1) break;
    }
    m_stopwatch.lap("runs with one setting changed");
  }

  [[nodiscard]] bool native_alone_fails(const std::string& golden_case) const {
    bool fails = false;
    for (const auto& output : m_observed.outputs) {
      if (output.golden_case != golden_case || !output.native || !output.shadow) continue;
      if (!golden::judge_shadow(*output.shadow, output.noise).pass) return false;
      fails = fails || !golden::judge_native(*output.native, output.noise, output.native_dtype).pass;
    }
    return fails;
  }

  [[nodiscard]] std::vector<std::pair<std::string, RunRequest>> settings_to_try() const {
    std::vector<std::pair<std::string, RunRequest>> settings;
    const auto add = [&](std::string name) -> RunRequest& {
      return settings.emplace_back(std::move(name), RunRequest{}).second;
    };
    add("TF32 off").tf32 = false;
    if (const auto threads = m_observed.sealed.environment.integer("numerics.threads"))
      add(fmt::format("{} threads, as sealed", *threads)).threads = static_cast<int>(*threads);
    add("oneDNN off").onednn = false;
    add("inputs channels last").channels_last = true;
    add("the CPU").device = "cpu";
    return settings;
  }

  void save(const std::filesystem::path& directory) const {
    save_results(directory,
                 {m_observed.sealed.golden_sha256, m_observed.worker->runtime, m_observed.found,
                  m_observed.network_keys->want, *m_observed.configuration, *m_observed.loaded_tensors, m_results});
  }

  static bool has_reference(const golden::GoldenTensors& sealed) {
    return std::ranges::any_of(sealed.outputs,
                               [](const auto& output) { return output.noise && !output.noise->native; });
  }

  void note_failure(const Error& error, const std::optional<Worker>& worker) {
    auto& observed = *m_observed.worker;
    if (error.kind() == ErrorKind::worker && worker && worker->failure()) {
      observed.failure = worker->failure();
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
  std::vector<CaseResults> m_results;
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

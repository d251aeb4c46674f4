// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/verify.hpp>

#include <checks/runner.hpp>
#include <goldseal/base/error.hpp>
#include <goldseal/base/mapped_file.hpp>
#include <goldseal/base/utc.hpp>
#include <goldseal/base/version.hpp>
#include <goldseal/environment/probe.hpp>
#include <goldseal/workflow/file_examination.hpp>
#include <goldseal/workflow/golden_runs.hpp>
#include <goldseal/workflow/loading.hpp>
#include <goldseal/workflow/report_evidence.hpp>
#include <goldseal/workflow/saved_results.hpp>
#include <goldseal/workflow/stopwatch.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace goldseal {
namespace {

constexpr std::uint64_t k_max_environment_bytes = 4U << 20U;

Report make_report(std::string verb, const JudgeRequest& request, const Observation& observed, std::string target) {
  Report report;
  report.verb = std::move(verb);
  report.subject = request.seal.string();
  report.target = std::move(target);
  report.policy = request.policy.name;
  report.version = k_version;
  report.started = utc_now();
  report.findings = run_checks(observed, request.policy, utc_today());
  report.evidence = report_evidence(observed, report.findings);
  return report;
}

std::string structure_fault(const HostTensor& found, const GoldenTensor& sealed) {
  if (found.dtype != sealed.dtype)
    return fmt::format("expected {}, found {}", to_string(sealed.dtype), to_string(found.dtype));
  if (found.shape != sealed.shape)
    return fmt::format("expected shape {}, found {}", format_shape(sealed.shape), format_shape(found.shape));
  return {};
}

// The worker's part: build, load, digest, run. What it learns goes into the observed; how it fails too.
class ModelRun {
 public:
  ModelRun(const VerifyRequest& request, const FileExamination& files, Observation& observed, Progress& progress,
           Stopwatch& stopwatch)
      : m_request(request), m_files(files), m_observed(observed), m_progress(progress), m_stopwatch(stopwatch) {}

  void run() {
    m_observed.worker = WorkerObservation{m_request.runtime.describe(), false, {}, {}, {}, {}};
    std::optional<Worker> worker;
    try {
      m_progress.step("starting PyTorch");
      worker.emplace(m_request.runtime, m_request.limit, m_request.threads);
      m_stopwatch.lap("start");
      m_observed.found.merge(worker->environment());
      m_observed.asked_pytorch = true;
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
    m_observed.worker = WorkerObservation{results.runtime + ", saved", true, {}, {}, {}, {}};
    m_observed.found = std::move(results.environment);
    note_network({results.slots, {}, results.configuration});
    m_observed.loaded_tensors = std::move(results.tensors);
    for (const auto& golden : sealed_cases()) {
      const auto found = std::ranges::find(results.cases, golden.name, &CaseResults::golden_case);
      observe(golden, found == results.cases.end() ? CaseResults{} : *found);
    }
  }

 private:
  void drive(Worker& worker) {
    const auto& model = m_files.model();
    const auto network = worker.build(model.builder, model.source, model.options);
    note_network(network);
    m_stopwatch.lap("build");
    if (!m_observed.network_keys->match.complete()) return;
    const auto& keys = *m_observed.network_keys;
    worker.load(*m_files.checkpoint(), placements_of(keys.match, keys.want));
    m_observed.loaded_tensors = worker.digest();
    m_stopwatch.lap("load and digest");
    for (const auto& golden : sealed_cases()) {
      m_results.push_back(run_golden(worker, golden));
      observe(golden, m_results.back());
      try_settings(worker, golden);
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

  CaseResults run_golden(Worker& worker, const golden::GoldenTensors& sealed) {
    m_progress.step(fmt::format("running {}", sealed.name), m_request.quick ? 1 : 3);
    CaseResults results;
    results.golden_case = sealed.name;
    results.native = run_case(worker, sealed.inputs, {});
    m_progress.advance(1);
    m_stopwatch.lap("native run");
    if (m_request.quick) return results;
    results.again = run_case(worker, sealed.inputs, {});
    m_progress.advance(2);
    m_stopwatch.lap("repeated run");
    RunRequest float64;
    float64.float64 = true;
    if (has_reference(sealed)) results.float64 = run_case(worker, sealed.inputs, float64);
    m_stopwatch.lap("float64 run");
    return results;
  }

  void observe(const golden::GoldenTensors& sealed, const CaseResults& results) {
    for (const auto& output : sealed.outputs)
      m_observed.outputs.push_back(compare_output(sealed.name, output, results.native, results.again, results.float64));
    note_unsealed_outputs(sealed, results.native);
    m_stopwatch.lap("compare");
  }

  // Where the float64 run agrees and the native one does not, one setting after the other is changed until it does. A
  // setting that this machine lacks tells nothing.
  void try_settings(Worker& worker, const golden::GoldenTensors& sealed) {
    if (!native_alone_fails(sealed.name)) return;
    for (const auto& [setting, request] : settings_to_try()) {
      m_progress.step(fmt::format("running {} with {}", sealed.name, setting));
      try {
        const auto outputs = run_case(worker, sealed.inputs, request);
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

  static double worst_severity(const golden::GoldenTensors& sealed, const std::vector<HostTensor>& outputs) {
    double worst = 0;
    for (const auto& output : sealed.outputs) {
      const auto* const found = find_tensor(outputs, output.native.name);
      if (!output.noise || found == nullptr) continue;
      const auto deviation = golden::compare(*found, *output.reference, *output.noise);
      const auto lane = golden::judge_native(deviation, *output.noise, output.native.dtype);
      const double severity = lane.pass ? lane.severity() : std::max(lane.severity(), 2.0);
      worst = std::max(worst, severity);
    }
    return worst;
  }

  void save(const std::filesystem::path& directory) const {
    save_results(directory,
                 {m_observed.sealed.golden_sha256, m_observed.worker->runtime, m_observed.found,
                  m_observed.network_keys->want, *m_observed.configuration, *m_observed.loaded_tensors, m_results});
  }

  static bool has_reference(const golden::GoldenTensors& sealed) {
    return std::ranges::any_of(sealed.outputs, [](const auto& output) { return output.reference.has_value(); });
  }

  static OutputObservation compare_output(const std::string& golden_case, const golden::GoldenOutput& sealed,
                                          const std::vector<HostTensor>& native, const std::vector<HostTensor>& again,
                                          const std::vector<HostTensor>& shadow) {
    OutputObservation observed;
    observed.golden_case = golden_case;
    observed.output = sealed.native.name;
    observed.native_dtype = sealed.native.dtype;
    const auto* const found = find_tensor(native, sealed.native.name);
    observed.structure = found == nullptr ? "the network did not give it"
                                          : structure_fault(*found, {"", sealed.native.dtype, sealed.native.shape, ""});
    if (!observed.structure.empty()) return observed;
    if (const auto* const repeated = find_tensor(again, sealed.native.name))
      observed.repeat = golden::judge_repeat(*found, *repeated);
    if (sealed.stable) {
      observed.discrete = golden::judge_discrete(*found, sealed.native, *sealed.stable);
      if (const auto* const wide = find_tensor(shadow, sealed.native.name))
        observed.discrete_shadow = golden::judge_discrete(*wide, sealed.native, *sealed.stable);
    }
    if (!sealed.reference || !sealed.noise) return observed;
    observed.noise = *sealed.noise;
    observed.native = golden::compare(*found, *sealed.reference, *sealed.noise, &sealed.native);
    if (const auto* const wide = find_tensor(shadow, sealed.native.name)) {
      observed.shadow = golden::compare(*wide, *sealed.reference, *sealed.noise);
    }
    return observed;
  }

  void note_unsealed_outputs(const golden::GoldenTensors& sealed, const std::vector<HostTensor>& native) {
    for (const auto& output : native) {
      const auto known =
          std::ranges::any_of(sealed.outputs, [&](const auto& o) { return o.native.name == output.name; });
      if (known) continue;
      OutputObservation observed;
      observed.golden_case = sealed.name;
      observed.output = output.name;
      observed.structure = "the seal does not have it";
      m_observed.outputs.push_back(std::move(observed));
    }
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
  Progress& m_progress;
  Stopwatch& m_stopwatch;
  std::vector<CaseResults> m_results;
};

// Of the first case that has an input of that name; an unnamed one is the only input of the first case.
void observe_input(const golden::InputSpec& spec, const std::vector<golden::GoldenTensors>& cases,
                   Observation& observed) {
  for (const auto& golden : cases) {
    const bool only = spec.name.empty() && golden.inputs.size() == 1;
    const auto* const sealed = only ? &golden.inputs.front() : find_tensor(golden.inputs, spec.name);
    if (sealed == nullptr) continue;
    const auto made = golden::make_input(spec);
    observed.inputs.push_back({golden.name, sealed->name, spec.text, golden::diagnose_input(made, *sealed)});
    return;
  }
  std::vector<std::string> names;
  for (const auto& golden : cases) {
    for (const auto& input : golden.inputs) names.push_back(input.name);
  }
  throw Error(ErrorKind::usage, fmt::format("--input {}", spec.text),
              fmt::format("expected the name of a sealed input ({}), found '{}'", fmt::join(names, ", "), spec.name),
              fmt::format("write {}={}", names.empty() ? "NAME" : names.front(), spec.text));
}

bool golden_is_whole(const Observation& observed) { return observed.golden_sha256 == observed.sealed.golden_sha256; }

std::string target_of(const Observation& observed) {
  auto name = observed.found.shown("host.name");
  return name.empty() ? "this machine" : name;
}

}  // namespace

Report verify(const VerifyRequest& request, Progress& progress) {
  Stopwatch stopwatch;
  Observation observed;
  observed.sealed = load_manifest(request.seal);
  observed.with_model = true;
  observed.quick = request.quick;
  progress.step("reading the files");
  FileExamination files(request, observed);
  if (!request.inputs.empty() && golden_is_whole(observed)) {
    const auto cases = golden::read_golden(request.seal / k_golden_name, observed.sealed.golden);
    for (const auto& input : request.inputs) observe_input(input, cases, observed);
  }
  ProbeOptions probe;
  if (!request.runtime.installation.empty()) probe.torch_prefix = request.runtime.installation;
  observed.found = probe_machine(probe);
  stopwatch.lap("read");
  // A seal or file that is damaged, or keys that do not match, are a verdict already; the model would only blur it.
  if (files.checkpoint() && files.keys_match() && golden_is_whole(observed)) {
    ModelRun model(request, files, observed, progress, stopwatch);
    if (request.results) {
      model.judge_again(*request.results);
    } else {
      model.run();
    }
  }
  files.finish();
  progress.finish();
  stopwatch.lap("digest the file");
  auto report = make_report("verify", request, observed, target_of(observed));
  report.facts.emplace_back("runtime", observed.worker ? observed.worker->runtime : request.runtime.describe());
  report.stages = stopwatch.stages();
  return report;
}

std::vector<Report> check(const CheckRequest& request, Progress& progress) {
  Stopwatch stopwatch;
  Observation observed;
  observed.sealed = load_manifest(request.seal);
  if (request.targets.empty()) {
    progress.step("reading the files");
    FileExamination files(request, observed);
    observed.found = probe_machine({});
    files.finish();
    progress.finish();
    stopwatch.lap("read");
    auto report = make_report("check", request, observed, target_of(observed));
    report.stages = stopwatch.stages();
    return {std::move(report)};
  }
  if (const auto golden = request.seal / k_golden_name; std::filesystem::exists(golden))
    observed.golden_sha256 = sha256(MappedFile(golden).bytes());
  std::vector<Report> reports;
  for (const auto& target : request.targets) {
    observed.found = read_environment(read_text_file(target, k_max_environment_bytes), target.string());
    observed.asked_pytorch = observed.found.has("numerics.threads");
    reports.push_back(make_report("check", request, observed, target.string()));
  }
  return reports;
}

}  // namespace goldseal

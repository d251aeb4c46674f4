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
#include <goldseal/workflow/stopwatch.hpp>

#include <fmt/format.h>

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

 private:
  void drive(Worker& worker) {
    const auto& model = m_files.model();
    const auto network = worker.build(model.builder, model.source, model.options);
    m_observed.configuration = network.configuration;
    KeyObservation keys{keys_of(*m_files.checkpoint()), network.slots, {}};
    keys.match = match_keys(keys.have, keys.want);
    const auto placements = placements_of(keys.match, keys.want);
    m_observed.network_keys = std::move(keys);
    m_stopwatch.lap("build");
    if (!m_observed.network_keys->match.complete()) return;
    worker.load(*m_files.checkpoint(), placements);
    m_observed.loaded_tensors = worker.digest();
    m_stopwatch.lap("load and digest");
    for (const auto& golden : golden::read_golden(m_request.seal / k_golden_name, m_observed.sealed.golden))
      run_golden(worker, golden);
    worker.finish();
    m_observed.worker->done = true;
  }

  void run_golden(Worker& worker, const golden::GoldenTensors& sealed) {
    m_progress.step(fmt::format("running {}", sealed.name), m_request.quick ? 1 : 3);
    const auto native = run_case(worker, sealed.inputs, {});
    m_progress.advance(1);
    m_stopwatch.lap("native run");
    std::vector<HostTensor> again;
    std::vector<HostTensor> shadow;
    if (!m_request.quick) {
      again = run_case(worker, sealed.inputs, {});
      m_progress.advance(2);
      m_stopwatch.lap("repeated run");
      RunRequest float64;
      float64.float64 = true;
      if (has_reference(sealed)) shadow = run_case(worker, sealed.inputs, float64);
      m_stopwatch.lap("float64 run");
    }
    for (const auto& output : sealed.outputs)
      m_observed.outputs.push_back(compare_output(sealed.name, output, native, again, shadow));
    note_unsealed_outputs(sealed, native);
    m_stopwatch.lap("compare");
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
};

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
  ProbeOptions probe;
  if (!request.runtime.installation.empty()) probe.torch_prefix = request.runtime.installation;
  observed.found = probe_machine(probe);
  stopwatch.lap("read");
  // A seal or file that is damaged, or keys that do not match, are a verdict already; the model would only blur it.
  if (files.checkpoint() && files.keys_match() && golden_is_whole(observed)) {
    ModelRun(request, files, observed, progress, stopwatch).run();
  }
  files.finish();
  progress.finish();
  stopwatch.lap("digest the file");
  auto report = make_report("verify", request, observed, target_of(observed));
  report.facts.emplace_back("runtime", request.runtime.describe());
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

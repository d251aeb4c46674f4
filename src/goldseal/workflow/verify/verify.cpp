// SPDX-License-Identifier: Apache-2.0
// A verification is a list of passes: read_seal, probe, run_if_whole, digest_files. Each returns its part of an
// Observation as a value; the checks then judge the whole. `check` leaves out the run.
#include <goldseal/workflow/verify/verify.hpp>

#include <checks/file/records.hpp>
#include <checks/runner.hpp>
#include <goldseal/base/messages/utc.hpp>
#include <goldseal/base/messages/version.hpp>
#include <goldseal/environment/probe/probe.hpp>
#include <goldseal/golden/file/golden_file.hpp>
#include <goldseal/verdict/stage_log.hpp>
#include <goldseal/worker/device_request.hpp>
#include <goldseal/workflow/answers/partial.hpp>
#include <goldseal/workflow/answers/saved_results.hpp>
#include <goldseal/workflow/loading/code_trust.hpp>
#include <goldseal/workflow/loading/file_observation.hpp>
#include <goldseal/workflow/loading/open_seal.hpp>
#include <goldseal/workflow/verify/attestation.hpp>
#include <goldseal/workflow/verify/file_examination.hpp>
#include <goldseal/workflow/verify/input_observation.hpp>
#include <goldseal/workflow/verify/judged_parts.hpp>
#include <goldseal/workflow/verify/model_run.hpp>
#include <goldseal/workflow/verify/model_signature.hpp>
#include <goldseal/workflow/verify/refused_seal.hpp>
#include <goldseal/workflow/verify/report_evidence.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

// The first of the findings that hold the verdict back, in the order in which verdict() asks for them.
const Finding* decisive_finding(const Report& report) {
  using Decides = bool (*)(const Finding&);
  constexpr std::array<Decides, 3> k_order{
      [](const Finding& f) { return f.status == Status::fail && f.severity == Severity::integrity; },
      [](const Finding& f) { return f.status == Status::fail; },
      [](const Finding& f) { return f.status == Status::unknown && f.severity >= Severity::required; }};
  for (const auto decides : k_order) {
    const auto found = std::ranges::find_if(report.findings, decides);
    if (found != report.findings.end()) return &*found;
  }
  return nullptr;
}

// What no check looks at, for the report's charts and pictures.
struct Shown {
  Distributions distributions;
  std::vector<Picture> pictures;
  std::vector<RunDigest> runs = {};
};

Report make_report(std::string verb, const JudgeRequest& request, const OpenSeal& seal, const Observation& observed,
                   std::string target, JudgedBy how, Shown shown = {}) {
  Report report;
  report.verb = std::move(verb);
  report.subject = request.seal.string();
  report.target = std::move(target);
  report.policy = request.policy.name;
  report.identity.policy_sha256 = request.policy.sha256;
  report.version = k_version;
  report.started = utc_now();
  report.findings = run_checks(observed, request.policy, utc_today());
  if (const auto* const finding = decisive_finding(report))
    report.next = fmt::format("goldseal explain {}", finding->id);
  if (observed.signature.good) report.facts.emplace_back("signed by", observed.signature.signer);
  report.evidence =
      report_evidence(observed, report.findings, request.policy, shown.distributions, std::move(shown.pictures));
  report.evidence.runs = std::move(shown.runs);
  report.judged = judged_parts(observed, how);
  report.subjects = report_subjects(request, seal, observed);
  return report;
}

bool golden_is_whole(const Manifest& sealed, const FileFindings& files) {
  return files.golden_sha256 == sealed.golden_sha256;
}

bool embedded_is_whole(const Manifest& sealed, const FileFindings& files) {
  const auto* const record = find_record(sealed, FileRole::embedded);
  const auto* const file = find_file(files, FileRole::embedded);
  return record == nullptr || (file != nullptr && file->sha256 == record->sha256);
}

std::string target_of(const MachineFindings& machine) {
  auto name = machine.environment.shown("host.name");
  return name.empty() ? "this machine" : name;
}

// Whether the model would be run with TF32 here, on a GPU, and was judged without.
bool leaves_out_tf32(const VerifyRequest& request, const Observation& observed) {
  if (request.results || !request.decides_against_tf32()) return false;
  if (!observed.run.device || !std::ranges::any_of(observed.run.device->used, &Device::is_gpu)) return false;
  const auto on = [&](std::string_view fact) { return observed.machine.environment.boolean(fact).value_or(false); };
  return on("numerics.tf32_cudnn") || on("numerics.tf32_matmul");
}

// How the network was built.
struct BuiltFrom {
  ModelSpec model;
  bool seal = false;
};

// What of the machine and of the seal the run was made with.
void state_run(const VerifyRequest& request, const BuiltFrom& from, const Observation& observed, Report& report) {
  if (!observed.run.worker->sandbox.empty()) report.facts.emplace_back("sandbox", observed.run.worker->sandbox);
  if (observed.run.device && !observed.run.device->used.empty())
    report.facts.emplace_back("device", fmt::format("{}", fmt::join(observed.run.device->used, ", ")));
  if (leaves_out_tf32(request, observed))
    report.facts.emplace_back("tf32", "off in these runs, on in this machine's PyTorch: --set tf32=on judges with it");
  const bool in_python = request.runtime.kind == RuntimeKind::python && !request.runtime.channel;
  if (from.seal)
    report.facts.emplace_back("network", fmt::format("{}, embedded in the seal: {}{}", to_string(from.model.builder),
                                                     fs::path(from.model.source).filename().string(),
                                                     in_python ? ", run by the Python worker" : ""));
  if (observed.serving.ran_code && request.code && in_python && observed.sealed.model.embedded)
    report.facts.emplace_back("code",
                              "was run, and the program that the seal embeds was not: without --runtime both are");
  if (from.seal && observed.sealed.model.embedded)
    report.facts.emplace_back("code",
                              fmt::format("{}:{} of this machine was not run; --runtime python --trust-code runs it",
                                          to_string(observed.sealed.model.builder), observed.sealed.model.source));
}

std::string serving_device(const VerifyRequest& request) {
  if (!request.device) return request.policy.device;
  return std::string(request.device->kind == DeviceRequest::Kind::cpu ? k_serves_on_cpu : k_serves_on_cuda);
}

// Code of the seal that nobody said may run; empty where none would.
std::string untold_code(const VerifyRequest& request, const ExaminedFiles& files) {
  const auto& model = files.model;
  if (request.vouches_for_code() || files.from_seal || !is_code(model.builder)) return {};
  return fmt::format("{}:{}", to_string(model.builder), model.source);
}

void observe_signature_of_model(const JudgeRequest& request, Observation& observed) {
  if (!request.model_signature.empty())
    observed.model_signature = observe_model_signature(request.model_signature, request.model_signers, observed);
}

// A pattern may speak of the file and the seal, or of the file and the network.
void require_admission_used(const JudgeRequest& request, const Observation& observed) {
  std::vector<const KeyObservation*> matches;
  for (const auto* const keys : {&observed.files.keys, &observed.run.network_keys})
    if (*keys) matches.push_back(&**keys);
  const bool run_is_missing = observed.run.depth != RunDepth::none && !observed.run.network_keys;
  if (!matches.empty() && !run_is_missing) require_used(request.admission, matches);
}

// First pass: the seal, the model's files and the inputs that this machine made, without PyTorch.
struct SealRead {
  OpenSeal seal;
  ExaminedFiles files;
  InputFindings inputs;
};

SealRead read_seal(const VerifyRequest& request, StageLog& log) {
  SealRead read;
  read.seal = *opened_seal(request);
  if (read.seal.refused()) return read;
  log.progress.step("reading the files");
  if (request.save_results) require_new_or_saved_results(*request.save_results);
  const auto& sealed = read.seal.manifest;
  read.files = examine_files(request, read.seal, request.depth);
  read.files.serving.device = serving_device(request);
  if (golden_is_whole(sealed, read.files.findings))
    read.inputs = observe_inputs(request.inputs, golden::read_golden(read.seal.golden, sealed.golden), sealed);
  return read;
}

// Second pass: this machine, as far as it can be known without PyTorch.
MachineFindings probe(const VerifyRequest& request) {
  ProbeOptions options;
  if (!request.runtime.installation.empty()) options.torch_prefix = request.runtime.installation;
  return {.environment = probe_machine(options)};
}

// Third pass: the model. A seal or file that is damaged, or keys that do not match, are a verdict already; the model
// would only blur it.
ModelRun run_if_whole(const VerifyRequest& request, const SealRead& read, MachineFindings machine, StageLog& log) {
  const auto& [seal, files, inputs] = read;
  const auto& sealed = seal.manifest;
  const bool whole = files.serving.missing_path.empty() && files.keys_match() &&
                     golden_is_whole(sealed, files.findings) && embedded_is_whole(sealed, files.findings);
  if (whole && request.results) return judge_again(*request.results, request, seal, files, log);
  auto untold = whole ? untold_code(request, files) : std::string();
  if (whole && untold.empty()) return run_model(request, seal, files, std::move(machine), log);
  ModelRun not_run{.machine = std::move(machine), .serving = files.serving};
  not_run.findings.depth = request.depth;
  not_run.findings.untold_code = std::move(untold);
  return not_run;
}

}  // namespace

Report verify(const VerifyRequest& request, Progress& progress) {
  StageLog log{progress};
  auto read = read_seal(request, log);
  if (read.seal.refused()) return refused_seal("verify", request, read.seal);
  auto machine = probe(request);
  log.stopwatch.lap("read");
  auto run = run_if_whole(request, read, std::move(machine), log);
  const BuiltFrom from{read.files.model, read.files.from_seal};
  // Last, since the bytes are digested beside the run.
  auto files = digest_files(std::move(read.files), read.seal, progress);
  Observation observed{.signature = read.seal.signature,
                       .sealed = read.seal.manifest,
                       .files = std::move(files),
                       .machine = std::move(run.machine),
                       .run = std::move(run.findings),
                       .inputs = std::move(read.inputs.inputs),
                       .serving = std::move(run.serving),
                       .partial = std::move(run.partial)};
  observe_signature_of_model(request, observed);
  require_admission_used(request, observed);
  log.stopwatch.lap("digest the file");
  auto report = make_report("verify", request, read.seal, observed, target_of(observed.machine),
                            request.results ? JudgedBy::results : JudgedBy::run,
                            {std::move(run.distributions), std::move(read.inputs.pictures), std::move(run.digests)});
  report.identity.seal_sha256 = to_hex(read.seal.manifest_sha256);
  if (request.device) report.identity.device = request.device->text;
  const auto& worker = observed.run.worker;
  if (observed.run.untold_code.empty())
    report.facts.emplace_back("runtime", worker ? worker->runtime : request.runtime.describe());
  if (!request.runtime.passed_over.empty() && !request.results)
    report.facts.emplace_back("passed over", request.runtime.describe_passed_over());
  if (worker && !request.results) state_run(request, from, observed, report);
  report.stages = log.stopwatch.stages();
  return report;
}

namespace {

std::string serving_device(const CheckRequest& request, const Environment& machine) {
  if (!request.device.empty()) return request.device;
  return machine.text(k_serving_device).value_or(request.policy.device);
}

// The files of here, also where another machine is to serve them: what an attestation must be about.
std::optional<FileFindings> attested_files(const CheckRequest& request, const OpenSeal& seal, Progress& progress) {
  if (request.attestation.empty()) return std::nullopt;
  return digest_files(examine_files(request, seal), seal, progress);
}

std::vector<Subject> attested_subjects(const CheckRequest& request, const OpenSeal& seal, std::optional<FileFindings> files) {
  if (!files) return {};
  Observation here;
  here.files = std::move(*files);
  return report_subjects(request, seal, here);
}

std::vector<Report> check_targets(const CheckRequest& request, Progress& progress) {
  Stopwatch stopwatch;
  const auto opened = opened_seal(request);
  const auto& seal = *opened;
  if (seal.refused()) return {refused_seal("check", request, seal)};
  Observation observed;
  observed.signature = seal.signature;
  observed.sealed = seal.manifest;
  std::vector<Environment> targets;
  for (const auto& target : request.targets) targets.push_back(load_environment(target));
  // The digest of the golden file takes as long as everything else together.
  auto files = attested_files(request, seal, progress);
  observed.files.golden_sha256 = files ? files->golden_sha256 : seal.golden_digest();
  if (auto embedded = observe_embedded(seal))
    observed.files.found.push_back(std::move(*embedded));
  const auto subjects = attested_subjects(request, seal, std::move(files));
  stopwatch.lap("read");
  std::vector<Report> reports;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    observed.machine.environment = std::move(targets[i]);
    if (!request.attestation.empty()) observed.attestation = observe_attestation(request, subjects, observed.machine.environment);
    observed.machine.asked_pytorch = observed.machine.environment.has("numerics.threads");
    observed.serving.device = serving_device(request, observed.machine.environment);
    reports.push_back(make_report("check", request, seal, observed, request.targets[i].string(), JudgedBy::targets));
    reports.back().identity.seal_sha256 = to_hex(seal.manifest_sha256);
    stopwatch.lap("judge");
    reports.back().stages = {stopwatch.stages().front(), stopwatch.stages().back()};
  }
  return reports;
}

}  // namespace

std::vector<Report> check(const CheckRequest& request, Progress& progress) {
  if (!request.targets.empty()) return check_targets(request, progress);
  Stopwatch stopwatch;
  const auto opened = opened_seal(request);
  const auto& seal = *opened;
  if (seal.refused()) return {refused_seal("check", request, seal)};
  Observation observed;
  observed.signature = seal.signature;
  observed.sealed = seal.manifest;
  progress.step("reading the files");
  auto files = examine_files(request, seal);
  observed.machine.environment = probe_machine({});
  observed.serving = files.serving;
  observed.files = digest_files(std::move(files), seal, progress);
  observe_signature_of_model(request, observed);
  require_admission_used(request, observed);
  if (!request.attestation.empty())
    observed.attestation = observe_attestation(request, report_subjects(request, seal, observed), observed.machine.environment);
  stopwatch.lap("read");
  observed.serving.device = serving_device(request, observed.machine.environment);
  auto report = make_report("check", request, seal, observed, target_of(observed.machine), JudgedBy::facts);
  report.identity.seal_sha256 = to_hex(seal.manifest_sha256);
  // What was judged here proves nothing of the answers yet.
  if (report.next.empty()) report.next = fmt::format("goldseal verify {}", report.subject);
  report.stages = stopwatch.stages();
  return {std::move(report)};
}

}  // namespace goldseal

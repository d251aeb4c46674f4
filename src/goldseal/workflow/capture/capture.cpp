// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/capture/capture.hpp>

#include <checks/catalogue.hpp>
#include <checks/runner.hpp>
#include <checks/env/host/machine_checks.hpp>
#include <checks/keys/key_finding.hpp>
#include <checks/keys/partial.hpp>
#include <checks/keys/tied_names.hpp>
#include <checks/model/loading.hpp>
#include <checks/model/state.hpp>
#include <checks/tensors/tensor_finding.hpp>
#include <goldseal/base/atomic_write.hpp>
#include <goldseal/base/error.hpp>
#include <goldseal/base/parallel.hpp>
#include <goldseal/base/protected_paths.hpp>
#include <goldseal/base/text.hpp>
#include <goldseal/base/utc.hpp>
#include <goldseal/base/version.hpp>
#include <goldseal/checkpoint/formats/open_checkpoint.hpp>
#include <goldseal/environment/anonymous.hpp>
#include <goldseal/environment/probe/probe.hpp>
#include <goldseal/golden/images/orientation.hpp>
#include <goldseal/golden/inputs/cases.hpp>
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/manifest/replaceable_seal.hpp>
#include <goldseal/workflow/capture/architecture_embedding.hpp>
#include <goldseal/workflow/capture/coverage.hpp>
#include <goldseal/workflow/capture/golden_runs.hpp>
#include <goldseal/workflow/capture/program_embedding.hpp>
#include <goldseal/workflow/description/description.hpp>
#include <goldseal/workflow/shared/architecture.hpp>
#include <goldseal/workflow/shared/embedded_file.hpp>
#include <goldseal/workflow/shared/loading.hpp>
#include <goldseal/workflow/shared/partial.hpp>
#include <goldseal/workflow/shared/open_seal.hpp>
#include <goldseal/workflow/shared/stopwatch.hpp>
#include <goldseal/workflow/shared/weight_evidence.hpp>
#include <goldseal/worker/told_environment.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <future>
#include <iterator>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view k_case_name = "default";

FileRecord architecture_record(const ModelSpec& model, const fs::path& seal) {
  const MappedFile file(model.source);
  return {.role = FileRole::architecture,
          .path = path_from_seal(model.source, seal),
          .bytes = file.size(),
          .sha256 = sha256(file.bytes())};
}

// Of a checkpoint of several files, the last is the index that names the others.
FileRecord checkpoint_record(FileRole role, const MappedFile& file, const FileDigests& digests, const fs::path& seal) {
  return {.role = role,
          .path = path_from_seal(file.path(), seal),
          .bytes = file.size(),
          .sha256 = digests.whole,
          .non_tensor_sha256 = digests.non_tensor};
}

// Ends the digests of 200 GB where an error ends what they are for; a future waits for them in its destructor.
struct Unwanted {
  ByteCounter& counter;
  explicit Unwanted(ByteCounter& of) : counter(of) {}
  ~Unwanted() { counter.unwanted = true; }
  Unwanted(const Unwanted&) = delete;
  Unwanted& operator=(const Unwanted&) = delete;
};

class Capture {
 public:
  Capture(const CaptureRequest& request, Progress& progress)
      : m_request(request),
        m_progress(progress),
        m_directory(request.seal, request.force ? require_replaceable_seal : MayReplace()) {}

  Report run() {
    require_utf8();
    require_no_inputs();
    start_report();
    m_progress.step("reading the checkpoint");
    m_checkpoint =
        open_checkpoint(m_request.checkpoint,
                        {.entry = m_request.entry,
                         .darknet_cfg = m_request.model ? m_request.model->darknet_cfg() : std::filesystem::path()});
    m_model = m_request.model ? *m_request.model : own_architecture(m_checkpoint);
    m_model.adapt_to_container(m_checkpoint.container);
    // Refuses what cannot be, before any work.
    if (m_request.embed == Embed::always && !is_code()) static_cast<void>(embedded_name(m_model));
    describe_model();
    // The digests need no worker and the worker's start needs no digests.
    auto digests = in_background([this] { return digest_everything(m_checkpoint, &m_digested); });
    const Unwanted unwanted{m_digested};
    std::optional<Worker> worker;
    try {
      m_progress.step("starting PyTorch");
      worker.emplace(m_request.runtime, m_request.limit, m_request.threads, m_request.confinement);
      if (drive(*worker, digests)) write();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::worker || !worker || !worker->failure()) throw;
      note_failure(*worker->failure());
    }
    return finish();
  }

 private:
  // The worker's part; true where everything is fit to be sealed.
  bool drive(Worker& worker, std::future<Digests>& digests) {
    if (m_request.device && !settle_device(worker)) return false;
    if (!m_request.admission.missing.empty()) worker.build_with_values(0);
    auto network = build_network(worker, m_model, m_request.model || m_request.runtime.channel ? Trust::code : Trust::computing,
                                 &m_checkpoint);
    m_sources = network.sources;
    add_compiled_in(m_checkpoint, network);
    m_stopwatch.lap("build");
    if (!match(network)) return false;
    const bool builds_twice = is_code() && !m_request.runtime.channel;
    const auto built = builds_twice ? worker.outside() : std::vector<OutsideRecord>{};
    const auto changed = worker.load(m_checkpoint, assignments_of(m_checkpoint, m_match, network),
                                     not_loaded_names(m_match, network.state_entries),
                                     extra_state_assignments(m_checkpoint, m_match, network.state_entries));
    m_progress.await(digests, k_digesting, m_digested);
    record_tensors(network, digests.get());
    m_stopwatch.lap("load");
    if (!loads_as_torch_does(network, changed)) return false;
    auto state = worker.digest();
    if (!loaded_as_read(network, state.tensors)) return false;
    run_golden(worker, network);
    record_outside(std::move(state.outside));
    if (builds_twice) compare_builds(built);
    m_report.findings.push_back(judge_coverage());
    tell_denormals(worker.environment());
    // What is refused already is neither moved nor written down.
    if (verdict(m_report) != ExitCode::conforms) return false;
    measure_partial(worker, network, state.tensors);
    if (m_request.embed != Embed::never) m_report.findings.push_back(embed_network(worker, network));
    if (verdict(m_report) != ExitCode::conforms) return false;
    record_environment(worker);
    worker.finish();
    return true;
  }

  [[nodiscard]] bool is_code() const { return m_model.builder == Builder::python; }

  Finding embed_network(Worker& worker, const BuiltNetwork& network) {
    m_progress.step("embedding the architecture");
    Finding finding;
    try {
      require_whole();
      require_stable();
      finding = is_code() ? embed_program(worker) : embed_file(worker, network);
      if (finding.status == Status::pass) m_manifest.model.files.push_back(m_embedded.value());
    } catch (const Error& error) {
      if (m_request.embed == Embed::always || error.kind() != ErrorKind::unsupported) throw;
      finding.status = Status::fail;
      finding.message = fmt::format("it cannot be written down without its code. {}", error.message());
      finding.remedy = error.remedy();
    }
    finding.id = "seal.architecture";
    if (finding.status == Status::fail && m_request.embed == Embed::where_possible) leave_out(finding);
    m_stopwatch.lap("embed");
    return finding;
  }

  void require_whole() const {
    if (m_match.not_loaded.empty() && m_match.left_out.empty()) return;
    throw Error(
        ErrorKind::unsupported, "--embed",
        "expected a checkpoint that fits the network key by key, found one with admitted differences",
        "seal it without --embed; or write a checkpoint that fits: goldseal convert --drop, model.state_dict()");
  }

  // Whether another process builds the network with the same values. Nothing where no other can be started.
  void build_again(const BuiltNetwork& network, PartialFindings& partial) {
    if (m_request.runtime.channel || partial.initial.empty()) return;
    Worker other(m_request.runtime, m_request.limit, m_request.threads, m_request.confinement);
    other.build_with_values(1);
    static_cast<void>(build_network(other, m_model, m_request.model ? Trust::code : Trust::computing));
    other.load(m_checkpoint, assignments_of(m_checkpoint, m_match, network),
               not_loaded_names(m_match, network.state_entries),
               extra_state_assignments(m_checkpoint, m_match, network.state_entries));
    const auto digests = other.digest().tensors;
    other.finish();
    for (auto& entry : partial.initial) {
      const auto found = std::ranges::find(digests, entry.name, &LoadedTensor::name);
      entry.repeatable = found != digests.end() && found->sha256 == entry.found;
    }
  }

  // What was admitted: whether the answers depend on it, and whether its value is the same in each build.
  void measure_partial(Worker& worker, const BuiltNetwork& network, const std::vector<LoadedTensor>& loaded) {
    if (m_match.not_loaded.empty() && m_match.left_out.empty()) return;
    m_progress.step("looking at what was not loaded");
    auto partial = partial_findings({keys_of(m_checkpoint), network.state_entries, m_match, {}}, loaded);
    for (const auto& golden : m_golden) move_each(worker, golden.inputs, partial);
    build_again(network, partial);
    auto finding = judge_partial(partial, PartialAt::capture);
    finding.id = k_keys_partial.id;
    finding.severity = k_keys_partial.severity;
    m_report.findings.push_back(std::move(finding));
    m_stopwatch.lap("what was not loaded");
    for (const auto& entry : partial.initial) {
      m_manifest.model.initial.push_back(
          {entry.name, entry.dtype, entry.shape, entry.found, entry.repeatable.value_or(false),
           entry.answers.value_or(!entry.name.ends_with("num_batches_tracked"))});
    }
  }

  // What is sealed from such a process is met by no other: it is said, and sealed as a fact.
  void tell_denormals(const Environment& told) {
    Observation observed;
    observed.machine.environment = told;
    auto finding = k_env_numerics_denormals.judge(observed, {});
    if (finding.status != Status::fail) return;
    finding.id = k_env_numerics_denormals.id;
    finding.severity = Severity::warn;
    finding.status = Status::warn;
    m_report.findings.push_back(std::move(finding));
  }

  // What another decoder would turn.
  void note_orientation(const golden::InputSpec& spec) {
    const auto picture = golden::encoded_picture(spec);
    const auto orientation = picture ? golden::orientation_of(picture->bytes) : golden::k_as_stored;
    if (orientation == golden::k_as_stored) return;
    m_report.facts.emplace_back(
        "note", fmt::format("{} has an EXIF orientation ({}), which was not applied: PIL and torchvision leave it alone "
                            "too, OpenCV's imread applies it (image.orientation)",
                            escape_unprintable(spec.text), golden::describe(orientation)));
  }

  // A program is judged by the sealed answers.
  void require_stable() const {
    if (std::ranges::all_of(m_golden, [](const auto& golden) { return golden.random.empty(); })) return;
    throw Error(ErrorKind::unsupported, "--embed", "its answers are random: nothing shows what a program has frozen",
                "seal it without --embed");
  }

  void leave_out(Finding& finding) {
    std::error_code ignored;
    if (m_embedded) fs::remove(m_directory.staging() / m_embedded->path, ignored);
    m_embedded.reset();
    m_manifest.model.embedded.reset();
    finding.status = Status::warn;
    finding.message = fmt::format("the seal does not embed the architecture: {}", finding.message);
  }

  Finding embed_program(Worker& worker) {
    auto code = embed_code(worker, m_checkpoint, m_manifest.model.renamed, m_golden, m_manifest.golden, m_directory.staging(),
                           [this] { return libtorch_of_this_pytorch(); });
    m_embedded = std::move(code.file);
    m_manifest.model.embedded = std::move(code.program);
    Finding finding;
    finding.message = fmt::format("the network's code is embedded as {}, which gives the sealed answers", code.what);
    return finding;
  }

  // Nothing where none is installed; a training machine often has none.
  [[nodiscard]] std::unique_ptr<Worker> libtorch_of_this_pytorch() const {
    std::error_code ignored;
    const auto here = fs::weakly_canonical(m_request.runtime.installation, ignored);
    for (const auto& installed : installed_workers()) {
      if (here.empty() || fs::weakly_canonical(installed.installation, ignored) != here) continue;
      return std::make_unique<Worker>(installed, m_request.limit, m_request.threads, m_request.confinement);
    }
    return nullptr;
  }

  Finding embed_file(Worker& worker, const BuiltNetwork& network) {
    if (m_checkpoint.packed_weights) {
      throw Error(ErrorKind::unsupported, "--embed",
                  fmt::format("expected an architecture that weights can be left out of, found quantized ones packed "
                              "into {}",
                              m_model.source),
                  "seal it without --embed: the file is needed whole");
    }
    m_embedded = embed(m_model, network, m_directory.staging());
    auto embedded = m_model;
    embedded.source = (m_directory.staging() / m_embedded->path).string();
    return judge_embedded(worker, embedded, m_checkpoint, m_match, m_golden, m_manifest.golden);
  }

  // Whether the device that was asked for is there and takes the weights, before anything is loaded.
  bool settle_device(Worker& worker) {
    Observation observed;
    observed.machine.environment = probe_machine({});
    observed.machine.environment.merge(worker.environment());
    for (const auto& tensor : m_checkpoint.tensors)
      observed.sealed.model.tensors.push_back({tensor.name, tensor.dtype, tensor.shape, {}, ""});
    const auto& offered = worker.hello().devices;
    observed.run.device = DeviceObservation{.asked = m_request.device->text,
                                            .offered = offered,
                                            .used = choose_devices(m_request.device, Device(), offered)};
    auto finding = judged(k_worker_device, observed);
    const bool fits = finding.status != Status::fail && !observed.run.device->used.empty();
    if (fits) worker.use_device(*(m_device = observed.run.device->used.front()));
    m_report.findings.push_back(std::move(finding));
    return fits;
  }

  void note_failure(const WorkerFailure& failure) {
    Observation observed;
    observed.run.depth = RunDepth::full;
    observed.run.worker = WorkerObservation{.runtime = m_request.runtime.describe(), .failure = failure};
    auto device = judged(k_worker_device, observed);
    if (device.status == Status::fail) m_report.findings.push_back(std::move(device));
    m_report.findings.push_back(judged(k_worker_run, observed));
  }

  static Finding judged(const Check& check, const Observation& observed) {
    auto finding = check.judge(observed, {});
    finding.id = check.id;
    finding.severity = check.severity;
    return finding;
  }

  void start_report() {
    m_report.verb = "capture";
    m_report.subject = m_request.checkpoint.string();
    m_report.version = k_version;
    m_report.started = utc_now();
  }

  void describe_model() {
    auto& model = m_manifest.model;
    model.builder = m_model.builder;
    model.source = m_model.is_file() ? path_from_seal(m_model.source, m_request.seal) : m_model.source;
    model.options = m_model.options;
    model.path_options = path_options(m_model);
    for (const auto& option : model.path_options)
      model.options[option] = path_from_seal(m_model.options.at(option), m_request.seal);
    model.container = m_checkpoint.container;
    model.entry = m_checkpoint.entry;
    if (m_model.is_file()) m_architecture = architecture_record(m_model, m_request.seal);
  }

  bool match(const BuiltNetwork& network) {
    KeyObservation keys{keys_of(m_checkpoint, network.renames), network.state_entries, {}};
    keys.match = match_keys(keys.have, keys.want, m_request.admission);
    require_used(m_request.admission, std::array{static_cast<const KeyObservation*>(&keys)});
    keys.renames = network.renames;
    keys.load_steps = network.load_steps;
    auto finding = judge_keys(keys, "the network");
    finding.id = "keys.network";
    const bool fits = finding.status != Status::fail;
    m_report.findings.push_back(std::move(finding));
    m_match = std::move(keys.match);
    m_manifest.model.removed_segments = m_match.removed_segments;
    m_manifest.model.allow_missing = m_request.admission.missing;
    m_manifest.model.allow_unexpected = m_request.admission.unexpected;
    m_manifest.model.configuration = network.configuration;
    m_manifest.model.renamed = network.renames;
    return fits;
  }

  void record_tensors(const BuiltNetwork& network, const Digests& digests) {
    auto& model = m_manifest.model;
    model.tensors = tensor_records(m_checkpoint, m_match, network.state_entries, digests.tensors);
    model.extra_states = extra_state_records(m_checkpoint, m_match, network.state_entries, digests.tensors);
    model.locations = devices_saved_from(m_checkpoint);
    for (std::size_t i = 0; i < m_checkpoint.files.size(); ++i) {
      m_checkpoint.files[i]->require_unchanged();
      const bool index = i + 1 == m_checkpoint.files.size();
      model.files.push_back(checkpoint_record(index ? FileRole::checkpoint : FileRole::shard, *m_checkpoint.files[i],
                                              digests.files[i], m_request.seal));
    }
    if (m_architecture) model.files.push_back(*m_architecture);
    for (auto& file : description_records(m_model, m_request.checkpoint, m_sources, m_request.seal))
      model.files.push_back(std::move(file));
    for (const auto& note : m_checkpoint.notes) {
      m_report.facts.emplace_back("note", fmt::format("{} ({})", escape_unprintable(note.message), note.rule));
    }
  }

  // Names that are one tensor, and code of the network's own: told before digests that differ by them.
  bool loads_as_torch_does(const BuiltNetwork& network, const std::vector<std::string>& changed) {
    TensorDigests file;
    for (const auto& tensor : m_manifest.model.tensors) file.emplace(tensor.name, tensor.sha256);
    auto ties = judge_ties(network.state_entries, file);
    ties.id = k_keys_tied.id;
    if (ties.status != Status::pass) m_report.findings.push_back(ties);
    if (ties.status == Status::fail) return false;
    if (changed.empty()) return true;
    auto loading = judge_loading(network.load_steps, changed);
    loading.id = k_model_loading.id;
    m_report.findings.push_back(std::move(loading));
    return false;
  }

  // What no state dict holds, as it was before any run; and, of code, whether another process builds the same.
  void record_outside(std::vector<OutsideRecord> outside) {
    for (auto& tensor : outside)
      tensor.read = (tensor.kind == "buffer" || m_reads.contains(tensor.name)) && !m_writes.contains(tensor.name);
    std::erase_if(outside, [](const OutsideRecord& tensor) { return !tensor.read && tensor.kind != "buffer"; });
    m_manifest.model.outside = std::move(outside);
  }

  void compare_builds(std::vector<OutsideRecord> built) {
    for (auto& tensor : built) {
      const auto sealed = std::ranges::find(m_manifest.model.outside, tensor.name, &OutsideRecord::name);
      tensor.read = sealed != m_manifest.model.outside.end() && sealed->read;
    }
    if (std::ranges::none_of(built, &OutsideRecord::read)) return;
    m_progress.step("building the network in another process");
    auto runtime = m_request.runtime;
    // What was never written is no zero there.
    runtime.variables.emplace_back("MALLOC_PERTURB_", "165");
    Worker other(runtime, m_request.limit, m_request.threads, m_request.confinement);
    static_cast<void>(build_network(other, m_model, Trust::code, &m_checkpoint));
    auto finding = judge_builds(built, other.outside());
    other.finish();
    finding.id = k_model_state.id;
    if (finding.status != Status::pass) m_report.findings.push_back(std::move(finding));
    m_stopwatch.lap("second build");
  }

  bool loaded_as_read(const BuiltNetwork& network, const std::vector<LoadedTensor>& loaded) {
    auto finding = judge_digests(loadable(m_manifest.model, network.state_entries), digests_of(loaded),
                                 "as loaded into the network",
                                 m_request.runtime.channel
                          ? "the model was trained on after the checkpoint was saved, or is another: save and seal it at "
                            "once"
                          : "the network changes what is put into it: seal what it computes with");
    finding.id = "tensors.loaded";
    finding.severity = Severity::integrity;
    const bool same = finding.status == Status::pass;
    m_report.findings.push_back(std::move(finding));
    m_stopwatch.lap("digest");
    return same;
  }

  void run_golden(Worker& worker, const BuiltNetwork& network) {
    const auto state_entries = input_slots(network);
    std::vector<golden::CaseSpec> cases;
    if (!m_request.inputs.empty()) cases.push_back({std::string(k_case_name), m_request.inputs});
    if (m_request.cases)
      std::ranges::move(golden::find_cases(*m_request.cases, state_entries), std::back_inserter(cases));
    for (auto& golden : cases) {
      for (auto& input : golden.inputs) input.preprocessing = m_request.preprocessing;
      run_case(worker, golden, state_entries, weight_bits(network));
    }
  }

  void run_case(Worker& worker, const golden::CaseSpec& golden, const std::vector<golden::InputSlot>& state_entries,
                int bits) {
    auto inputs = golden::make_inputs(golden.inputs, state_entries);
    std::vector<golden::InputOrigin> origins;
    std::vector<HostTensor> pictures;
    origins.reserve(inputs.size());
    for (const auto& input : golden.inputs) note_orientation(input);
    for (const auto& input : inputs) origins.push_back(origin_of(golden.inputs, input.name, pictures));
    auto captured = capture_case(worker, golden.name, std::move(inputs), m_request.detections, bits,
                                 m_request.allow_random, m_progress);
    m_reads.merge(captured.reads);
    m_writes.merge(captured.writes);
    if (!captured.random.outputs.empty()) {
      m_report.findings.push_back(judge_random(captured.tensors.name, captured.random, captured.tensors.outputs.size(),
                                               m_request.allow_random));
      if (!m_request.allow_random) return;
    }
    captured.tensors.encoded = std::move(pictures);
    m_stopwatch.lap("golden");
    auto record = golden::describe(captured.tensors, origins);
    record.repeatable = captured.repeatable;
    record.seeds = captured.seeds;
    record.probes = static_cast<std::int64_t>(captured.seeds.size());
    m_report.findings.push_back(judge_golden(captured, record));
    m_coverage.push_back(std::move(captured.coverage));
    m_manifest.golden.push_back(std::move(record));
    m_golden.push_back(std::move(captured.tensors));
  }

  // Nothing where a case could not be measured: what it reaches might be what the others leave out.
  std::optional<std::vector<TensorCoverage>> coverage_of_all() const {
    std::optional<std::vector<TensorCoverage>> all;
    for (const auto& reach : m_coverage) {
      if (!reach) return std::nullopt;
      all = all ? farthest(std::move(*all), *reach) : *reach;
    }
    return all;
  }

  // Where an input came from; its picture goes to `pictures` where a preprocessing was declared for it.
  static golden::InputOrigin origin_of(const std::vector<golden::InputSpec>& specs, const std::string& name,
                                       std::vector<HostTensor>& pictures) {
    const auto found = std::ranges::find(specs, name, &golden::InputSpec::name);
    const auto& spec = found == specs.end() ? specs.front() : *found;
    if (!spec.preprocessing) return {spec.text};
    auto picture = golden::encoded_picture(spec);
    if (!picture) return {spec.text};
    picture->name = name;
    pictures.push_back(std::move(*picture));
    return {spec.text, golden::to_text(*spec.preprocessing)};
  }

  Finding judge_golden(const CapturedCase& captured, const GoldenCase& record) const {
    Observation observed;
    observed.capture.golden_case = record;
    observed.capture.objections = captured.objections;
    observed.capture.narrow_layer = captured.narrow_layer;
    return run_check(k_golden_capture, observed, m_request.policy, utc_today());
  }

  Finding judge_coverage() const {
    Observation observed;
    observed.capture.coverage = coverage_of_all();
    return run_check(k_golden_coverage, observed, m_request.policy, utc_today());
  }

  void record_environment(Worker& worker) {
    ProbeOptions options;
    options.anonymous = m_request.anonymous;
    if (!m_request.runtime.installation.empty()) options.torch_prefix = m_request.runtime.installation;
    m_manifest.environment = probe_machine(options);
    m_sandbox = worker.sandbox();
    const auto told = worker.environment();
    add_told(m_manifest.environment, options.anonymous ? without_directories(told) : told, worker.hello().runtime);
    if (m_device) m_manifest.environment.set("numerics.device", m_device->text(), "--device");
    m_device = m_manifest.environment.text("numerics.device").value_or(Device().text());
    for (auto& golden : m_manifest.golden) golden.device = *m_device;
    m_stopwatch.lap("environment");
  }

  void write() {
    const auto bytes = golden::write_golden(m_golden, weight_fingerprints(m_checkpoint, m_match));
    m_manifest.golden_sha256 = sha256(bytes);
    m_manifest.created = utc_of_creation();
    m_manifest.goldseal = k_version;
    const auto manifest = write_manifest(m_manifest);
    m_directory.write(k_golden_name, bytes);
    m_directory.write(k_manifest_name, manifest);
    require_readable(manifest);
    // The worker read them by their names, and maybe later than they were digested.
    for (const auto& file : m_checkpoint.files) file->require_unchanged();
    require_no_inputs();
    m_directory.commit();
    m_stopwatch.lap("write");
    m_report.facts.emplace_back("seal", m_request.seal.string());
    m_report.facts.emplace_back("runtime", m_request.runtime.describe());
    m_report.facts.emplace_back("device", m_device->text());
    m_report.facts.emplace_back("sandbox", m_sandbox);
    m_report.facts.emplace_back(
        "tensors", fmt::format("{} ({})", m_manifest.model.tensors.size(), to_string(m_checkpoint.container)));
    if (m_checkpoint.packed_weights)
      m_report.facts.emplace_back("packed", "quantized weights, which the digest of the whole file vouches for");
    if (!m_match.removed_segments.empty()) {
      m_report.facts.emplace_back("wrapper",
                                  fmt::format("{} (removed from the keys)", fmt::join(m_match.removed_segments, ", ")));
    }
    m_report.facts.emplace_back("golden", format_bytes(bytes.size()));
    if (m_embedded)
      m_report.facts.emplace_back("embedded",
                                  fmt::format("{} ({})", m_embedded->path, format_bytes(m_embedded->bytes)));
    // Without a program in its place, what is sealed is code that runs only where the user says so.
    const bool runs_code = traits(m_model.builder).is_native || m_model.builder == Builder::python;
    const bool has_program = m_manifest.model.embedded && m_request.run_options.find("python") == std::string::npos;
    m_report.next = fmt::format("goldseal verify {}{}{}", m_request.seal.string(), m_request.run_options,
                                runs_code && !has_program ? " --trust-code" : "");
    if (m_model.builder == Builder::program)
      m_report.next = fmt::format("goldseal::verify(\"{}\", module)", m_request.seal.string());
  }

  // A seal that nobody can read vouches for nothing: it is read back from the disk before it takes its place.
  void require_readable(const std::string& manifest) const {
    try {
      auto seal = open_seal(m_directory.staging());
      seal.manifest.environment = m_manifest.environment;  // whose lists may be numbered otherwise
      const auto embedded = observe_embedded(seal);
      const bool whole = write_manifest(seal.manifest) == manifest &&
                         seal.golden_digest() == m_manifest.golden_sha256 &&
                         (!m_embedded || (embedded && embedded->sha256 == m_embedded->sha256));
      if (!whole) throw Error(ErrorKind::io, m_request.seal.string(), "what is read is not what was written");
      static_cast<void>(golden::read_golden(seal.golden, seal.manifest.golden));
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      throw Error(ErrorKind::io, m_request.seal.string(),
                  fmt::format("the seal cannot be read back, and was not put in its place: {}", error.what()),
                  "look at the disk; if names are odd (of tensors, outputs, files), choose others");
    }
  }

  // Whatever of the run's inputs is in the place of the seal, or lies in it, would be lost.
  void require_no_inputs() const {
    auto inputs = inputs_of(m_request);
    for (const auto& file : m_checkpoint.files) inputs.push_back(file->path());
    require_no_input(m_request.seal, inputs);
  }

  // Paths that go into the manifest and to a worker.
  void require_utf8() const {
    const auto require = [](const std::string& option, const std::string& text) {
      if (is_utf8(text)) return;
      throw Error(ErrorKind::usage, option,
                  fmt::format("expected text in UTF-8, which a seal takes alone, found {}", escape_unprintable(text)),
                  "rename it, or name it by a link whose path is in UTF-8");
    };
    require("CHECKPOINT", path_from_seal(m_request.checkpoint, m_request.seal));
    require("--entry", m_request.entry);
    if (m_request.model) {
      require("--model", m_request.model->is_file() ? path_from_seal(m_request.model->source, m_request.seal)
                                                    : m_request.model->source);
      for (const auto& [key, value] : m_request.model->options) require("--model", key + "=" + value);
    }
    for (const auto& input : m_request.inputs) require("--input", input.name + "=" + input.text);
    for (const auto& group : m_request.detections) std::ranges::for_each(group, [&](const auto& name) { require("--detections", name); });
  }

  Report finish() {
    m_progress.finish();
    m_report.stages = m_stopwatch.stages();
    return std::move(m_report);
  }

  const CaptureRequest& m_request;
  Progress& m_progress;
  ByteCounter m_digested;
  AtomicDirectory m_directory;
  Stopwatch m_stopwatch;
  Report m_report;
  Manifest m_manifest;
  std::string m_sandbox;
  std::optional<Device> m_device;  // where the golden outputs are computed, once it is known
  Checkpoint m_checkpoint;
  ModelSpec m_model;
  KeyMatch m_match;
  std::optional<FileRecord> m_architecture;
  std::vector<SourceFile> m_sources;
  std::optional<FileRecord> m_embedded;
  std::set<std::string> m_reads;   // of what no state dict holds, what golden runs read
  std::set<std::string> m_writes;  // and what they wrote to
  std::vector<golden::GoldenTensors> m_golden;
  std::vector<std::optional<std::vector<TensorCoverage>>> m_coverage;  // by case
};

}  // namespace

std::vector<fs::path> inputs_of(const CaptureRequest& request) {
  std::vector<fs::path> inputs{request.checkpoint};
  if (request.model && request.model->is_file()) inputs.emplace_back(request.model->source);
  if (request.cases) inputs.push_back(*request.cases);
  for (const auto& input : request.inputs) golden::add_files(input, inputs);
  return inputs;
}

Report capture(const CaptureRequest& request, Progress& progress) { return Capture(request, progress).run(); }

fs::path default_seal_path(const fs::path& checkpoint) {
  auto path = checkpoint;
  return path.replace_extension(".seal");
}

}  // namespace goldseal

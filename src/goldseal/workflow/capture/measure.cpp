// SPDX-License-Identifier: Apache-2.0
// The fourth pass of a capture: each golden case is run, and it is judged whether others can be judged by it.
#include <goldseal/workflow/capture/stages.hpp>

#include <checks/catalogue.hpp>
#include <checks/env/host/machine_checks.hpp>
#include <checks/keys/partial.hpp>
#include <checks/model/choices.hpp>
#include <checks/model/state.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/golden/images/orientation.hpp>
#include <goldseal/golden/inputs/cases.hpp>
#include <goldseal/workflow/answers/partial.hpp>
#include <goldseal/workflow/capture/batches.hpp>
#include <goldseal/workflow/capture/checkpoint_values.hpp>
#include <goldseal/workflow/capture/coverage.hpp>
#include <goldseal/workflow/capture/golden_runs.hpp>
#include <goldseal/workflow/capture/second_process.hpp>
#include <goldseal/workflow/loading/loading.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace goldseal {
namespace {

constexpr std::string_view k_case_name = "default";

std::vector<golden::CaseSpec> cases_of(const CaptureRequest& request, const std::vector<golden::InputSlot>& slots) {
  std::vector<golden::CaseSpec> cases;
  if (!request.inputs.empty()) cases.push_back({std::string(k_case_name), request.inputs});
  if (request.cases) std::ranges::move(golden::find_cases(*request.cases, slots), std::back_inserter(cases));
  for (auto& golden : cases)
    for (auto& input : golden.inputs) input.preprocessing = request.preprocessing;
  return cases;
}

// Where an input came from; its picture goes to `pictures` where a preprocessing was declared for it.
golden::InputOrigin origin_of(const std::vector<golden::InputSpec>& specs, const std::string& name,
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

// What another decoder would turn.
void note_orientation(const golden::InputSpec& spec, CaptureLog& log) {
  const auto picture = golden::encoded_picture(spec);
  const auto orientation = picture ? golden::orientation_of(picture->bytes) : golden::k_as_stored;
  if (orientation == golden::k_as_stored) return;
  log.fact("note", fmt::format("{} has an EXIF orientation ({}), which was not applied: PIL and torchvision leave it "
                               "alone too, OpenCV's imread applies it (image.orientation)",
                               escape_unprintable(spec.text), golden::describe(orientation)));
}

struct Case {
  CapturedCase captured;
  GoldenCase record;
};

Case run_case(const golden::CaseSpec& golden, const std::vector<golden::InputSlot>& slots, const Loaded& loaded,
              const CaptureRequest& request, Worker& worker, CaptureLog& log) {
  auto inputs = golden::make_inputs(golden.inputs, slots);
  std::vector<golden::InputOrigin> origins;
  std::vector<HostTensor> pictures;
  origins.reserve(inputs.size());
  for (const auto& input : golden.inputs) note_orientation(input, log);
  for (const auto& input : inputs) origins.push_back(origin_of(golden.inputs, input.name, pictures));
  auto captured = capture_case(worker, golden.name, std::move(inputs), request.detections,
                               weight_bits(loaded.built.network), {request.allow_random, request.quick}, log.progress());
  captured.tensors.encoded = std::move(pictures);
  auto record = golden::describe(captured.tensors, origins);
  record.repeatable = captured.repeatable;
  record.quick = request.quick;
  record.seeds = captured.seeds;
  record.probes = static_cast<std::int64_t>(captured.seeds.size());
  log.lap("golden");
  return {std::move(captured), std::move(record)};
}

// False where nothing of the case may be sealed.
bool judge_random_outputs(const CapturedCase& golden, bool allowed, CaptureLog& log) {
  if (golden.random.outputs.empty()) return true;
  log.add(judge_random(golden.tensors.name, golden.random, golden.tensors.outputs.size(), allowed));
  return allowed;
}

void judge_case(const Case& golden, CaptureLog& log) {
  Observation observed;
  observed.capture.golden_case = golden.record;
  observed.capture.objections = golden.captured.objections;
  observed.capture.narrow_layer = golden.captured.narrow_layer;
  log.judge(k_golden_capture, observed);
}

// What the golden runs read and wrote of what no state dict holds.
struct Touched {
  std::set<std::string> read;
  std::set<std::string> written;
};

// What no state dict holds of a network that is code, as the first run left it, with the tables that it made; as it was
// before, where the worker does not tell. A program has what it was written with, in every worker.
std::vector<OutsideRecord> settled(const Loaded& loaded, Worker& worker) {
  if (loaded.built.opened.model.builder == Builder::python)
    if (auto outside = worker.settled()) return std::move(*outside);
  auto outside = loaded.state.outside;
  for (auto& tensor : outside) tensor.read = tensor.kind == "buffer";
  return outside;
}

// What no state dict holds, as far as an answer can depend on it.
std::vector<OutsideRecord> outside_of_use(std::vector<OutsideRecord> outside, const Touched& touched) {
  for (auto& tensor : outside)
    tensor.read =
        (tensor.read || touched.read.contains(tensor.name)) && !touched.written.contains(tensor.name);
  std::erase_if(outside, [](const OutsideRecord& tensor) { return !tensor.read && tensor.kind != "buffer"; });
  return outside;
}

Finding not_asked(const Error& error) {
  auto finding = passed(fmt::format("whether another process builds the network alike and answers alike was not judged: one more "
                                    "could not be started beside this one ({})",
                                    escape_unprintable(error.message())));
  finding.status = Status::warn;
  finding.remedy = "let the factory run a second time while the first network is there: no lock that it leaves, no port of its own, "
                   "and memory for two; what follows the process is else met when the seal is verified";
  finding.origin = escape_unprintable(error.where());
  return finding;
}

// What a second process fails at says nothing of the first, which is sealed: what it might have shown, another build or another
// answer, fails at the first verification.
template <typename Ask>
void ask_other(SecondProcess& other, CaptureLog& log, const Ask& ask) {
  if (other.lost()) return;
  try {
    ask();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted || error.kind() == ErrorKind::changed) throw;
    other.give_up();
    log.add(k_model_state, not_asked(error));
  }
}

// Whether another process builds what the golden runs read alike.
void compare_builds(std::vector<OutsideRecord> built, const std::vector<OutsideRecord>& sealed, SecondProcess& other,
                    CaptureLog& log) {
  for (auto& tensor : built) {
    const auto found = std::ranges::find(sealed, tensor.name, &OutsideRecord::name);
    tensor.read = found != sealed.end() && found->read;
  }
  if (std::ranges::none_of(built, &OutsideRecord::read)) return;
  log.progress().step("building the network in another process");
  ask_other(other, log, [&] {
    auto finding = judge_builds(built, other.outside());
    if (finding.status != Status::pass) log.add(k_model_state, std::move(finding));
  });
  log.lap("second build");
}

// A seal of what follows the process holds nowhere else. Another run is made only where forward() names such a thing: it costs
// a second load, and a run of each case beside the some twenty that are made of it.
void compare_answers(const Measured& measured, const CaptureRequest& request, SecondProcess& other, CaptureLog& log) {
  const auto& built = measured.loaded.built;
  const auto& named = built.network.of_process;
  if (named.empty() || built.opened.model.builder != Builder::python || request.runtime.channel || measured.tensors.empty()) return;
  log.progress().step("running the golden cases in another process");
  ask_other(other, log, [&] {
    const auto deviation = other.deviation({measured.tensors, measured.records});
    if (deviation) log.add(k_model_configuration, other_answers(named, *deviation));
  });
  log.lap("run in another process");
}

// What is sealed from such a process is met by no other: it is said, and sealed as a fact.
void tell_denormals(const Environment& environment, CaptureLog& log) {
  Observation observed;
  observed.machine.environment = environment;
  auto finding = k_env_numerics_denormals.judge(observed, {});
  if (finding.status != Status::fail) return;
  finding.id = k_env_numerics_denormals.id;
  finding.severity = Severity::warn;
  finding.status = Status::warn;
  log.add(std::move(finding));
}

void find_repeatable(PartialFindings& partial, const std::vector<LoadedTensor>& rebuilt) {
  for (auto& entry : partial.initial) {
    const auto found = std::ranges::find(rebuilt, entry.name, &LoadedTensor::name);
    entry.repeatable = found != rebuilt.end() && found->sha256 == entry.found;
  }
}

// What was admitted: whether the answers depend on it, and whether its value is the same in each build.
std::vector<InitialRecord> measure_admitted(const Measured& measured, const CaptureRequest& request, Worker& worker,
                                            SecondProcess& other, CaptureLog& log) {
  const auto& loaded = measured.loaded;
  const auto& match = loaded.built.match;
  if (match.not_loaded.empty() && match.left_out.empty()) return {};
  log.progress().step("looking at what was not loaded");
  auto partial = partial_findings({keys_of(measured.checkpoint()), loaded.built.network.state_entries, match, {}},
                                  loaded.state.tensors);
  for (const auto& golden : measured.tensors) move_each(worker, golden.inputs, partial);
  // An attached network is in no other process.
  if (!request.runtime.channel && !partial.initial.empty())
    ask_other(other, log, [&] { find_repeatable(partial, other.tensors()); });
  log.add(k_keys_partial, judge_partial(partial, PartialAt::capture));
  log.lap("what was not loaded");
  std::vector<InitialRecord> admitted;
  for (const auto& entry : partial.initial) {
    admitted.push_back({entry.name, entry.dtype, entry.shape, entry.found, entry.repeatable.value_or(false),
                        entry.answers.value_or(!entry.name.ends_with("num_batches_tracked"))});
  }
  return admitted;
}

// Runs every case; what is fit to be sealed goes to `measured`.
Touched run_cases(Measured& measured, const CaptureRequest& request, Worker& worker, CaptureLog& log) {
  const auto slots = input_slots(measured.loaded.built.network);
  Touched touched;
  bool doubtful = false;
  std::vector<std::optional<std::vector<TensorCoverage>>> coverage;
  for (const auto& spec : cases_of(request, slots)) {
    auto golden = run_case(spec, slots, measured.loaded, request, worker, log);
    touched.read.merge(golden.captured.reads);
    touched.written.merge(golden.captured.writes);
    doubtful = doubtful || !golden.captured.objections.empty();
    if (!judge_random_outputs(golden.captured, request.allow_random, log)) continue;
    judge_case(golden, log);
    coverage.push_back(std::move(golden.captured.coverage));
    measured.records.push_back(std::move(golden.record));
    measured.tensors.push_back(std::move(golden.captured.tensors));
  }
  Observation observed;
  observed.capture.coverage = coverage_of_all(coverage);
  log.judge(k_golden_coverage, observed);
  judge_checkpoint_values(measured.checkpoint(), doubtful, log);
  return touched;
}

}  // namespace

std::optional<Measured> measure(Loaded loaded, const CaptureRequest& request, Worker& worker, CaptureLog& log) {
  Measured measured{std::move(loaded), {}, {}, {}, {}, {}};
  const auto touched = run_cases(measured, request, worker, log);
  if (request.batch.asked() && log.may_be_sealed()) measured.batch = measure_batches(measured, request, worker, log);
  measured.outside = outside_of_use(settled(measured.loaded, worker), touched);
  SecondProcess other(measured.loaded, request);
  compare_builds(measured.loaded.built.outside, measured.outside, other, log);
  if (log.may_be_sealed()) compare_answers(measured, request, other, log);
  measured.environment = worker.environment();
  tell_denormals(measured.environment, log);
  // What is refused already is neither moved nor written down.
  if (!log.may_be_sealed()) return std::nullopt;
  measured.initial = measure_admitted(measured, request, worker, other, log);
  other.finish();
  return log.may_be_sealed() ? std::optional(std::move(measured)) : std::nullopt;
}

}  // namespace goldseal

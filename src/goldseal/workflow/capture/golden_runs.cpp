// SPDX-License-Identifier: Apache-2.0
// The runs that a capture makes of one case. A float64 run is the reference; runs with weights and inputs moved by one
// rounding say how far each output follows such changes, which is its noise; native runs, made in the ways in which
// sound machines differ, say how much further real float32 goes. Without a float64 path native runs stand in for all.
#include <goldseal/workflow/capture/golden_runs.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/golden/tensors/constants.hpp>
#include <goldseal/workflow/capture/case_probes.hpp>
#include <goldseal/workflow/capture/coverage.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <utility>

namespace goldseal {
namespace {

using Run = CaseProbes::Run;

// Steps of the progress: reference, one in float32, as many probes as most networks need, and four native runs.
constexpr std::uint64_t k_native_runs = 4;
constexpr std::uint64_t k_all_runs = 2 + golden::k_least_probes + k_native_runs;

void leave_out(std::vector<HostTensor>& outputs, const std::vector<GoldenTensor>& random) {
  std::erase_if(outputs, [&](const HostTensor& output) {
    return std::ranges::count(random, output.name, &GoldenTensor::name) > 0;
  });
}

// Runs a case, leaves out the outputs that are random, and shows how many runs were made.
class CountedRuns {
 public:
  CountedRuns(const CaseRunner& runner, const std::vector<GoldenTensor>& random, Progress& progress)
      : m_runner(runner), m_random(random), m_progress(progress) {}

  LayeredRun layered(RunRequest request) {
    auto result = m_runner.run_layered(std::move(request));
    leave_out(result.outputs, m_random);
    m_progress.advance(std::min(++m_done, k_all_runs));
    return result;
  }

  std::vector<HostTensor> plain(RunRequest request) {
    auto outputs = m_runner.run(std::move(request));
    leave_out(outputs, m_random);
    m_progress.advance(std::min(++m_done, k_all_runs));
    return outputs;
  }

 private:
  const CaseRunner& m_runner;
  const std::vector<GoldenTensor>& m_random;
  Progress& m_progress;
  std::uint64_t m_done = 1;  // the first native run, which tells what is random
};

RunRequest perturbed(Compute compute, std::int64_t seed, double relative) {
  RunRequest request;
  request.compute = compute;
  request.perturb = Perturbation{.seed = static_cast<std::uint64_t>(seed), .relative = relative, .tile = true};
  return request;
}

// The answers that are sealed, and how precisely they are computed.
struct NativeRun {
  LayeredRun run;
  int bits = 0;
  bool is_float32 = false;  // weights, inputs and every layer are: a run in float32 is this one

  // No more than the outputs' own types hold.
  [[nodiscard]] int least_bits() const {
    int least = bits;
    for (const auto& output : run.outputs) least = std::min(least, golden::significant_bits(output.dtype));
    return least;
  }
};

NativeRun run_natively(const CaseRunner& runner, const std::vector<HostTensor>& inputs, int weight_bits) {
  RunRequest drawn;
  drawn.draws = k_same_draws;
  auto run = runner.run_layered(drawn);
  const int bits = run.bits.value_or(weight_bits);
  const bool narrow = std::ranges::any_of(inputs, [](const HostTensor& input) {
    return is_floating(input.dtype) && input.dtype != DType::float32;
  });
  NativeRun native{std::move(run), bits, false};
  // Autocast within forward() makes layers narrower than the weights, a conversion at its end the outputs.
  native.is_float32 = std::min(native.least_bits(), weight_bits) == golden::k_bits_float32 &&
                      !native.run.computes_wide && !narrow;
  return native;
}

bool is_finite_where(const HostTensor& native, const HostTensor& wide) {
  if (!converts_to_double(native.dtype) || native.shape != wide.shape) return true;
  for (std::size_t i = 0; i < native.numel(); ++i)
    if (std::isfinite(element_as_double(native, i)) && !std::isfinite(element_as_double(wide, i))) return false;
  return true;
}

// The first output that is NaN or infinite in float64 where the native run gives a number.
const HostTensor* find_loss(const std::vector<HostTensor>& native, const std::vector<HostTensor>& wide) {
  for (const auto& output : native) {
    const auto same = std::ranges::find(wide, output.name, &HostTensor::name);
    if (is_floating(output.dtype) && same != wide.end() && !is_finite_where(output, *same)) return &*same;
  }
  return nullptr;
}

// The first layer that gives fewer numbers in float64 than natively: `encoder.norm (layer_norm)`; empty where none does.
std::string find_losing_layer(const std::vector<golden::LayerSketch>& native,
                              const std::vector<golden::LayerSketch>& wide) {
  for (std::size_t i = 0; i < wide.size(); ++i) {
    const bool met = i < native.size() && native[i].op == wide[i].op && native[i].module == wide[i].module;
    if (wide[i].non_finite > (met ? native[i].non_finite : 0)) return golden::label_of(wide[i]);
  }
  return {};
}

// Nothing, with an objection, where the network has no float64 path, or one that does not give numbers.
std::optional<LayeredRun> run_in_float64(const Worker& worker, CountedRuns& runs, const LayeredRun& native,
                                         std::vector<golden::Objection>& objections) {
  RunRequest request;
  request.compute = Compute::float64;
  try {
    auto run = runs.layered(request);
    if (const auto* lost = find_loss(native.outputs, run.outputs)) {
      const auto layer = find_losing_layer(native.layers, run.layers);
      objections.push_back(
          {false, lost->name,
           fmt::format("is NaN or infinite in float64 where the native run gives numbers{}",
                       layer.empty() ? std::string() : fmt::format(", from {} on", escape_unprintable(layer))),
           "its outputs are judged by the noise of native runs: small changes of code or configuration pass unseen "
           "until that operator gives numbers in float64"});
      return std::nullopt;
    }
    return run.outputs.empty() ? std::nullopt : std::optional(std::move(run));
  } catch (const Error& error) {
    const auto raised = worker.failure() && worker.failure()->kind == WorkerFailure::Kind::raised;
    if (!raised && error.kind() != ErrorKind::unsupported) throw;
    objections.push_back({false, "", fmt::format("the network cannot run in float64: {}", error.message()),
                          "its outputs are judged by the noise of native runs, at reduced sensitivity"});
    return std::nullopt;
  }
}

void run_native_variants(CountedRuns& runs, CaseProbes& probes) {
  RunRequest without_onednn;
  without_onednn.onednn = false;
  probes.calibrate(runs.layered(without_onednn));
  RunRequest channels_last;
  channels_last.channels_last = true;
  probes.calibrate(runs.layered(channels_last));
}

// Integers and bools have no noise floor: what a sound machine's whole error leaves alone must be met.
void run_coarse_probes(CountedRuns& runs, CaseProbes& probes) {
  const auto relative = golden::stability_perturbation(probes.greatest_amplification());
  for (std::int64_t seed = 1; seed <= golden::k_coarse; ++seed)
    probes.add(Run::coarse, seed, {.outputs = runs.plain(perturbed(Compute::float64, seed, relative))});
}

// A run that tells what the network does in float32; nothing where it cannot run so.
std::optional<LayeredRun> run_in_float32(const Worker& worker, CountedRuns& runs) {
  RunRequest request;
  request.in_float32 = true;
  try {
    return runs.layered(request);
  } catch (const Error& error) {
    const auto raised = worker.failure() && worker.failure()->kind == WorkerFailure::Kind::raised;
    if (!raised && error.kind() != ErrorKind::unsupported) throw;
    return std::nullopt;
  }
}

// Whether the network's response is measured in float32, at a fifth of the time: where no layer rounds below float64 in
// a float64 run, none computes in float64 in a native one, and float32 calls the same layers. Which objects rounding
// decides is asked in float64.
bool probe_in_float32(const Worker& worker, CountedRuns& runs, const NativeRun& native, const LayeredRun& reference,
                      CaseProbes& probes) {
  if (reference.layers.empty() || reference.narrow_layer || native.run.computes_wide || probes.any_detections())
    return false;
  const double factor = golden::k_rounding / golden::k_float32_probe;
  if (native.is_float32) return probes.set_unmoved(native.run, factor);
  const auto unmoved = run_in_float32(worker, runs);
  return unmoved && unmoved->bits == golden::k_bits_float32 && probes.set_unmoved(*unmoved, factor);
}

// The noise of every output by perturbed runs, in float32 or in float64. Returns their seeds.
std::vector<std::int64_t> measure_response(CountedRuns& runs, bool in_float32, CaseProbes& probes) {
  std::vector<std::int64_t> seeds;
  for (std::int64_t seed = 1; seed <= golden::k_probes; ++seed) {
    seeds.push_back(seed);
    auto request = in_float32 ? perturbed(Compute::native, seed, golden::k_float32_probe)
                              : perturbed(Compute::float64, seed, golden::k_rounding);
    request.in_float32 = in_float32;
    probes.add(Run::response, seed, runs.layered(std::move(request)));
    if (probes.settled() && !probes.any_detections()) break;
  }
  probes.finish_floors();
  return seeds;
}

// The outputs' noise with a float64 run as the reference. Returns the seeds of the perturbed runs.
std::vector<std::int64_t> measure_in_float64(const Worker& worker, CountedRuns& runs, const NativeRun& native,
                                             const LayeredRun& reference, CaseProbes& probes) {
  const bool in_float32 = probe_in_float32(worker, runs, native, reference, probes);
  auto seeds = measure_response(runs, in_float32, probes);
  if (in_float32 && !native.is_float32 && !probes.rounds_as_float32()) {
    probes.forget_responses();
    seeds = measure_response(runs, /*in_float32=*/false, probes);
  }
  // The types that layers compute in tell what rounds below float64; a second probe does where layers are not told.
  if (reference.layers.empty()) {
    for (std::int64_t seed = 1; seed <= golden::k_fine_probes; ++seed)
      probes.add(Run::fine, seed, runs.layered(perturbed(Compute::float64, seed, golden::k_fine_rounding)));
    probes.finish_floors();
  }
  probes.calibrate(native.run);
  run_native_variants(runs, probes);
  probes.settle();
  probes.seal_layers();
  if (probes.any_discrete()) run_coarse_probes(runs, probes);
  probes.settle();
  if (reference.narrow_layer) probes.distrust_floors();
  return seeds;
}

// For want of a float64 run, native ones tell what small changes do to the outputs: they are moved by more and more
// until every output answers. Returns the seeds.
std::vector<std::int64_t> measure_natively(CountedRuns& runs, const NativeRun& native, bool quick,
                                           CaseProbes& probes) {
  std::vector<std::int64_t> seeds;
  double relative = std::ldexp(golden::k_native_roundings, -native.least_bits());
  for (;; relative = std::min(relative * golden::k_native_raise, golden::k_native_largest)) {
    seeds.clear();
    probes.set_native_reference(native.run, relative);
    for (std::int64_t seed = 1; seed <= golden::k_probes; ++seed) {
      seeds.push_back(seed);
      probes.add_native_response(seed, runs.layered(perturbed(Compute::native, seed, relative)));
      if (quick && probes.settled() && !probes.any_discrete()) break;
    }
    if (probes.all_move() || relative >= golden::k_native_largest) break;
  }
  probes.finish_native_floors(/*steps=*/true);
  run_native_variants(runs, probes);
  probes.seal_layers();
  return seeds;
}

// The steps of a quantized network swallow small changes.
bool has_steps(const NativeRun& native) {
  return native.run.layers.empty() || std::ranges::any_of(native.run.layers, [](const golden::LayerSketch& layer) {
           return layer.op.find("quant") != std::string::npos;
         });
}

// The outputs' noise with the native run as the reference, of a network that is float32 throughout: moved by 2^-16, to
// which float32's own rounding adds little. Returns the seeds.
std::vector<std::int64_t> measure_in_float32(CountedRuns& runs, const NativeRun& native, CaseProbes& probes) {
  std::vector<std::int64_t> seeds;
  probes.set_native_reference(native.run, golden::k_rounding);
  static_cast<void>(probes.set_unmoved(native.run, golden::k_rounding / golden::k_float32_probe));
  for (std::int64_t seed = 1; seed <= golden::k_probes; ++seed) {
    seeds.push_back(seed);
    probes.add_native_response(seed, runs.layered(perturbed(Compute::native, seed, golden::k_float32_probe)));
    if (probes.settled() && !probes.any_discrete()) break;
  }
  probes.finish_native_floors(/*steps=*/false);
  run_native_variants(runs, probes);
  probes.seal_layers();
  return seeds;
}

golden::Objection left_unseen() {
  return {false, "",
          "sealed at depth quick, without float64 runs: 1 % of faults pass unseen, small changes of code or "
          "configuration and flipped bits of activations",
          "seal without --depth quick before the checkpoint is relied on"};
}

bool responds_to(const HostTensor& input, const HostTensor& other, const std::vector<HostTensor>& inputs,
                 const std::vector<HostTensor>& native, Worker& worker) {
  auto changed = inputs;
  *std::ranges::find(changed, input.name, &HostTensor::name) = other;
  try {
    return !have_same_bits(native, CaseRunner(worker, changed, "perturbed").run({}));
  } catch (const Error& error) {
    // An input that the network refuses is one that it looks at.
    if (error.kind() == ErrorKind::interrupted) throw;
    if (worker.failure() && worker.failure()->kind != WorkerFailure::Kind::raised) throw;
    return true;
  }
}

// A golden says nothing of an input that no output depends on.
bool looks_at(const HostTensor& input, const std::vector<HostTensor>& inputs, const std::vector<HostTensor>& native,
              Worker& worker) {
  const auto others = golden::other_inputs(input);
  return others.empty() || std::ranges::any_of(others, [&](const HostTensor& other) {
           return responds_to(input, other, inputs, native, worker);
         });
}

// The runs behind the first one, and what they say of its outputs, which go to `captured` with the rest.
void measure_case(Worker& worker, const CaseRunner& runner, const NativeRun& native,
                  const std::vector<std::vector<std::string>>& detections, bool quick, CapturedCase& captured,
                  Progress& progress) {
  CountedRuns runs(runner, captured.random.outputs, progress);
  CaseProbes probes(native.run.outputs, detections, native.bits);
  const auto reference = quick ? std::nullopt : run_in_float64(worker, runs, native.run, captured.objections);
  if (reference) {
    if (reference->narrow_layer) captured.narrow_layer = golden::label_of(reference->layers[*reference->narrow_layer]);
    probes.set_reference(*reference);
    if (probes.any()) captured.seeds = measure_in_float64(worker, runs, native, *reference, probes);
  } else {
    if (quick) captured.objections.push_back(left_unseen());
    if (probes.forget_detections()) {
      captured.objections.push_back({false, "",
                                     "its detections are compared place by place, because it has no float64 run",
                                     "expect a failure where rounding tips which objects are found, or their order"});
    }
    captured.seeds = quick && native.is_float32 && !has_steps(native)
                         ? measure_in_float32(runs, native, probes)
                         : measure_natively(runs, native, quick, probes);
  }
  captured.repeatable = have_same_bits(native.run.outputs, runs.plain({}));
  std::ranges::move(probes.objections(), std::back_inserter(captured.objections));
  auto tensors = probes.finish();
  if (!captured.random.outputs.empty()) tensors.layers.clear();
  captured.tensors.outputs = std::move(tensors.outputs);
  captured.tensors.detections = std::move(tensors.detections);
  captured.tensors.layers = std::move(tensors.layers);
  if (!captured.repeatable || (!reference && !quick)) return;
  progress.step(fmt::format("looking for what {} leaves out", captured.tensors.name));
  captured.coverage = reference ? measure_coverage(worker, runner, reference->outputs, Compute::float64, native.bits)
                                : measure_coverage(worker, runner, native.run.outputs, Compute::native, native.bits);
}

}  // namespace

int weight_bits(const BuiltNetwork& network) {
  int bits = golden::k_bits_float32;
  for (const auto& entry : network.state_entries) bits = std::min(bits, golden::significant_bits(entry.dtype));
  return bits;
}

CapturedCase capture_case(Worker& worker, const std::string& name, std::vector<HostTensor> inputs,
                          const std::vector<std::vector<std::string>>& detections, int weight_bits,
                          CaseOptions options, Progress& progress) {
  progress.step(fmt::format("running {}", name), k_all_runs);
  const CaseRunner runner(worker, inputs);
  CapturedCase captured;
  captured.tensors.name = name;
  auto native = run_natively(runner, inputs, weight_bits);
  progress.advance(1);
  captured.reads = {native.run.witness.reads.begin(), native.run.witness.reads.end()};
  captured.writes = {native.run.witness.writes.begin(), native.run.witness.writes.end()};
  captured.random = find_random(runner, native.run, native.bits);
  const auto& random = captured.random.outputs;
  leave_out(native.run.outputs, random);
  const bool nothing_to_seal = !random.empty() && (!options.allow_random || native.run.outputs.empty());
  if (!nothing_to_seal) measure_case(worker, runner, native, detections, options.quick, captured, progress);
  if (options.allow_random) captured.tensors.random = random;
  captured.tensors.inputs = std::move(inputs);
  if (nothing_to_seal || !captured.repeatable) return captured;
  for (const auto& input : captured.tensors.inputs) {
    if (looks_at(input, captured.tensors.inputs, native.run.outputs, worker)) continue;
    captured.objections.push_back({true, "", fmt::format("no output depends on the input {}", input.name),
                                   "leave the input out of the network, or choose one on which it matters"});
  }
  return captured;
}

std::vector<golden::InputSlot> input_slots(const BuiltNetwork& network) {
  std::vector<golden::InputSlot> slots;
  for (const auto& input : network.inputs) {
    golden::InputSlot slot{input.name, {}, input.dtype, input.required};
    for (const auto size : input.shape) slot.shape.push_back(size < 0 ? std::nullopt : std::optional(size));
    slots.push_back(std::move(slot));
  }
  return slots;
}

}  // namespace goldseal

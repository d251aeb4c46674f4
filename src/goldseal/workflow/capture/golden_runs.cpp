// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/capture/golden_runs.hpp>

#include <goldseal/base/error.hpp>
#include <goldseal/golden/compare/discrete.hpp>
#include <goldseal/golden/compare/noise_floor.hpp>
#include <goldseal/golden/compare/output_verdict.hpp>
#include <goldseal/golden/file/detection_probe.hpp>
#include <goldseal/golden/tensors/constants.hpp>
#include <goldseal/workflow/capture/coverage.hpp>
#include <goldseal/workflow/shared/case_runner.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace goldseal {
namespace {

using DetectionRun = golden::DetectionProbe::Run;

// Steps of the progress: reference, probes, fine probes, and four native runs.
constexpr std::uint64_t k_native_runs = 4;
constexpr std::uint64_t k_all_runs = 1 + golden::k_probes + golden::k_fine_probes + k_native_runs;

// The runs of one case, one after the other, in the order that capture needs them.
class CaseCapture {
 public:
  CaseCapture(Worker& worker, std::string name, std::vector<HostTensor> inputs,
              const std::vector<std::vector<std::string>>& detections, int weight_bits, bool allow_random,
              Progress& progress)
      : m_worker(worker),
        m_progress(progress),
        m_declared(detections),
        m_runner(worker, inputs),
        m_bits(weight_bits),
        m_allow_random(allow_random) {
    m_case.tensors.name = std::move(name);
    m_case.tensors.inputs = std::move(inputs);
  }

  CapturedCase capture() {
    m_progress.step(fmt::format("running {}", m_case.tensors.name), k_all_runs);
    RunRequest drawn;
    drawn.draws = k_same_draws;
    auto first = run_layered(drawn);
    if (first.bits) m_bits = *first.bits;
    note_reads(first.witness);
    m_case.random = find_random(m_runner, first, m_bits);
    if (!m_case.random.outputs.empty()) {
      if (!m_allow_random) return std::move(m_case);
      m_case.tensors.random = m_case.random.outputs;
      leave_out_random(first.outputs);
      if (first.outputs.empty()) return std::move(m_case);
    }
    const auto native = first.outputs;
    for (const auto& output : native) add_output(output);
    find_detections(native);
    if (run_reference()) {
      run_probes();
      finish_floors(native);
      take_variant(first);
      run_native_variants();
      settle_detections();
      m_case.tensors.layers = m_layers.finish();
      if (!m_stability.empty() || !m_detections.empty()) run_coarse_probes();
      settle_detections();
      if (!m_case.narrow_layer.empty()) distrust_probes();
    } else if (m_reference.empty()) {
      forget_detections();
      probe_natively(first);
      run_native_variants();
      m_case.tensors.layers = m_layers.finish();
    }
    m_case.repeatable = repeats(native, run({}));
    object();
    if (!m_case.random.outputs.empty()) m_case.tensors.layers.clear();
    if (m_case.repeatable && !m_reference.empty()) {
      m_progress.step(fmt::format("looking for what {} leaves out", m_case.tensors.name));
      m_case.coverage = measure_reach(m_worker, m_runner, m_reference,
                                      m_bits < golden::k_bits_float32 ? Compute::float64 : Compute::native);
    }
    if (m_case.repeatable) {
      for (const auto& input : m_case.tensors.inputs) require_response(input, native);
    }
    return std::move(m_case);
  }

 private:
  LayeredRun run_layered(RunRequest request) {
    auto result = m_runner.run_layered(std::move(request));
    leave_out_random(result.outputs);
    m_progress.advance(++m_done);
    return result;
  }

  std::vector<HostTensor> run(RunRequest request) {
    auto outputs = m_runner.run(std::move(request));
    leave_out_random(outputs);
    m_progress.advance(++m_done);
    return outputs;
  }

  void leave_out_random(std::vector<HostTensor>& outputs) const {
    std::erase_if(outputs, [&](const HostTensor& output) {
      return std::ranges::count(m_case.tensors.random, output.name, &GoldenTensor::name) > 0;
    });
  }

  void note_reads(const RunWitness& witness) {
    m_case.reads.insert(witness.reads.begin(), witness.reads.end());
    m_case.writes.insert(witness.writes.begin(), witness.writes.end());
  }

  // The declared groups, or the groups that are recognised by name.
  void find_detections(const std::vector<HostTensor>& native) {
    for (const auto& group : m_declared.empty() ? golden::find_detections(native) : m_declared) {
      for (const auto& name : group) {
        if (!is_detection(name) && std::ranges::count(group, name) == 1) continue;
        throw Error(ErrorKind::usage, name, "expected it in one group of detections, found it twice",
                    "name each output once");
      }
      m_detections.emplace_back(group, native, m_bits);
    }
  }

  // The run's detections in the sealed order, before anything else looks at them.
  void align(DetectionRun run, std::int64_t seed, std::vector<HostTensor>& outputs) {
    for (auto& probe : m_detections) probe.add(run, seed, outputs);
  }

  void settle_detections() {
    for (const auto& [index, probe] : m_stability) m_case.tensors.outputs[index].stable = probe.stable();
    for (const auto& probe : m_detections) probe.settle(m_case.tensors);
  }

  // Which rows rounding decides is asked in float64.
  void forget_detections() {
    if (m_detections.empty()) return;
    m_detections.clear();
    m_case.objections.push_back({false, "", "its detections are compared place by place, because it has no float64 run",
                                 "expect a failure where rounding tips which objects are found, or their order"});
  }

  [[nodiscard]] bool is_detection(const std::string& output) const {
    return std::ranges::any_of(m_detections, [&](const auto& probe) { return probe.holds(output); });
  }

  void add_output(const HostTensor& output) {
    if (!is_floating(output.dtype)) m_stability.emplace_back(m_case.tensors.outputs.size(), output);
    m_case.tensors.outputs.push_back({output, std::nullopt, std::nullopt, std::nullopt});
  }

  void hold_against_stability(const std::vector<HostTensor>& outputs) {
    for (auto& [index, probe] : m_stability) probe.add(output_of(outputs, index));
  }

  // Integers and bools have no noise floor: what a sound machine's whole error leaves alone must be met.
  void run_coarse_probes() {
    double growth = golden::k_least_amplification;
    for (const auto& output : m_case.tensors.outputs) {
      if (output.noise) growth = std::max(growth, output.noise->a);
    }
    for (std::int64_t seed = 1; seed <= golden::k_coarse; ++seed) {
      auto outputs = run(perturbed(seed, golden::stability_perturbation(growth)));
      align(DetectionRun::coarse, seed, outputs);
      hold_against_stability(outputs);
    }
  }

  bool run_reference() {
    RunRequest request;
    request.compute = Compute::float64;
    try {
      auto result = run_layered(request);
      m_reference = std::move(result.outputs);
      if (result.narrow_layer) m_case.narrow_layer = golden::label_of(result.layers[*result.narrow_layer]);
      m_layers.set_reference(std::move(result.layers), golden::k_rounding, result.narrow_layer);
    } catch (const Error& error) {
      const auto raised = m_worker.failure() && m_worker.failure()->kind == WorkerFailure::Kind::raised;
      if (!raised && error.kind() != ErrorKind::unsupported) throw;
      m_case.objections.push_back({false, "", fmt::format("the network cannot run in float64: {}", error.message()),
                                   "its outputs are judged by the noise of native runs, at reduced sensitivity"});
      return false;
    }
    auto outputs = m_reference;
    align(DetectionRun::reference, 0, outputs);
    for (std::size_t i = 0; i < m_case.tensors.outputs.size(); ++i) {
      auto& output = m_case.tensors.outputs[i];
      const auto* const reference = find_tensor(outputs, output.native.name);
      if (reference == nullptr || !is_floating(output.native.dtype) || is_detection(output.native.name)) continue;
      output.reference = *reference;
      m_probes.emplace_back(i, golden::NoiseProbe(*reference));
    }
    hold_against_stability(outputs);
    return !m_probes.empty() || !m_stability.empty() || !m_detections.empty();
  }

  void run_probes() {
    for (std::int64_t seed = 1; seed <= golden::k_probes; ++seed) {
      m_case.seeds.push_back(seed);
      auto result = run_layered(perturbed(seed, golden::k_rounding));
      align(DetectionRun::response, seed, result.outputs);
      for (auto& [index, probe] : m_probes) probe.add_response(seed, output_of(result.outputs, index));
      m_layers.add_response(seed, result.layers);
    }
    for (std::int64_t seed = 1; seed <= golden::k_fine_probes; ++seed) {
      auto result = run_layered(perturbed(seed, golden::k_fine_rounding));
      align(DetectionRun::fine, seed, result.outputs);
      for (auto& [index, probe] : m_probes) probe.add_fine(seed, output_of(result.outputs, index));
      m_layers.add_fine(seed, result.layers);
    }
  }

  // For want of a float64 run, native ones tell what small changes do to the outputs.
  void probe_natively(const LayeredRun& first) {
    const auto& native = first.outputs;
    double relative = std::ldexp(golden::k_native_roundings, -least_bits(native));
    for (;; relative = std::min(relative * golden::k_native_raise, golden::k_native_largest)) {
      m_probes.clear();
      m_case.seeds.clear();
      m_layers.set_reference(first.layers, relative);
      for (std::size_t i = 0; i < native.size(); ++i)
        if (is_floating(native[i].dtype)) m_probes.emplace_back(i, golden::NoiseProbe(widened(native[i])));
      for (std::int64_t seed = 1; seed <= golden::k_probes; ++seed) add_native_response(seed, relative);
      const bool moves =
          std::ranges::all_of(m_probes, [](const auto& probe) { return probe.second.finish().floor > 0; });
      if (moves || relative >= golden::k_native_largest) break;
    }
    for (auto& [index, probe] : m_probes) {
      auto& output = m_case.tensors.outputs[index];
      output.reference = widened(output.native);
      output.noise = golden::native_floor(probe);
    }
  }

  void add_native_response(std::int64_t seed, double relative) {
    auto request = perturbed(seed, relative);
    request.compute = Compute::native;
    m_case.seeds.push_back(seed);
    const auto result = run_layered(request);
    for (auto& [index, probe] : m_probes) probe.add_response(seed, widened(output_of(result.outputs, index)));
    m_layers.add_response(seed, result.layers);
    hold_against_stability(result.outputs);
  }

  static RunRequest perturbed(std::int64_t seed, double relative) {
    RunRequest request;
    request.compute = Compute::float64;
    request.perturb = Perturbation{static_cast<std::uint64_t>(seed), relative};
    return request;
  }

  const HostTensor& output_of(const std::vector<HostTensor>& outputs, std::size_t index) const {
    const auto& name = m_case.tensors.outputs[index].native.name;
    const auto* const found = find_tensor(outputs, name);
    if (found == nullptr)
      throw Error(ErrorKind::worker, "worker", fmt::format("a second run of the network gave no output {}", name));
    return *found;
  }

  // What the runs compute with, and no more than their outputs' own types hold.
  [[nodiscard]] int least_bits(const std::vector<HostTensor>& native) const {
    int bits = m_bits;
    for (const auto& output : native) bits = std::min(bits, golden::significant_bits(output.dtype));
    return bits;
  }

  // A float64 path beside a rounding can hide it from the probes, and which outputs the rounding leads to is not known.
  void distrust_probes() {
    for (auto& output : m_case.tensors.outputs)
      if (output.noise) output.noise->linear = 0;
  }

  void finish_floors(const std::vector<HostTensor>& native) {
    for (auto& [index, probe] : m_probes) {
      auto& output = m_case.tensors.outputs[index];
      output.noise = probe.finish();
      golden::settle_precision(*output.noise, *output.reference, output_of(native, index), m_bits);
    }
  }

  void calibrate_all(const LayeredRun& native) {
    for (auto& [index, probe] : m_probes) {
      auto& output = m_case.tensors.outputs[index];
      golden::calibrate(*output.noise, *output.reference, output_of(native.outputs, index));
    }
    m_layers.calibrate(native.layers, golden::layer_bits(m_case.tensors));
  }

  void run_native_variants() {
    RunRequest without_onednn;
    without_onednn.onednn = false;
    take_variant(run_layered(without_onednn));
    RunRequest channels_last;
    channels_last.channels_last = true;
    take_variant(run_layered(channels_last));
  }

  void take_variant(LayeredRun native) {
    align(DetectionRun::native, 0, native.outputs);
    calibrate_all(native);
    hold_against_stability(native.outputs);
  }

  static bool repeats(const std::vector<HostTensor>& first, const std::vector<HostTensor>& second) {
    return std::ranges::all_of(first, [&](const HostTensor& output) {
      const auto* const again = find_tensor(second, output.name);
      return again != nullptr && again->shape == output.shape && golden::judge_repeat(output, *again).equal;
    });
  }

  // A golden says nothing of an input that no output depends on.
  void require_response(const HostTensor& input, const std::vector<HostTensor>& native) {
    const auto other = golden::perturb_input(input);
    if (!other) return;
    auto inputs = m_case.tensors.inputs;
    *std::ranges::find(inputs, input.name, &HostTensor::name) = *other;
    try {
      const auto outputs = CaseRunner(m_worker, inputs, "disturbed").run({});
      const bool answers = std::ranges::any_of(native, [&](const HostTensor& output) {
        const auto* const again = find_tensor(outputs, output.name);
        return again == nullptr || again->shape != output.shape || !golden::judge_repeat(output, *again).equal;
      });
      if (answers) return;
    } catch (const Error& error) {
      // An input that the network refuses is one that it looks at.
      if (m_worker.failure() && m_worker.failure()->kind != WorkerFailure::Kind::raised) throw;
      return;
    }
    m_case.objections.push_back({true, "", fmt::format("no output depends on the input {}", input.name),
                                 "leave the input out of the network, or choose one on which it matters"});
  }

  void object() {
    for (const auto& [index, probe] : m_probes) {
      const auto& output = m_case.tensors.outputs[index];
      const auto objections = golden::collect_objections(*output.reference, *output.noise, probe.unstable());
      m_case.objections.insert(m_case.objections.end(), objections.begin(), objections.end());
    }
    for (const auto& [index, probe] : m_stability) {
      auto& output = m_case.tensors.outputs[index];
      if (is_detection(output.native.name)) continue;
      output.stable = probe.stable();
      const auto objections = probe.objections();
      m_case.objections.insert(m_case.objections.end(), objections.begin(), objections.end());
    }
    for (const auto& probe : m_detections) {
      const auto objections = probe.objections(m_case.tensors);
      m_case.objections.insert(m_case.objections.end(), objections.begin(), objections.end());
      m_case.tensors.detections.push_back(probe.finish());
    }
  }

  Worker& m_worker;
  Progress& m_progress;
  const std::vector<std::vector<std::string>>& m_declared;
  CaseRunner m_runner;
  int m_bits;  // significant bits that the native runs compute with
  bool m_allow_random;
  CapturedCase m_case;
  std::vector<HostTensor> m_reference;
  golden::LayerProbe m_layers;
  std::vector<std::pair<std::size_t, golden::NoiseProbe>> m_probes;
  std::vector<std::pair<std::size_t, golden::StabilityProbe>> m_stability;
  std::vector<golden::DetectionProbe> m_detections;
  std::uint64_t m_done = 0;
};

}  // namespace

int weight_bits(const BuiltNetwork& network) {
  int bits = golden::k_bits_float32;
  for (const auto& entry : network.state_entries) bits = std::min(bits, golden::significant_bits(entry.dtype));
  return bits;
}

CapturedCase capture_case(Worker& worker, const std::string& name, std::vector<HostTensor> inputs,
                          const std::vector<std::vector<std::string>>& detections, int weight_bits,
                          bool allow_random, Progress& progress) {
  return CaseCapture(worker, name, std::move(inputs), detections, weight_bits, allow_random, progress).capture();
}

std::vector<golden::InputSlot> input_slots(const BuiltNetwork& network) {
  std::vector<golden::InputSlot> state_entries;
  for (const auto& input : network.inputs) {
    golden::InputSlot entry{input.name, {}, input.dtype, input.required};
    for (const auto size : input.shape) entry.shape.push_back(size < 0 ? std::nullopt : std::optional(size));
    state_entries.push_back(std::move(entry));
  }
  return state_entries;
}

}  // namespace goldseal

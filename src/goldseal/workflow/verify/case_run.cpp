// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/verify/case_run.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/workflow/answers/output_comparison.hpp>

#include <fmt/format.h>

#include <utility>

namespace goldseal {
namespace {

// Compiled code and quantized kernels have one type: the other checks judge them alone.
std::vector<HostTensor> run_in_float64(const RunPlace& place, const CaseRunner& runner, RunFindings& findings) {
  RunRequest request;
  request.compute = Compute::float64;
  try {
    return runner.run(request);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unsupported || place.worker.failure()) throw;
    findings.without_float64 = error.message();
    return {};
  }
}

}  // namespace

CaseResults run_case(const RunPlace& place, const CaseRunner& runner, const golden::GoldenTensors& golden,
                     RunFindings& findings) {
  const bool quick = place.request.depth == RunDepth::quick;
  place.log.progress.step(fmt::format("running {}", golden.name), quick ? 1 : 3);
  CaseResults results;
  results.golden_case = golden.name;
  results.native = runner.run(place.settings);
  place.log.progress.advance(1);
  place.log.stopwatch.lap("native run");
  if (quick) return results;
  results.again = runner.run(place.settings);
  place.log.progress.advance(2);
  place.log.stopwatch.lap("repeated run");
  if (has_reference(golden)) results.float64 = run_in_float64(place, runner, findings);
  place.log.stopwatch.lap("float64 run");
  return results;
}

void observe_case(const golden::GoldenTensors& golden, const CaseResults& results, const std::optional<Device>& label,
                  ModelRun& run) {
  for (auto& output : compare_outputs(golden, results)) {
    output.device = label;
    run.findings.outputs.push_back(std::move(output));
  }
  for (auto& detections : compare_detections(golden, results)) {
    detections.device = label;
    run.findings.detections.push_back(std::move(detections));
  }
  note_distributions(golden, results, label, run.distributions);
}

void observe_randomness(const RunPlace& place, const CaseRunner& runner, const golden::GoldenTensors& golden,
                        RunFindings& findings) {
  if (golden.random.empty()) return;
  const auto one = runner.run_drawing(k_same_draws).outputs;
  const auto other = runner.run_drawing(k_other_draws).outputs;
  for (const auto& output : golden.random) {
    const auto* const drawn = find_tensor(one, output.name);
    findings.random.push_back({golden.name, output.name, drawn == nullptr || !has_same_bits(*drawn, other)});
  }
  place.log.stopwatch.lap("random runs");
}

void follow_layers(const RunPlace& place, const CaseRunner& runner, const golden::GoldenTensors& golden,
                   CaseResults& results, RunFindings& findings) {
  if (golden.layers.empty()) return;
  const auto compute = differing_run(place.sealed.model, findings, {golden.name, place.label}, place.request.policy);
  // Compiled code has no layers: those of the code under it agree with the seal.
  if (!compute || (place.judges_compiled && *compute == Compute::native)) return;
  place.log.progress.step(fmt::format("following the layers of {}", golden.name));
  auto request = *compute == Compute::float64 ? RunRequest{} : place.settings;
  request.compute = *compute;
  const auto elements = golden.layers.front().sketch.elements;
  const auto layers = runner.run_layered(request, elements).layers;
  place.log.stopwatch.lap("layers");
  if (layers.empty()) return;
  results.layers(*compute) = golden::pack_layers(layers);
  observe_layers(golden, *compute, layers, place.label, findings);
}

void observe_layers(const golden::GoldenTensors& golden, Compute compute,
                    const std::vector<golden::LayerSketch>& layers, const std::optional<Device>& label,
                    RunFindings& findings) {
  auto trace = golden::follow_layers(golden.layers, layers, compute, golden::layer_bits(golden));
  findings.layers.push_back({.golden_case = golden.name, .run = compute, .trace = std::move(trace), .device = label});
}

}  // namespace goldseal

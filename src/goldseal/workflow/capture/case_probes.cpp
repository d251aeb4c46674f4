// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/capture/case_probes.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/golden/compare/comparison.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace goldseal {

CaseProbes::CaseProbes(const std::vector<HostTensor>& native, const std::vector<std::vector<std::string>>& declared,
                       int bits)
    : m_bits(bits) {
  for (const auto& output : native) {
    if (!is_floating(output.dtype)) m_stability.emplace_back(m_tensors.outputs.size(), output);
    m_tensors.outputs.push_back({output, std::nullopt, std::nullopt, std::nullopt});
  }
  for (const auto& group : declared.empty() ? golden::find_detections(native) : declared) {
    for (const auto& name : group) {
      if (!is_detection(name) && std::ranges::count(group, name) == 1) continue;
      throw Error(ErrorKind::usage, name, "expected it in one group of detections, found it twice",
                  "name each output once");
    }
    m_detections.emplace_back(group, native, bits);
  }
}

void CaseProbes::set_reference(LayeredRun reference) {
  m_layers.set_reference(std::move(reference.layers), golden::k_rounding, reference.narrow_layer);
  for (auto& probe : m_detections) probe.add(Run::reference, 0, reference.outputs);
  for (std::size_t i = 0; i < m_tensors.outputs.size(); ++i) {
    auto& output = m_tensors.outputs[i];
    const auto* const found = find_tensor(reference.outputs, output.native.name);
    if (found == nullptr || !is_floating(output.native.dtype) || is_detection(output.native.name)) continue;
    output.reference = *found;
    m_noise.emplace_back(i, golden::NoiseProbe(*found));
  }
  hold_against_stability(reference.outputs);
}

bool CaseProbes::set_unmoved(const LayeredRun& run, double factor) {
  for (const auto& [index, probe] : m_noise) {
    const auto& reference = *m_tensors.outputs[index].reference;
    const auto* const found = find_tensor(run.outputs, m_tensors.outputs[index].native.name);
    if (found == nullptr || found->shape != reference.shape || !is_floating(found->dtype)) return false;
  }
  if (!m_layers.set_unmoved(run.layers, factor)) return false;
  m_unmoved = run.outputs;
  m_factor = factor;
  return true;
}

bool CaseProbes::rounds_as_float32() const {
  return std::ranges::all_of(m_noise, [&](const auto& probe) {
    const auto& output = m_tensors.outputs[probe.first];
    const auto deviation = golden::compare(output_of(m_unmoved, probe.first), *output.reference, *output.noise);
    return deviation.rms_ratio <= golden::k_largest_amplification;
  });
}

void CaseProbes::forget_responses() {
  m_unmoved.clear();
  m_factor = 1;
  for (auto& [index, probe] : m_noise) probe = golden::NoiseProbe(*m_tensors.outputs[index].reference);
  m_layers.forget_responses();
}

void CaseProbes::set_native_reference(const LayeredRun& native, double relative) {
  m_noise.clear();
  m_layers.set_reference(native.layers, relative);
  for (std::size_t i = 0; i < m_tensors.outputs.size(); ++i) {
    auto& output = m_tensors.outputs[i];
    if (!is_floating(output.native.dtype)) continue;
    output.reference = widened(output.native);
    m_noise.emplace_back(i, golden::NoiseProbe(*output.reference));
  }
}

bool CaseProbes::forget_detections() {
  const bool any = !m_detections.empty();
  m_detections.clear();
  return any;
}

void CaseProbes::add(Run kind, std::int64_t seed, LayeredRun run) {
  // In the sealed order, before anything else looks at them.
  for (auto& probe : m_detections) probe.add(kind, seed, run.outputs);
  if (kind == Run::coarse) return hold_against_stability(run.outputs);
  for (auto& [index, probe] : m_noise) {
    const auto& output = output_of(run.outputs, index);
    kind == Run::fine ? probe.add_fine(seed, output) : probe.add_response(seed, response(index, output));
  }
  kind == Run::fine ? m_layers.add_fine(seed, run.layers) : m_layers.add_response(seed, run.layers);
}

void CaseProbes::add_native_response(std::int64_t seed, const LayeredRun& run) {
  for (auto& [index, probe] : m_noise)
    probe.add_response(seed, response(index, widened(output_of(run.outputs, index))));
  m_layers.add_response(seed, run.layers);
  hold_against_stability(run.outputs);
}

void CaseProbes::calibrate(LayeredRun run) {
  for (auto& probe : m_detections) probe.add(Run::native, 0, run.outputs);
  for (auto& [index, probe] : m_noise) {
    auto& output = m_tensors.outputs[index];
    golden::calibrate(*output.noise, *output.reference, output_of(run.outputs, index));
  }
  m_layers.calibrate(run.layers, golden::layer_bits(m_tensors));
  hold_against_stability(run.outputs);
}

void CaseProbes::finish_floors() {
  for (auto& [index, probe] : m_noise) {
    auto& output = m_tensors.outputs[index];
    output.noise = probe.finish();
    golden::settle_precision(*output.noise, *output.reference, output.native, m_bits);
  }
}

void CaseProbes::finish_native_floors(bool steps) {
  for (auto& [index, probe] : m_noise) m_tensors.outputs[index].noise = golden::native_floor(probe, steps);
}

HostTensor CaseProbes::response(std::size_t index, const HostTensor& output) const {
  if (m_unmoved.empty()) return output;
  return golden::rescaled_response(*m_tensors.outputs[index].reference, output_of(m_unmoved, index), output, m_factor);
}

void CaseProbes::settle() {
  for (const auto& [index, probe] : m_stability) m_tensors.outputs[index].stable = probe.stable();
  for (const auto& probe : m_detections) probe.settle(m_tensors);
}

void CaseProbes::distrust_floors() {
  for (auto& output : m_tensors.outputs)
    if (output.noise) output.noise->linearity = 0;
}

bool CaseProbes::settled() const {
  return std::ranges::all_of(m_noise, [](const auto& probe) { return probe.second.settled(); });
}

bool CaseProbes::all_move() const {
  return std::ranges::all_of(m_noise, [](const auto& probe) { return probe.second.finish().floor > 0; });
}

double CaseProbes::greatest_amplification() const {
  double greatest = golden::k_least_amplification;
  for (const auto& output : m_tensors.outputs)
    if (output.noise) greatest = std::max(greatest, output.noise->rms_amplification);
  return greatest;
}

std::vector<golden::Objection> CaseProbes::objections() const {
  std::vector<golden::Objection> all;
  const auto add = [&](std::vector<golden::Objection> some) { std::ranges::move(some, std::back_inserter(all)); };
  const bool some_respond = std::ranges::any_of(m_noise, [&](const auto& probe) {
    return !golden::is_silent(*m_tensors.outputs[probe.first].noise);
  });
  for (const auto& [index, probe] : m_noise) {
    const auto& output = m_tensors.outputs[index];
    add(golden::collect_objections(*output.reference, *output.noise, probe.unstable(), some_respond));
  }
  for (const auto& [index, probe] : m_stability)
    if (!is_detection(m_tensors.outputs[index].native.name)) add(probe.objections());
  for (const auto& probe : m_detections) add(probe.objections(m_tensors));
  return all;
}

golden::GoldenTensors CaseProbes::finish() {
  for (const auto& [index, probe] : m_stability)
    if (!is_detection(m_tensors.outputs[index].native.name)) m_tensors.outputs[index].stable = probe.stable();
  for (const auto& probe : m_detections) m_tensors.detections.push_back(probe.finish());
  return std::move(m_tensors);
}

bool CaseProbes::is_detection(const std::string& output) const {
  return std::ranges::any_of(m_detections, [&](const auto& probe) { return probe.holds(output); });
}

const HostTensor& CaseProbes::output_of(const std::vector<HostTensor>& outputs, std::size_t index) const {
  const auto& name = m_tensors.outputs[index].native.name;
  const auto* const found = find_tensor(outputs, name);
  if (found == nullptr)
    throw Error(ErrorKind::worker, "worker", fmt::format("a second run of the network gave no output {}", name));
  return *found;
}

void CaseProbes::hold_against_stability(const std::vector<HostTensor>& outputs) {
  for (auto& [index, probe] : m_stability) probe.add(output_of(outputs, index));
}

}  // namespace goldseal

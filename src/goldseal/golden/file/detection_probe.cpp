// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/file/detection_probe.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/golden/compare/discrete.hpp>
#include <goldseal/golden/detections/detection_alignment.hpp>
#include <goldseal/golden/detections/detection_rows.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

namespace goldseal::golden {
namespace {

HostTensor joined(const HostTensor& first, const HostTensor& second) {
  std::vector<std::byte> bytes(first.bytes.begin(), first.bytes.end());
  bytes.insert(bytes.end(), second.bytes.begin(), second.bytes.end());
  auto shape = first.shape;
  shape.front() += second.shape.front();
  return make_tensor(first.name, first.dtype, std::move(shape), std::move(bytes));
}

// A row of a float64 run, in the type that is sealed.
HostTensor as_sealed(const HostTensor& tensor, DType dtype) {
  if (tensor.dtype == dtype) return tensor;
  std::vector<double> values(tensor.numel());
  copy_as_double(tensor, 0, values);
  return narrowed(tensor.name, dtype, tensor.shape, values);
}

}  // namespace

DetectionProbe::DetectionProbe(std::vector<std::string> outputs, std::span<const HostTensor> native, int bits)
    : m_bits(bits) {
  require_detections(outputs, native);
  m_native = *select(native, outputs);
  m_result.outputs = std::move(outputs);
}

bool DetectionProbe::holds(std::string_view output) const {
  return std::ranges::find(m_result.outputs, output) != m_result.outputs.end();
}

void DetectionProbe::add(Run run, std::int64_t seed, std::vector<HostTensor>& outputs) {
  const auto found = select(outputs, m_result.outputs);
  auto aligned = found ? align_detections(m_native, *found) : std::nullopt;
  if (!aligned) {
    throw Error(ErrorKind::worker, m_result.outputs.front(),
                fmt::format("expected {} with rows of one form in every run, found another form",
                            fmt::join(m_result.outputs, ", ")),
                "seal the network without its last step, which selects the objects");
  }
  for (std::size_t row = 0; row < aligned->rows.size(); ++row) {
    if (!aligned->rows[row] && std::ranges::find(m_result.unsettled, row) == m_result.unsettled.end())
      m_result.unsettled.push_back(row);
  }
  std::ranges::sort(m_result.unsettled);
  m_result.ordered = m_result.ordered && in_order(aligned->rows, m_result.unsettled);
  if (!aligned->strangers.empty()) keep_strangers(*found, aligned->strangers);
  for (const auto& output : aligned->outputs) *std::ranges::find(outputs, output.name, &HostTensor::name) = output;
  m_runs.push_back({run, seed, std::move(aligned->outputs)});
}

void DetectionProbe::keep_strangers(const std::vector<HostTensor>& outputs, const std::vector<std::size_t>& rows) {
  std::vector<HostTensor> strangers;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    strangers.push_back(as_sealed(only_rows(outputs[i], rows), m_native[i].dtype));
  if (m_result.others.empty()) {
    m_result.others = std::move(strangers);
    return;
  }
  const auto known = align_detections(m_result.others, strangers);
  if (!known || known->strangers.empty()) return;
  for (std::size_t i = 0; i < strangers.size(); ++i)
    m_result.others[i] = joined(m_result.others[i], only_rows(strangers[i], known->strangers));
}

std::vector<std::size_t> DetectionProbe::settled() const {
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < static_cast<std::size_t>(m_native.front().shape.front()); ++row)
    if (!std::ranges::binary_search(m_result.unsettled, row)) rows.push_back(row);
  return rows;
}

void DetectionProbe::settle(GoldenTensors& golden) const {
  if (settled().empty()) return;
  for (std::size_t i = 0; i < m_result.outputs.size(); ++i) {
    auto& output = *std::ranges::find(
        golden.outputs, m_result.outputs[i],
        [](const GoldenOutput& other) -> const auto& { return other.native.name; });
    if (is_floating(output.native.dtype))
      settle_output(i, output);
    else if (output.stable)
      output.stable = without_rows(*output.stable, m_result.unsettled);
  }
}

void DetectionProbe::settle_output(std::size_t index, GoldenOutput& output) const {
  const auto kept = [&](const Kept& run) { return without_rows(run.outputs[index], m_result.unsettled); };
  const auto reference = std::ranges::find(m_runs, Run::reference, &Kept::run);
  if (reference == m_runs.end()) return;
  output.reference = kept(*reference);
  NoiseProbe probe(*output.reference);
  for (const auto& run : m_runs) {
    if (run.run == Run::response) probe.add_response(run.seed, kept(run));
    if (run.run == Run::fine) probe.add_fine(run.seed, kept(run));
  }
  output.noise = probe.finish();
  for (const auto& run : m_runs) {
    if (run.run != Run::native) continue;
    const auto native = kept(run);
    settle_precision(*output.noise, *output.reference, native, m_bits);
    calibrate(*output.noise, *output.reference, native);
  }
}

SealedDetections DetectionProbe::finish() const { return m_result; }

std::vector<Objection> DetectionProbe::objections(const GoldenTensors& golden) const {
  const auto rows = settled();
  const auto all = rows.size() + m_result.unsettled.size();
  std::vector<Objection> objections;
  if (static_cast<double>(m_result.unsettled.size()) > k_largest_unstable_share * static_cast<double>(all)) {
    objections.push_back({rows.empty(), m_result.outputs.front(),
                          fmt::format("depends on rounding in {} of {} detections", m_result.unsettled.size(), all),
                          "choose an input on which the network decides clearly"});
  }
  if (rows.empty()) return objections;
  for (const auto& output : golden.outputs) {
    if (!output.reference || !output.noise || !holds(output.native.name)) continue;
    std::ranges::move(collect_objections(only_rows(*output.reference, rows), *output.noise),
                      std::back_inserter(objections));
  }
  return objections;
}

}  // namespace goldseal::golden

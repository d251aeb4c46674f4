// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/answers/case_runner.hpp>

#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/files/staging.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/write/safetensors_writer.hpp>
#include <goldseal/golden/compare/noise_floor.hpp>
#include <goldseal/golden/compare/output_verdict.hpp>
#include <goldseal/golden/compare/reduced_precision.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace goldseal {
namespace {

std::string input_file(const std::vector<HostTensor>& inputs) {
  std::vector<TensorToWrite> tensors;
  tensors.reserve(inputs.size());
  for (const auto& input : inputs) tensors.push_back({input.name, input.dtype, input.shape, input.bytes});
  return write_safetensors(tensors);
}

// Significant bits of the least precise layer or conversion; nothing where the worker does not report layers.
std::optional<int> bits_of(const RunReply& reply) {
  std::optional<int> least;
  if (reply.narrowest) least = golden::significant_bits(*reply.narrowest);
  for (const auto& layer : reply.layers) {
    if (!layer.dtype || !golden::computes(layer.op)) continue;
    const int bits = golden::significant_bits(*layer.dtype);
    least = std::min(least.value_or(bits), bits);
  }
  return least;
}

std::optional<std::size_t> first_narrow_layer(const std::vector<RunLayer>& layers) {
  const auto found = std::ranges::find_if(
      layers, [](const RunLayer& layer) { return layer.dtype && golden::rounds_narrower(layer.op, *layer.dtype); });
  if (found == layers.end()) return std::nullopt;
  return static_cast<std::size_t>(found - layers.begin());
}

std::vector<golden::LayerSketch> sketches(const std::vector<RunLayer>& layers, const std::vector<HostTensor>& file,
                                          std::int64_t elements) {
  std::vector<golden::LayerSketch> result;
  result.reserve(layers.size());
  for (const auto& layer : layers) result.push_back({layer.module, layer.op, layer.shape, {}, 0, 0, elements});
  const auto* const table = find_tensor(file, "sketch");
  if (table == nullptr) throw Error(ErrorKind::worker, "worker", "the sketches of the layers have no table `sketch`");
  golden::fill_sketches(*table, result);
  return result;
}

}  // namespace

bool has_same_bits(const HostTensor& output, const std::vector<HostTensor>& outputs) {
  const auto* const other = find_tensor(outputs, output.name);
  return other != nullptr && other->dtype == output.dtype && other->shape == output.shape &&
         golden::judge_repeat(output, *other).equal;
}

bool have_same_bits(const std::vector<HostTensor>& first, const std::vector<HostTensor>& outputs) {
  return std::ranges::all_of(first, [&](const HostTensor& output) { return has_same_bits(output, outputs); });
}

HostTensor widened(const HostTensor& tensor) {
  if (tensor.dtype == DType::float64 || !is_floating(tensor.dtype)) return tensor;
  std::vector<double> values(tensor.numel());
  copy_as_double(tensor, 0, values);
  return make_tensor(tensor.name, DType::float64, tensor.shape, std::move(values));
}

CaseRunner::CaseRunner(Worker& worker, const std::vector<HostTensor>& inputs, std::string_view file)
    : m_worker(worker), m_inputs(worker.run_directory() / fmt::format("{}.safetensors", file)) {
  write_file_atomically(m_inputs, input_file(inputs));
}

std::vector<HostTensor> CaseRunner::run(RunRequest request) const { return run_once(request).outputs; }

LayeredRun CaseRunner::run_layered(RunRequest request, std::int64_t elements) const {
  request.layer_elements = elements;
  request.layers = m_worker.run_directory() / "layers.safetensors";
  return run_once(request);
}

LayeredRun CaseRunner::run_drawing(Draws draws, Compute compute) const {
  RunRequest request;
  request.draws = draws;
  request.compute = compute;
  return run_once(request);
}

LayeredRun CaseRunner::run_once(RunRequest& request) const {
  request.inputs = m_inputs;
  request.outputs = m_worker.run_directory() / "outputs.safetensors";
  const auto reply = m_worker.run(request);
  LayeredRun result{read_tensors(request.outputs), {}, {}, reply.witness, {}, false};
  static_cast<void>(staging::remove_whole(request.outputs));
  if (request.compute == Compute::float64) std::ranges::transform(result.outputs, result.outputs.begin(), widened);
  if (reply.layers.empty()) return result;
  result.layers = sketches(reply.layers, read_tensors(request.layers), request.layer_elements);
  static_cast<void>(staging::remove_whole(request.layers));
  if (request.compute == Compute::float64) result.narrow_layer = first_narrow_layer(reply.layers);
  result.bits = bits_of(reply);
  result.computes_wide = std::ranges::any_of(
      reply.layers, [](const RunLayer& layer) { return layer.dtype == DType::float64; });
  return result;
}

bool has_reference(const golden::GoldenTensors& sealed) {
  return std::ranges::any_of(sealed.outputs, [](const auto& output) { return output.noise && !output.noise->native; });
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// Sealing one case takes many runs of the network: in float64, perturbed, native and repeated. This
// file makes them in order and reduces them to golden tensors. The statistics belong to
// golden/compare, the worker's side to worker/.
#pragma once

#include <goldseal/base/running/progress.hpp>
#include <goldseal/golden/file/golden_file.hpp>
#include <goldseal/golden/inputs/input.hpp>
#include <goldseal/worker/worker.hpp>
#include <goldseal/workflow/capture/randomness.hpp>

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace goldseal {

/// What capturing a case gives.
struct CapturedCase {
  golden::GoldenTensors tensors;
  bool repeatable = true;
  std::vector<std::int64_t> seeds;
  std::vector<golden::Objection> objections;
  /// `norm (rsqrt)`: the layer that rounds below float64 in the float64 run; empty where none does.
  std::string narrow_layer;
  RandomOutputs random;  ///< of which nothing is in `tensors`
  std::set<std::string> reads;   ///< of what no state dict holds, what the runs read
  std::set<std::string> writes;  ///< and what they wrote to
  std::optional<std::vector<TensorCoverage>> coverage;  ///< nothing where it cannot be measured (coverage.hpp)
};

/// Significant bits of the network's least precise weights, at most float32's.
[[nodiscard]] int weight_bits(const BuiltNetwork& network);

struct CaseOptions {
  bool allow_random = false;  ///< seal what is stable of a network that draws at random
  bool quick = false;         ///< no float64 runs, as of a network that has no such path
};

/// The runs that a capture makes of one case: the float64 reference, the perturbed ones, the native ones. The worker
/// holds the loaded network. `weight_bits` stand for what it computes with where its layers cannot be followed. A
/// network without a float64 path gives outputs without reference, with an objection that says so. `detections` are
/// groups of outputs whose rows are objects found (golden/detections/detections.hpp); empty: those that their names
/// tell. Throws Error{usage} where the outputs of a group differ in their number of rows.
[[nodiscard]] CapturedCase capture_case(Worker& worker, const std::string& name, std::vector<HostTensor> inputs,
                                        const std::vector<std::vector<std::string>>& detections, int weight_bits,
                                        CaseOptions options, Progress& progress);

/// The network's inputs, as far as it declares them.
[[nodiscard]] std::vector<golden::InputSlot> input_slots(const BuiltNetwork& network);

}  // namespace goldseal

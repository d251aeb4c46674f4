// SPDX-License-Identifier: Apache-2.0
// Capture and verify run the same case many times with different settings. CaseRunner writes the
// inputs once and maps each run's outputs. Which runs to make, and what they mean, is the caller's
// decision.
#pragma once

#include <goldseal/golden/file/golden_file.hpp>
#include <goldseal/golden/layers/layers.hpp>
#include <goldseal/golden/tensors/constants.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>
#include <goldseal/worker/worker.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace goldseal {

/// The seed of the runs whose random numbers are to be the same.
inline constexpr Draws k_same_draws{.seed = 1, .anew = false};
/// Others, also where the network's code seeds a generator by itself.
inline constexpr Draws k_other_draws{.seed = 2, .anew = true};

/// What a run gave that was followed layer by layer.
struct LayeredRun {
  std::vector<HostTensor> outputs;
  std::vector<golden::LayerSketch> layers = {};  ///< empty where the worker does not sketch layers
  /// The first layer that rounds below float64 (golden/compare/reduced_precision.hpp).
  std::optional<std::size_t> narrow_layer = {};
  RunWitness witness = {};       ///< of a run with draws
  std::optional<int> bits = {};  ///< of the least precise layer or conversion, at most float32's
  bool computes_wide = false;    ///< some layer computes in float64
};

/// True where an output was sealed with a float64 reference, so that a float64 run of the case can be judged.
[[nodiscard]] bool has_reference(const golden::GoldenTensors& sealed);

/// True where `outputs` have one of this name, with the same type, shape and bytes.
[[nodiscard]] bool has_same_bits(const HostTensor& output, const std::vector<HostTensor>& outputs);
/// The same of all of `first`.
[[nodiscard]] bool have_same_bits(const std::vector<HostTensor>& first, const std::vector<HostTensor>& outputs);

/// In float64, where it is of a narrower floating type.
[[nodiscard]] HostTensor widened(const HostTensor& tensor);

/// The runs of one golden case in a worker. The inputs are written once, for all runs.
class CaseRunner {
 public:
  /// `file` names the inputs' file in the run directory: two runners of one worker need two names.
  CaseRunner(Worker& worker, const std::vector<HostTensor>& inputs, std::string_view file = "inputs");

  /// Runs and maps the outputs. Their file is removed at once; the mappings keep it. What a network's own code makes
  /// narrow again in a float64 run is widened, and compared like the rest.
  [[nodiscard]] std::vector<HostTensor> run(RunRequest request) const;
  /// The same, with a sketch of each layer's output, of at most `elements` of its elements; 0: of all, as seals of
  /// before hold them.
  [[nodiscard]] LayeredRun run_layered(RunRequest request, std::int64_t elements = golden::k_sketch_elements) const;
  /// Without sketches, with what it drew.
  [[nodiscard]] LayeredRun run_drawing(Draws draws, Compute compute = Compute::native) const;

  [[nodiscard]] const std::filesystem::path& inputs() const { return m_inputs; }

 private:
  [[nodiscard]] LayeredRun run_once(RunRequest& request) const;

  Worker& m_worker;
  std::filesystem::path m_inputs;
};

}  // namespace goldseal

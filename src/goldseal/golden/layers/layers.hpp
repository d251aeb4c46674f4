// SPDX-License-Identifier: Apache-2.0
// A wrong answer is easier to mend when its first wrong layer is known. This file seals eight
// random projections of every layer, with their noise, and compares a run with them. Workers
// compute the projections. The verdict on outputs does not depend on layers.
#pragma once

#include <goldseal/base/kinds/compute.hpp>
#include <goldseal/golden/tensors/constants.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace goldseal::golden {

/// Random projections that a worker keeps of each layer's output (PROTOCOL.md, layers).
inline constexpr std::size_t k_projections = 8;

/// One operator's output in one run, whatever its size: 80 bytes. With p the projections, rms(p - p') estimates the
/// root mean square of the difference of two outputs; 8 of them within a third.
struct LayerSketch {
  std::string module;  ///< dotted path; empty for the network's own code
  std::string op;      ///< `aten::conv2d`
  std::vector<std::int64_t> shape;
  std::array<double, k_projections> projections{};
  double rms = 0;         ///< of the output
  double non_finite = 0;  ///< elements, counted as 0 above
  std::int64_t elements = 0;  ///< that the projections take at most, evenly apart; 0: all of them
};

/// A layer of the float64 run at capture, and its noise from sketches: response, amplification and
/// linearity, as noise_floor.hpp defines them.
struct SealedLayer {
  LayerSketch sketch;
  double response_rms = 0;
  double rms_amplification = 0;
  double linearity = 1;
};

/// Collects the sketches of a capture's runs.
class LayerProbe {
 public:
  /// The float64 run, or the native one of a network that has no float64 path; `rounding` is by how much `add_response`
  /// moves. Empty where the worker sketches no layers: everything below then does nothing. Layers from `narrow_layer`
  /// on follow a rounding to a narrower type (reduced_precision.hpp): their linearity is 0, whatever the probes say.
  void set_reference(std::vector<LayerSketch> layers, double rounding = k_rounding,
                     std::optional<std::size_t> narrow_layer = std::nullopt);
  /// Responses are those to runs of another type from here on: differences from `layers`, the same run unmoved,
  /// multiplied by `factor`. False, and nothing changed, where its layers are others than the reference's.
  [[nodiscard]] bool set_unmoved(std::vector<LayerSketch> layers, double factor);
  /// Begins anew with the same reference.
  void forget_responses();
  /// A run at `rounding`, or at 2^-44, with this seed. Where its layers are others than the reference's, no layer is
  /// sealed.
  void add_response(std::int64_t seed, std::span<const LayerSketch> layers);
  void add_fine(std::int64_t seed, std::span<const LayerSketch> layers);
  /// A native run of weights with `bits` significant bits.
  void calibrate(std::span<const LayerSketch> layers, int bits);

  [[nodiscard]] std::vector<SealedLayer> finish() const;

 private:
  [[nodiscard]] bool fits(std::span<const LayerSketch> layers);
  [[nodiscard]] bool same_layers(std::span<const LayerSketch> layers) const;

  std::vector<SealedLayer> m_layers;
  std::vector<LayerSketch> m_unmoved;  // empty: the reference
  double m_factor = 1;
  double m_rounding = k_rounding;
  std::optional<std::size_t> m_first_narrow;
  std::map<std::int64_t, std::vector<double>> m_response;  // squared, by seed
  std::map<std::int64_t, std::vector<double>> m_fine;
};

/// Fills the numbers of `layers` from a worker's table (float64 [n, 10]: projections, rms, elements that are not
/// finite). Throws Error{malformed} where it has another form.
void fill_sketches(const HostTensor& table, std::span<LayerSketch> layers);

/// The layers of a case as tensors, and back: `names` (uint8 text: a first line with the version of the form, then
/// `module<TAB>op<TAB>2x3x4`; version 2: sketches take `k_sketch_elements` at most), `sketch` (float64 [n, 10]) and, for sealed ones, `noise` (float64 [n, 3]: response,
/// amplification, linearity).
/// Throws Error{malformed} for tensors of another form, Error{unsupported} for a newer version.
[[nodiscard]] std::vector<HostTensor> pack_layers(std::span<const LayerSketch> layers);
[[nodiscard]] std::vector<LayerSketch> unpack_layers(std::span<const HostTensor> tensors);
[[nodiscard]] std::vector<HostTensor> pack_sealed_layers(std::span<const SealedLayer> layers);
[[nodiscard]] std::vector<SealedLayer> unpack_sealed_layers(std::span<const HostTensor> tensors);

/// `backbone.conv1 (conv2d)`; `forward (add)` of the network's own code.
[[nodiscard]] std::string label_of(const LayerSketch& layer);

/// One layer of a run beside the sealed one.
struct LayerStep {
  std::string label;  ///< `label_of`; `#2` behind it for the second one of that name
  std::string op;
  double ratio = 0;  ///< rms of the error over the response; infinite where one side lacks the layer
  double limit = 0;
};

/// A run followed along the sealed layers, in their order.
struct LayerTrace {
  std::vector<LayerStep> steps;
  std::optional<std::size_t> first;  ///< the first step over its limit
  std::string departure;  ///< where the run calls other operators, in words; empty where it calls the sealed ones
};

/// Compares a run's layers with the sealed ones. Operators that only one side calls are steps of infinite ratio in
/// float64; a native run may convert where a float64 one does not, and they are passed over. `bits` are the significant
/// bits of the network's own type; 24 where the layers' noise is that of native runs, which knows its type.
[[nodiscard]] LayerTrace follow_layers(std::span<const SealedLayer> sealed, std::span<const LayerSketch> found,
                                       Compute run, int bits);

}  // namespace goldseal::golden

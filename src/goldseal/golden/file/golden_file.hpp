// SPDX-License-Identifier: Apache-2.0
// golden.safetensors holds everything a target is compared with. This file is the only one that
// knows its layout, in both directions. The manifest keeps the small numbers. Comparing is left to
// golden/compare.
#pragma once

#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/golden/compare/noise_floor.hpp>
#include <goldseal/golden/compare/weight_fingerprint.hpp>
#include <goldseal/golden/detections/detections.hpp>
#include <goldseal/golden/layers/layers.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>
#include <goldseal/manifest/manifest.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace goldseal::golden {

/// One output of a golden case as it is sealed.
struct GoldenOutput {
  HostTensor native;                    ///< as the weights compute it
  std::optional<HostTensor> reference;  ///< float64; nothing for integers, bools and networks without a float64 path
  std::optional<NoiseFloor> noise;      ///< where there is a reference
  std::optional<HostTensor> stable;     ///< of integers and bools: which elements must be met (discrete.hpp)
};

/// The tensors of one golden case. golden.safetensors holds them as
///   CASE/input/NAME, CASE/output/NAME       in their own types
///   CASE/reference/NAME                     float64
///   CASE/noise/NAME                         uint8, the codes of NoiseFloor
///   CASE/noise_scale/NAME                   float64 [3]: floor, base, step
///   CASE/stable/NAME                        uint8, of outputs that are integers or bools
///   CASE/others/NAME                        of outputs that hold detections: rows that only other runs gave
///   CASE/encoded/NAME                       uint8, the picture's file, of inputs with a declared preprocessing
///   CASE/layers/names, sketch, noise        as pack_sealed_layers gives them, where the manifest counts layers
/// which is 13 bytes an output element for a float32 network (ARCHITECTURE.md says why not less). The rest of a
/// NoiseFloor is in the manifest.
struct GoldenTensors {
  std::string name;
  std::vector<HostTensor> inputs;
  std::vector<HostTensor> encoded;  ///< of inputs with a declared preprocessing, under their names
  std::vector<GoldenOutput> outputs;
  std::vector<SealedDetections> detections;
  std::vector<GoldenTensor> random = {};  ///< outputs that differ from run to run: their names and forms alone
  std::vector<SealedLayer> layers;  ///< empty in seals of before, and where they vary from run to run
};

/// The significant bits that the layers of a native run compute with: float32's where their noise is that of native
/// runs (noise_floor.hpp), which knows its type.
[[nodiscard]] int layer_bits(const GoldenTensors& golden);

/// The bytes of golden.safetensors. `traces`, if there are any, are those of the manifest's tensors in its order; they
/// lie in the file as `weights/trace`.
[[nodiscard]] std::string write_golden(std::span<const GoldenTensors> cases,
                                       std::span<const WeightFingerprint> traces = {});

/// The traces in a golden.safetensors; nothing where it has none.
[[nodiscard]] std::vector<WeightFingerprint> read_fingerprints(const std::shared_ptr<const MappedFile>& file);

/// How an input was given, and the text of its declared preprocessing.
struct InputOrigin {
  std::string source;
  std::string preprocess = {};
};

/// What the manifest says of a case; `origins` are those of the inputs, in their order.
[[nodiscard]] GoldenCase describe(const GoldenTensors& golden, std::span<const InputOrigin> origins);

/// Reads golden.safetensors for the cases of a manifest. Throws Error{malformed} where a tensor is missing or is not of
/// the dtype and shape that the manifest says.
[[nodiscard]] std::vector<GoldenTensors> read_golden(const std::shared_ptr<const MappedFile>& file,
                                                     std::span<const GoldenCase> cases);
[[nodiscard]] std::vector<GoldenTensors> read_golden(const std::filesystem::path& path,
                                                     std::span<const GoldenCase> cases);

}  // namespace goldseal::golden

// SPDX-License-Identifier: Apache-2.0
// `goldseal capture` is this one call: read the checkpoint, build and load the network, measure it,
// write the seal. The file fixes the order of those steps. The runs of a case are made in
// golden_runs.hpp.
#pragma once

#include <checks/policy.hpp>
#include <goldseal/base/running/progress.hpp>
#include <goldseal/checkpoint/keys/admission.hpp>
#include <goldseal/golden/batch/batch.hpp>
#include <goldseal/golden/inputs/input.hpp>
#include <goldseal/verdict/report.hpp>
#include <goldseal/worker/device_request.hpp>
#include <goldseal/worker/runtime.hpp>
#include <goldseal/worker/worker.hpp>
#include <goldseal/workflow/loading/model_spec.hpp>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace goldseal {

/// Whether the architecture without its weights goes into the seal (embedding.hpp, program_embedding.hpp).
/// `where_possible`: a seal without it is made too, and the report warns.
enum class Embed { never, where_possible, always };

struct CaptureRequest {
  std::filesystem::path checkpoint;
  std::string entry;                                   ///< of a wrapped checkpoint; empty: the only plausible one
  std::optional<ModelSpec> model;                      ///< nothing: the checkpoint carries its own code
  std::vector<golden::InputSpec> inputs;               ///< of the case `default`; may be empty where there are `cases`
  std::optional<std::filesystem::path> cases;          ///< a directory of further cases (golden/inputs/cases.hpp)
  std::optional<golden::Preprocessing> preprocessing;  ///< of every input that is a picture
  std::vector<std::vector<std::string>> detections;    ///< outputs of one row an object; empty: as their names tell
  Runtime runtime;
  std::string run_options;  ///< what `goldseal verify` is to be given to run the model alike: ` --runtime python`
  std::filesystem::path seal;  ///< the directory to write
  bool force = false;
  bool anonymous = false;
  Embed embed = Embed::never;
  Admission admission = {};  ///< what need not be loaded, and what need not find a place
  bool quick = false;         ///< no float64 run: the noise of every case by native ones
  golden::BatchRequest batch = {};  ///< what is sealed of batches
  bool allow_random = false;  ///< seal what is stable of a network that draws at random
  std::chrono::seconds limit{3600};
  std::optional<int> threads;
  std::optional<DeviceRequest> device;  ///< one; nothing: where the worker runs by itself
  Confinement confinement = Confinement::sandbox;
  Policy policy;  ///< for golden.capture and golden.coverage; what proves nothing is not sealed, whatever it says
};

/// Every file and directory that the request names to be read: what no output may take the place of.
[[nodiscard]] std::vector<std::filesystem::path> inputs_of(const CaptureRequest& request);

/// Seals a checkpoint: reads it, runs it, measures its noise, and writes the seal. The report tells what was sealed;
/// where it fails, no seal was written and one that was there is untouched. Throws Error where there is nothing to
/// report on.
[[nodiscard]] Report capture(const CaptureRequest& request, Progress& progress);

/// `model.pth` gives `model.seal` beside it.
[[nodiscard]] std::filesystem::path default_seal_path(const std::filesystem::path& checkpoint);

}  // namespace goldseal

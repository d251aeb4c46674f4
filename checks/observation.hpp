// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/file/serving_observation.hpp>
#include <goldseal/base/kinds/compute.hpp>
#include <goldseal/base/kinds/device.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/keys/keys.hpp>
#include <goldseal/golden/compare/comparison.hpp>
#include <goldseal/golden/compare/discrete.hpp>
#include <goldseal/golden/compare/output_verdict.hpp>
#include <goldseal/golden/compare/weight_fingerprint.hpp>
#include <goldseal/golden/detections/detection_verdict.hpp>
#include <goldseal/golden/images/input_drift.hpp>
#include <goldseal/golden/layers/layers.hpp>
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/signing/signature_finding.hpp>
#include <goldseal/worker/protocol.hpp>
#include <goldseal/worker/worker.hpp>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// A file of the model as it was found on this machine.
struct FileObservation {
  FileRole role = FileRole::checkpoint;
  std::string path;  ///< where it was looked for
  bool present = false;
  std::uint64_t bytes = 0;
  std::optional<Digest> sha256;
  std::optional<Digest> non_tensor_sha256;
  std::string written = {};  ///< when it was last written, as Manifest::created tells a moment; empty: not known
  std::vector<std::pair<std::string, std::string>> notes;  ///< rule and message, from the reader
  bool packed_weights = false;                             ///< it holds weights that no digest of a tensor vouches for
  /// Why it could not be read: the reader's error, in parts.
  std::string damage;
  std::string damage_where;
  std::string damage_remedy;
  ErrorKind damage_kind = ErrorKind::malformed;
};

/// The keys of the checkpoint beside those of a network or of the seal.
struct KeyObservation {
  std::vector<Key> have;
  std::vector<Key> want;
  KeyMatch match;
  std::vector<Digest> digests = {};  ///< of the checkpoint's tensors, in the order of `have`; empty until they are known
  std::map<std::string, std::string> renames = {};  ///< by load hooks: the name in the file, and the network's
  std::vector<LoadStep> load_steps = {};            ///< the hooks
};

/// One output of one golden case as this machine computed it.
struct OutputObservation {
  std::string golden_case;
  std::string output;
  golden::NoiseFloor noise;
  std::optional<golden::Deviation> float64;  ///< the float64 run; nothing where it was not made
  std::optional<golden::Deviation> native;
  std::optional<golden::RepeatVerdict> repeat;
  std::optional<golden::DiscreteVerdict> discrete;          ///< of integers and bools: the native run
  std::optional<golden::DiscreteVerdict> discrete_float64;  ///< the same in float64
  std::optional<Device> device = {};  ///< the GPU that computed it, where the model was run on several
  std::string structure;              ///< what is wrong with its name, shape or type; empty for nothing
};

/// A case, or an output of one, with the GPU where there are several: `default on cuda:1`.
[[nodiscard]] inline std::string run_name(const std::string& what, const std::optional<Device>& device) {
  return device ? what + " on " + device->text() : what;
}

/// The objects that one run found beside the sealed ones.
struct DetectionObservation {
  std::string golden_case;
  std::string outputs;  ///< `boxes, scores, labels`
  Compute run = Compute::native;
  golden::DetectionVerdict verdict;
  std::optional<Device> device = {};  ///< as in OutputObservation
};

/// A run made once more with one thing changed, because it did not agree as it was.
struct TrialObservation {
  std::string golden_case;
  std::string setting;  ///< `oneDNN off`
  double severity = 0;  ///< the worst output's OutputVerdict::severity
  Compute run = Compute::native;
  std::string cause = {};   ///< what it means where the difference goes; empty where the setting says it
  std::string remedy = {};  ///< what to do then; empty where the check's own says it
  double agrees_at = 1;     ///< the greatest severity that counts as gone: less where chance could bring it to 1
};

/// A run that did not agree, followed along the sealed layers.
struct LayerObservation {
  std::string golden_case;
  Compute run = Compute::float64;
  golden::LayerTrace trace;
  std::optional<Device> device = {};  ///< as in OutputObservation
};

/// An input that this machine's own preprocessing made, beside the sealed one.
struct InputObservation {
  std::string golden_case;
  std::string input;
  std::string source;  ///< as it was given
  golden::InputDrift drift;
};

/// How the worker's part of the run went.
struct WorkerObservation {
  std::string runtime;  ///< for people: `libtorch 2.13.0 (…)`
  bool done = false;    ///< every request was answered
  std::optional<WorkerFailure> failure = {};
  std::string refusal = {};  ///< the worker's own words where it declined
  std::string refusal_where = {};
  std::string refusal_remedy = {};
  std::string sandbox = {};           ///< how it was confined, in words; empty where none was started
  std::optional<Device> device = {};  ///< where it failed, of several
};

/// Where the model was to be run, and what there is.
struct DeviceObservation {
  std::string asked = {};            ///< --device as it was given; empty: as sealed
  Device sealed = {};                ///< where the golden outputs were computed
  std::vector<Device> offered = {};  ///< what the runtime has
  std::vector<Device> used = {};     ///< those chosen; empty where what was asked for is not there
  bool refused = false;              ///< nothing was loaded: worker.device says why
};

/// How much of a model's run was asked for: `--depth`.
enum class RunDepth {
  none,   ///< the machine alone was to be judged
  quick,  ///< one native run
  full,   ///< also a repetition and the float64 run
};

struct RunDepthTraits {
  RunDepth kind;
  std::string_view name;
};
inline constexpr std::array k_run_depths{RunDepthTraits{RunDepth::none, "none"},
                                         RunDepthTraits{RunDepth::quick, "quick"},
                                         RunDepthTraits{RunDepth::full, "full"}};
static_assert(is_indexed_by_kind(k_run_depths));

/// What the files say without PyTorch: filled by who reads them (workflow/verify/file_examination.hpp).
struct FileFindings {
  std::vector<FileObservation> found;
  std::optional<Digest> golden_sha256;                ///< of golden.safetensors; nothing where the file is missing
  std::optional<KeyObservation> keys;                 ///< the checkpoint's beside the seal's
  std::map<std::string, Digest> tensors;              ///< digests of the checkpoint's, by the network's names
  std::optional<std::vector<ExtraStateRecord>> extra_states;  ///< under the sealed names; nothing before they are read
  std::map<std::string, golden::WeightChange> weight_changes;  ///< what happened to those that are not as sealed
};

/// What is known of this machine: filled by the probes, and by a worker that was asked.
struct MachineFindings {
  Environment environment;
  bool asked_pytorch = false;  ///< `environment` has what only a running PyTorch knows
};

/// An output that was sealed as random, in runs with other seeds.
struct RandomObservation {
  std::string golden_case;
  std::string output;
  bool varies = false;
};

/// Why a case answers otherwise in a batch.
enum class BatchCause {
  none,      ///< it does not, or it could not be found out
  beside,    ///< its answer depends on the rows beside it
  padding,   ///< on being filled up
  position,  ///< on the row at which it stands
};

/// A golden case at one row of a batch.
struct BatchObservation {
  std::string golden_case;
  std::size_t row = 0;
  Compute run = Compute::native;
  bool padded = false;                   ///< it was filled up to the length of others
  std::vector<OutputObservation> outputs = {};
  std::vector<DetectionObservation> detections = {};
  BatchCause cause = BatchCause::none;
  std::optional<golden::LayerTrace> trace = {};  ///< where it differs: along the layers whose part of one row is known
  std::optional<Device> device = {};             ///< as in OutputObservation
};

/// What the runs in batches gave.
struct BatchFindings {
  std::vector<BatchObservation> rows;
  std::string refused;     ///< what the network or PyTorch said of a batch; empty where it took it
  std::string unjudged;    ///< why no run was made or judged; empty where it was
  std::string remedy;      ///< for either
  std::vector<std::string> of_all;  ///< outputs that a batch has one of for all cases: `CASE/OUTPUT`
};

/// What the model's run gave, or saved results of one: filled by workflow/verify/model_run.hpp.
struct RunFindings {
  RunDepth depth = RunDepth::none;
  std::string untold_code;  ///< code that the seal names, and that nobody said may run; it was not
  std::optional<WorkerObservation> worker;
  std::optional<DeviceObservation> device;
  std::optional<KeyObservation> network_keys;  ///< the checkpoint's beside those of the network as built
  std::optional<std::vector<LoadedTensor>> loaded_tensors;
  std::vector<LoadStep> load_steps;                          ///< code of the network's own that takes part in loading
  std::vector<std::string> changed;                          ///< tensors that it made other values of
  std::optional<std::vector<ExtraStateRecord>> extra_states;  ///< that the network holds; nothing where none were asked
  std::optional<std::vector<OutsideRecord>> outside;          ///< what no state dict holds; nothing where none was asked
  std::vector<RandomObservation> random;
  std::optional<std::map<std::string, std::string>> configuration;
  std::map<std::string, std::string> choices = {};  ///< what forward() reads beside numbers; empty where it is a program
  std::string without_float64;  ///< why the float64 run was declined; empty where it was not
  std::vector<OutputObservation> outputs;
  std::vector<DetectionObservation> detections;
  std::vector<TrialObservation> trials;
  std::vector<LayerObservation> layers;  ///< of the cases whose answers differ with the sealed weights
  std::optional<BatchFindings> batch;    ///< nothing where none was sealed, or the model was not run
};

/// A tensor of the network that nothing was loaded into, as was admitted.
struct InitialObservation {
  std::string name;
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;
  Digest found;                    ///< of the value that the network gave it here
  std::optional<Digest> sealed;    ///< of the one that was sealed; nothing at a capture, and where none was
  std::optional<bool> repeatable;  ///< at a capture: whether another build gave the same; nothing: not tried
  std::optional<bool> answers;     ///< whether a golden answer changes where it is moved; nothing: not to be tried
};

/// What was admitted: `--allow-missing`, `--allow-unexpected`.
struct PartialFindings {
  std::vector<InitialObservation> initial;
  std::vector<std::string> left_out;  ///< tensors of the checkpoint that went nowhere
  std::size_t loaded = 0;
};

/// What a capture measured of itself: filled by workflow/capture/capture.cpp.
struct CaptureFindings {
  std::optional<GoldenCase> golden_case;  ///< the case that is judged
  std::vector<golden::Objection> objections;
  /// `norm (rsqrt)`: the layer that rounds below float64 in the float64 run; empty where none does.
  std::string narrow_layer;
  /// Of all cases together; nothing where it could not be measured.
  std::optional<std::vector<TensorCoverage>> coverage;
};

/// Everything that the checks may look at: what was sealed, and what was found here. Plain values, so that every check
/// can be tested without a machine, a model or a GPU. A part that was not looked for is absent, and the checks on it
/// are skipped.
struct Observation {
  signing::SignatureFinding signature = {};        ///< of the seal
  signing::SignatureFinding model_signature = {};  ///< of the model's files, by whoever published them
  signing::SignatureFinding attestation = {};      ///< of an earlier verdict
  Manifest sealed;
  FileFindings files;
  MachineFindings machine;
  RunFindings run;
  std::vector<InputObservation>
      inputs;  ///< those that were given to be compared (workflow/verify/input_observation.hpp)
  ServingObservation serving;
  CaptureFindings capture = {};
  std::optional<PartialFindings> partial = {};  ///< where anything was admitted, and the model was loaded
};

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/base/kinds/builder.hpp>
#include <goldseal/base/kinds/container.hpp>
#include <goldseal/base/kinds/device.hpp>
#include <goldseal/base/kinds/dtype.hpp>
#include <goldseal/manifest/environment.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// The format that this version writes. Every older one is read; a newer one is refused.
inline constexpr std::int64_t k_manifest_format = 2;

/// What a file is to the model.
enum class FileRole : std::uint8_t {
  checkpoint,    ///< of a checkpoint of several files, the index that names the others
  shard,         ///< one of those others
  architecture,  ///< what the network is built from, where that is a file of its own
  embedded,      ///< the architecture as a file of the seal
  description,   ///< beside the weights, says how the network is built and fed: config.json, a tokenizer
  source,        ///< of the user's own code that the network is made of
};

struct FileRoleTraits {
  FileRole kind;
  std::string_view name;
};
inline constexpr std::array k_file_roles{
    FileRoleTraits{FileRole::checkpoint, "checkpoint"}, FileRoleTraits{FileRole::shard, "shard"},
    FileRoleTraits{FileRole::architecture, "architecture"}, FileRoleTraits{FileRole::embedded, "embedded"},
    FileRoleTraits{FileRole::description, "description"}, FileRoleTraits{FileRole::source, "source"}};
static_assert(is_indexed_by_kind(k_file_roles));
[[nodiscard]] constexpr std::string_view to_string(FileRole role) { return row_of(k_file_roles, role).name; }

/// A file that the model consists of.
struct FileRecord {
  FileRole role = FileRole::checkpoint;
  std::string path;  ///< relative to the seal's directory where that is possible, with `/`; of `embedded` a bare name
  std::uint64_t bytes = 0;
  Digest sha256;
  std::optional<Digest> non_tensor_sha256 = {};  ///< of a checkpoint: the file with the tensors' bytes left out
  std::string module = {};                       ///< of a source: the name that it is imported by
  std::optional<Digest> code_sha256 = {};  ///< of a Python source: without comments (description/python_code.hpp)
  /// Of a description in JSON: its values by dotted key, long ones as digests (description/json_values.hpp).
  std::map<std::string, std::string> values = {};
};

/// A tensor of the state dict, under the network's name for it.
struct TensorRecord {
  std::string name;
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;
  Digest sha256 = {};         ///< over its elements in row-major order, little-endian
  std::string alias_of = {};  ///< the first tensor that shares its memory; empty for none
  friend bool operator==(const TensorRecord&, const TensorRecord&) = default;
};

/// A tensor of the network that the checkpoint lacks, as was admitted: it keeps the value that the network gives it.
struct InitialRecord {
  std::string name;
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;
  Digest sha256;            ///< of that value
  bool repeatable = true;   ///< another build gave the same value
  bool answers = true;      ///< the golden answers change where it is moved; also where that could not be tried
  friend bool operator==(const InitialRecord&, const InitialRecord&) = default;
};

/// What a module's get_extra_state() gave, by its name in the state dict.
struct ExtraStateRecord {
  std::string name;
  std::string kind;  ///< `dict`, `BytesIO`, `tensor` …
  Digest sha256;     ///< of its canonical form (PROTOCOL.md, values)
  friend bool operator==(const ExtraStateRecord&, const ExtraStateRecord&) = default;
};

/// A tensor that the network holds and no state dict does.
struct OutsideRecord {
  std::string name;  ///< its dotted path: `model.rotary.inv_freq`
  std::string kind;  ///< `buffer`, `attribute`, `held` (below an attribute)
  std::string dtype;
  std::vector<std::int64_t> shape;
  Digest sha256;
  bool read = true;            ///< a golden run reads it, and none writes to it
  std::vector<double> sketch;  ///< of a floating one: projections, root mean square, not finite, as a layer's
  bool remade = false;         ///< found: a forward pass may make it in another size; not sealed
  friend bool operator==(const OutsideRecord&, const OutsideRecord&) = default;
};

/// How the network is built from the file that the seal embeds, where that is another form than the model's own.
struct EmbeddedProgram {
  Builder builder = Builder::exported;
  std::map<std::string, std::string> options;
};

/// What the seal says of the model.
struct ModelRecord {
  Builder builder = Builder::torchscript;
  std::string source;  ///< what it builds from: a path relative to the seal, or a reference
  std::map<std::string, std::string> options;
  std::vector<std::string> path_options = {};  ///< those of the options that are paths, relative to the seal
  Container container;
  std::string entry;  ///< of a wrapped checkpoint: where the state dict was, `model`; empty for the top
  std::vector<std::string> removed_segments;  ///< wrapper segments taken out of the keys: `module`
  std::vector<std::string> locations;  ///< devices that tensors were saved from, but for the CPU: `cuda:0`, sorted
  std::vector<FileRecord> files;
  std::vector<TensorRecord> tensors;
  std::vector<std::string> allow_missing;     ///< globs: what the checkpoint may lack
  std::vector<std::string> allow_unexpected;  ///< globs: what it may have beside the network's tensors
  std::vector<InitialRecord> initial;         ///< what it lacks
  std::vector<ExtraStateRecord> extra_states = {};
  std::vector<OutsideRecord> outside = {};
  std::map<std::string, std::string> renamed = {};  ///< by load hooks: the names in the file, and the network's
  std::optional<EmbeddedProgram> embedded;           ///< of a network that is code: its program
  std::map<std::string, std::string> configuration;  ///< hyperparameters outside the state dict, from the worker
  std::map<std::string, std::string> choices = {};   ///< what forward() reads beside numbers: texts, functions, surroundings
};

/// One input or output of a golden case.
struct GoldenTensor {
  std::string name;
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;
  std::string source;           ///< of an input: how it was given, `random:1x3x416x416,seed=7`
  std::string preprocess = {};  ///< of an input from a picture: the declared steps (golden/images/preprocess.hpp)
};

/// The noise floor of one output (golden/compare/noise_floor.hpp defines the quantities).
struct NoiseRecord {
  std::string output;
  double response_rms = 0;       ///< in the output's own unit
  double rms_amplification = 0;  ///< a ratio
  double max_amplification = 0;  ///< a ratio, of the worst element
  double linearity = 1;          ///< 1 for a network that is float64 throughout
  bool pure = true;              ///< linearity between 0.5 and 2
  bool native = false;           ///< measured on native runs, for want of a float64 path
  /// Significant bits that a native run computes with; absent in older seals, where the output's dtype says it.
  std::optional<std::int64_t> bits = {};
};

/// Outputs of a case whose rows are objects found (golden/detections/detections.hpp). The other rows are in
/// golden.safetensors as `CASE/others/NAME`.
struct DetectionRecord {
  std::vector<std::string> outputs;
  std::vector<std::int64_t> unsettled;  ///< rows that rounding decides
  std::int64_t others = 0;              ///< rows that only other runs at capture gave
  bool ordered = true;
};

/// How an input of a batch is made of those of its cases.
struct BatchInput {
  std::string name;
  std::optional<std::int64_t> dimension;  ///< along which the cases stand; nothing: the batch has one for all
  std::optional<double> pad = {};         ///< what fills up a case that is shorter than another one in the batch
  bool made = false;  ///< a mask that the batch alone has: 1 where a case has values, 0 where it was filled up
};

/// Cases in a batch.
inline constexpr std::int64_t k_least_batch = 2;
inline constexpr std::int64_t k_most_batch = 1024;

/// How golden cases become a batch (golden/batch/batch.hpp).
struct BatchRecord {
  std::int64_t size = 0;   ///< cases in a batch
  bool pad_left = false;   ///< shorter cases are filled up in front
  std::vector<BatchInput> inputs;
  bool by_code = false;  ///< the program that the seal embeds does not take such a batch: the code alone can be judged

  /// Null where there is none of that name.
  [[nodiscard]] const BatchInput* find_input(std::string_view name) const {
    const auto found = std::ranges::find(inputs, name, &BatchInput::name);
    return found == inputs.end() ? nullptr : &*found;
  }

  /// Whether shorter cases are filled up to the length of others.
  [[nodiscard]] bool pads() const {
    return std::ranges::any_of(inputs, [](const BatchInput& input) { return input.pad && !input.made; });
  }
};

/// Where a batch's output has the answers of its cases.
struct BatchOutput {
  std::string name;                      ///< of the case alone
  std::vector<std::int64_t> dimensions;  ///< that are `size` times as large in a batch
  bool in_list = false;                  ///< the batch has an output for each case: `0.boxes`, `1.boxes`
  bool of_all = false;                   ///< no part of it is known to be a case's: nothing of it is judged
  std::optional<std::int64_t> added = {};  ///< the dimension of the rows, which a case alone lacks (squeeze())
};

/// A named set of inputs and the outputs they must give. The tensors are in golden.safetensors as `CASE/input/NAME`,
/// `CASE/output/NAME` (as the weights compute it), `CASE/reference/NAME` (float64) and `CASE/noise/NAME` (see
/// golden/noise_floor.hpp).
struct GoldenCase {
  std::string name;
  std::vector<GoldenTensor> inputs;
  std::vector<GoldenTensor> outputs;
  std::vector<NoiseRecord> noise;
  bool repeatable = true;   ///< two runs at capture agreed in every bit
  std::int64_t probes = 0;  ///< K
  std::vector<std::int64_t> seeds;
  std::int64_t layers = 0;  ///< sketched ones (golden/layers/layers.hpp); 0 in older seals, and where layers vary
  std::vector<DetectionRecord> detections = {};
  std::vector<GoldenTensor> random = {};  ///< outputs that differ from run to run: nothing of them is sealed
  Device device;  ///< where it was run; older seals do not say it
  bool quick = false;  ///< sealed at depth quick: the network may have a float64 path, and none was run
  /// What stands beside it in a batch: other cases, and `~1`, `~2+` … (golden/batch/batch.hpp); empty: it was not run so.
  std::vector<std::string> beside = {};
  std::vector<BatchOutput> batch_outputs = {};
  /// For each sealed layer a letter: how the part of one case is cut out of the layer of a batch (BatchLayer).
  std::string batch_layers = {};
};

struct Manifest {
  std::int64_t format = k_manifest_format;
  std::string created;   ///< UTC, RFC 3339
  std::string goldseal;  ///< the version that wrote it
  ModelRecord model;
  Environment environment;
  std::vector<GoldenCase> golden;
  std::optional<BatchRecord> batch = {};  ///< sealed with --batch: its cases agree with themselves in a batch
  Digest golden_sha256;                   ///< of golden.safetensors
  std::vector<std::string> unknown_keys;  ///< filled by reading: keys that this version does not know
};

inline constexpr std::string_view k_manifest_name = "manifest.toml";
inline constexpr std::string_view k_golden_name = "golden.safetensors";
/// What no manifest exceeds, written or read: one of 100,000 tensors has about 20 MB.
inline constexpr std::uint64_t k_max_toml_bytes = 64U << 20U;

/// The manifest as TOML; the `[seal]` table carries a digest of everything else, so that one cut short or edited is
/// noticed. Throws Error{usage} for text that is not UTF-8, and Error{unsupported} for more than can be read.
[[nodiscard]] std::string write_manifest(const Manifest& manifest);

/// Reads a manifest and checks its digest. `where` names it in errors. Throws Error{malformed} where the text is
/// damaged or was edited, Error{unsupported} where it is of a newer format.
[[nodiscard]] Manifest read_manifest(std::string_view text, const std::string& where);

/// `SEAL/manifest.toml`. Throws Error{io} where the directory is not a seal.
[[nodiscard]] Manifest load_manifest(const std::filesystem::path& seal);
/// The same in a directory that is open, whatever has its name by then. `digest` is set to that of its text.
[[nodiscard]] Manifest load_manifest(int directory, const std::filesystem::path& seal, Digest* digest = nullptr);

/// An environment alone, as `goldseal probe` writes it, and back.
[[nodiscard]] std::string write_environment(const Environment& environment);
[[nodiscard]] Environment read_environment(std::string_view text, const std::string& where);
/// A file that `goldseal probe` wrote. Throws Error{io} where it cannot be read, Error{usage} where it is
/// another file. It describes a machine and is not sealed evidence.
[[nodiscard]] Environment load_environment(const std::filesystem::path& file);

}  // namespace goldseal

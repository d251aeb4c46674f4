// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/base/kinds/builder.hpp>
#include <goldseal/base/kinds/compute.hpp>
#include <goldseal/base/kinds/device.hpp>
#include <goldseal/base/kinds/dtype.hpp>
#include <goldseal/checkpoint/keys/keys.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>
#include <goldseal/manifest/environment.hpp>
#include <goldseal/manifest/manifest.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

// The messages of src/worker_libtorch/PROTOCOL.md as plain data.
namespace goldseal {

inline constexpr int k_protocol_version = 3;

/// What a worker says of itself.
struct Hello {
  std::string runtime;  ///< `libtorch`, `python`
  std::string version;  ///< of the PyTorch it loaded
  std::vector<Device> devices;
  std::vector<Builder> builders;  ///< those that goldseal knows
  bool restricts = false;  ///< it can refuse operators that do more than compute
};

/// An input that an architecture declares; an unknown size is -1.
struct DeclaredInput {
  std::string name;
  std::optional<DType> dtype;  ///< nothing where the archive does not say it
  std::vector<std::int64_t> shape;
  bool required = true;  ///< false: the network has a default for it
};

/// A file of the user's own code.
struct SourceFile {
  std::string module;  ///< the name that it is imported by
  std::filesystem::path path;
  bool imported = false;  ///< while it was built, and nothing of the network was seen to lead to it
};

/// Code beside PyTorch's own that takes part when the network is loaded.
struct LoadStep {
  std::string module;  ///< dotted path; empty for the network itself
  std::string what;    ///< `load hook rename_gamma`, `_load_from_state_dict of Head`
};

/// A network as built, before it has weights.
struct BuiltNetwork {
  std::vector<Key> state_entries;
  std::vector<DeclaredInput> inputs;
  std::map<std::string, std::string> configuration;
  std::map<std::string, std::string> choices = {};   ///< what forward() reads beside numbers
  std::vector<std::string> of_process = {};          ///< what forward() names that each process has otherwise: `hash()`
  std::vector<SourceFile> sources = {};  ///< what its code lies in, as far as the worker tells
  bool training = false;                 ///< of a live model: it, or a part of it, is in training mode
  std::map<std::string, std::string> renames = {};  ///< by load hooks: the checkpoint's name, and the network's
  std::vector<LoadStep> load_steps = {};            ///< those that renamed, where any did
  bool compiled = false;  ///< it need not have a place for every tensor of the state dict (CompiledIn)
};

/// What the program of a network's code is written down as.
enum class ProgramForm : std::uint8_t {
  exported,  ///< by torch.export; `export` in the protocol
  script,    ///< TorchScript, of the source
  trace,     ///< TorchScript, of one run
};

/// How the program of a network's code is to be written down.
struct ProgramRequest {
  ProgramForm form = ProgramForm::exported;
  std::filesystem::path inputs;    ///< a safetensors file, as of a run: shapes and branches are taken from it
  std::filesystem::path file;      ///< where, without the ending that the form has
  std::chrono::seconds limit{60};  ///< for writing it
  std::uint64_t most_bytes = 0;    ///< of the file, which holds no weights
  bool anew = false;               ///< also where one is kept from before
};

/// What was written: how a network is built from it, and that network's state entries.
struct WrittenProgram {
  Builder builder = Builder::exported;  ///< one that is a program's form
  std::map<std::string, std::string> options;
  std::filesystem::path file;
  BuiltNetwork network;
  bool kept = false;  ///< from before, when the code was the same and the weights were others
};

struct LoadedTensor {
  std::string name;
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;
  Digest sha256;
};

/// What is in the network: the state dict's tensors, its extra states, and what no state dict holds.
struct NetworkState {
  std::vector<LoadedTensor> tensors;
  std::vector<ExtraStateRecord> extra_states;
  std::vector<OutsideRecord> outside;
  std::vector<std::string> changed = {};  ///< tensors that the network's own loading made other values of
};

/// How a run's random numbers are drawn.
struct Draws {
  std::uint64_t seed = 0;
  bool anew = false;  ///< also before each operator that draws, so that seeds in the code are of no effect
};

struct Perturbation {
  std::uint64_t seed = 0;
  double relative = 0;
  double zero = 0;                     ///< an element that is 0 becomes zero·ξ
  std::vector<std::string> only = {};  ///< the state entries that are moved; empty: every state entry and input
  bool tile = false;                   ///< factors cut from one table (PROTOCOL.md), a tenth of the time; no `zero`
};

/// Of a batch, the row whose part of each layer is sketched, and the layers of that row alone.
struct RowPart {
  struct Layer {
    std::string module;
    std::string op;
    std::vector<std::int64_t> shape;
  };
  std::int64_t rows = 0;
  std::int64_t row = 0;
  bool interleaved = false;  ///< rows that are folded into another dimension lie in turn, not one after the other
  bool left = false;         ///< shorter rows are filled up in front
  std::vector<Layer> layers = {};
};

/// One run of the network. Settings that are absent stay as the worker started with.
struct RunRequest {
  std::filesystem::path inputs;
  std::filesystem::path outputs;
  Compute compute = Compute::native;
  bool in_float32 = false;  ///< `compute` is native, of weights and inputs that were converted to float32
  std::optional<Perturbation> perturb;
  std::optional<int> threads;
  std::optional<bool> onednn;
  std::optional<bool> channels_last;
  std::optional<bool> tf32 = false;  ///< float32 means float32, also on a GPU whose convolutions would use TF32
  std::optional<Device> device;
  std::optional<bool> compiled = {};  ///< false: the code under a compiled model, where that is judged
  std::optional<Draws> draws = {};  ///< given: the reply tells what draws, and what it reads
  std::filesystem::path layers;     ///< where to write the layers' sketches; empty for none
  std::int64_t layer_elements = 0;  ///< that a sketch takes at most; 0: all
  std::optional<RowPart> part = {};  ///< of which row of a batch the sketches are; nothing: of the whole layers
};

struct RunOutput {
  std::string name;
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;
};

/// An operator whose output was sketched.
struct RunLayer {
  std::string module;
  std::string op;
  std::optional<DType> dtype;  ///< nothing from a worker that was built before it was told
  std::vector<std::int64_t> shape;
};

/// What a run with `draws` tells.
struct RunWitness {
  struct Operator {
    std::string module;
    std::string op;
  };
  std::vector<Operator> random;          ///< operators that draw
  std::vector<std::string> generators;   ///< that gave numbers: `numpy's`
  std::vector<std::string> reads;        ///< of what no state dict holds, what operators were given
  std::vector<std::string> writes;       ///< and what they wrote to
};

struct RunReply {
  RunWitness witness;
  std::vector<RunOutput> outputs;
  std::vector<RunLayer> layers;  ///< in the order of their rows in the sketches' file; empty where none were asked for
  std::optional<DType> narrowest;  ///< float16 or bfloat16, where a conversion gave it; told with the layers
  double seconds = 0;
};

/// How many elements of a floating state entry the answers depend on.
struct TensorCoverage {
  std::string name;
  std::int64_t elements = 0;
  std::int64_t reached = 0;
};

/// A tensor of the checkpoint and the state entry that it goes to.
struct Assignment {
  std::size_t tensor = 0;  ///< index into Checkpoint::tensors
  std::string state_entry;
  std::string file_name = {};  ///< what load hooks know it by; empty: `state_entry`
};

/// An extra state, and what the network calls it.
struct ExtraStateAssignment {
  ExtraState state;
  std::string state_entry;
};

/// A path as messages name it. Throws Error{io} where it is not UTF-8, which alone the protocol carries.
[[nodiscard]] std::string protocol_path(const std::filesystem::path& path);

/// The table that `load` takes, as JSON.
[[nodiscard]] std::string write_placements(const Checkpoint& checkpoint, std::span<const Assignment> assignments,
                                           std::span<const ExtraStateAssignment> extra_states = {});

}  // namespace goldseal

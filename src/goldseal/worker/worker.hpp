// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/running/progress.hpp>
#include <goldseal/worker/protocol.hpp>
#include <goldseal/worker/runtime.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace goldseal {

/// How a worker failed, for a finding.
struct WorkerFailure {
  enum class Kind {
    crashed,   ///< ended by a signal or with an exit code, in the middle of a request
    hung,      ///< the deadline passed
    flooded,   ///< printed without end
    violated,  ///< broke the protocol
    raised,    ///< PyTorch raised; the worker itself is well
    memory,    ///< an allocation failed
  };
  Kind kind = Kind::crashed;
  std::string stage;        ///< what it was asked to do: `build`, `run`
  std::string summary;      ///< one sentence
  std::string last_output;  ///< the end of what it printed on standard error
};

[[nodiscard]] std::string_view to_string(WorkerFailure::Kind kind);

/// Whether a worker is kept from the network and from files outside its run (sandbox.hpp).
enum class Confinement { none, sandbox };

/// What a network may do: whatever its code does, or compute alone.
enum class Trust { code, computing };

/// A worker at work: each member function is one request of the protocol. They throw Error{worker} where it crashed,
/// hung, broke the protocol or raised — `failure()` then tells more — and Error{usage, malformed, unsupported} where it
/// refused with that kind.
class Worker {
 public:
  /// Starts the runtime's worker and greets it. `limit` is the time for everything until the object's end. Where it
  /// does not answer the greeting, `failed` tells what became of it.
  Worker(const Runtime& runtime, std::chrono::milliseconds limit, std::optional<int> threads = {},
         Confinement confinement = Confinement::sandbox, std::optional<WorkerFailure>* failed = nullptr);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  [[nodiscard]] const Hello& hello() const;
  /// Private to this run; removed with the object.
  [[nodiscard]] const std::filesystem::path& run_directory() const;
  /// How it is confined, in words (Sandbox::level).
  [[nodiscard]] std::string sandbox() const;

  /// Where every later run and backward pass is made, unless a request names another: one of hello().devices.
  void use_device(Device device);

  /// Has every later build give the network values of its own, drawn from this seed where they are drawn.
  void build_with_values(std::uint64_t seed);

  [[nodiscard]] Environment environment();
  /// `constants`: a file as write_placements gives it, of the tensors that the architecture brings; empty for none.
  /// `trust`: whether somebody vouches for the network. One of nobody's may compute and nothing else: code is refused,
  /// and so are operators that reach files, other processes or threads (Error{unsupported}). `names` are the
  /// checkpoint's: load hooks may rename them.
  [[nodiscard]] BuiltNetwork build(Builder builder, std::string_view source,
                                   const std::map<std::string, std::string>& options,
                                   const std::filesystem::path& constants = {}, Trust trust = Trust::code,
                                   const std::vector<std::string>& names = {});
  /// `kept`: state entries that keep the value that they were built with, though the state dict has them. The result
  /// are the tensors that the network's own loading made other values of.
  std::vector<std::string> load(const Checkpoint& checkpoint, std::span<const Assignment> assignments,
                                std::span<const std::string> kept = {},
                                std::span<const ExtraStateAssignment> extra_states = {});
  [[nodiscard]] NetworkState digest();
  /// What no state dict holds, also before anything is loaded.
  [[nodiscard]] std::vector<OutsideRecord> outside();
  /// The same as the first native run left it, with the tables that it made; of one that grows, the part that has the shape
  /// of `sealed`. Nothing where there was no such run, or this worker does not know.
  [[nodiscard]] std::optional<std::vector<OutsideRecord>> settled(std::span<const OutsideRecord> sealed = {});
  RunReply run(const RunRequest& request);
  /// The files of the user's own that the network was seen to read in its runs.
  [[nodiscard]] const std::set<std::filesystem::path>& files_read() const;
  /// One backward pass through the network on these inputs; in the weights' own types (or, with `in_float32`, in
  /// float32), or in float64.
  [[nodiscard]] std::vector<TensorCoverage> gradients(const std::filesystem::path& inputs, Compute compute,
                                                      bool in_float32 = false);
  /// Has the worker write down the program of the network that it built, and answer the runs that follow with what it
  /// reads back from that file, holding the loaded tensors. Throws Error{unsupported} where the code cannot be written
  /// down in this form.
  [[nodiscard]] WrittenProgram write_program(const ProgramRequest& request);
  void finish();

  [[nodiscard]] const std::optional<WorkerFailure>& failure() const;
  /// True where it can take further requests: it has not failed, or has only raised or run out of memory.
  [[nodiscard]] bool is_well() const;

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

}  // namespace goldseal

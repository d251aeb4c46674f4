// SPDX-License-Identifier: Apache-2.0
// A capture is a list of passes: open, build, load, measure, embed, seal. Each pass takes the stage that the one before
// gave and returns the next, or nothing where its findings, which it added to the log, forbid a seal. A stage holds all
// that the passes behind it need, and does not change once it exists.
#pragma once

#include <goldseal/golden/file/golden_file.hpp>
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/worker/worker.hpp>
#include <goldseal/workflow/capture/capture_log.hpp>
#include <goldseal/workflow/loading/background_digests.hpp>
#include <goldseal/workflow/loading/model_spec.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace goldseal {

/// The checkpoint is read and being digested, and it is known how its network is built.
struct Opened {
  BackgroundDigests digests;
  ModelSpec model;
  std::optional<FileRecord> architecture;  ///< where the network is described by a file of its own

  [[nodiscard]] const Checkpoint& checkpoint() const { return digests.checkpoint(); }
};
/// Throws Error{usage} where the request is known to be impossible, before anything takes time.
[[nodiscard]] Opened open_model(const CaptureRequest& request, CaptureLog& log);

/// The worker has built the network, on the device where it will run, and the checkpoint's keys fit.
struct Built {
  Opened opened;
  std::optional<Device> device;  ///< that was asked for; nothing: where the worker runs by itself
  BuiltNetwork network;
  KeyMatch match;
  /// What no state dict holds, as it was built; empty where no other process can build the same network.
  std::vector<OutsideRecord> outside;
};
[[nodiscard]] std::optional<Built> build(Opened opened, const CaptureRequest& request, Worker& worker, CaptureLog& log);

/// The weights are in the network, bit for bit as they are in the file.
struct Loaded {
  Built built;
  std::vector<TensorRecord> tensors;
  std::vector<ExtraStateRecord> extra_states;
  std::vector<FileRecord> files;
  NetworkState state;  ///< the worker's digests of what it loaded, and what no state dict holds

  [[nodiscard]] const Checkpoint& checkpoint() const { return built.opened.checkpoint(); }
};
[[nodiscard]] std::optional<Loaded> load(Built built, const CaptureRequest& request, Worker& worker, CaptureLog& log);

/// The golden cases were run, and the noise of their outputs is known. What was not loaded was looked at.
struct Measured {
  Loaded loaded;
  std::vector<golden::GoldenTensors> tensors;
  std::vector<GoldenCase> records;      ///< of the same cases
  std::vector<OutsideRecord> outside;   ///< what no state dict holds, and a golden run reads
  std::vector<InitialRecord> initial;   ///< what was not loaded, as was admitted
  Environment environment;              ///< as the worker tells it after the runs
  std::optional<BatchRecord> batch = {};  ///< where cases were run in batches too

  [[nodiscard]] const Checkpoint& checkpoint() const { return loaded.checkpoint(); }
};
[[nodiscard]] std::optional<Measured> measure(Loaded loaded, const CaptureRequest& request, Worker& worker, CaptureLog& log);

/// The architecture, if it is to be a file of the seal, lies in `directory`.
struct Embedded {
  Measured measured;
  std::optional<FileRecord> file;
  std::optional<EmbeddedProgram> program;
};
[[nodiscard]] std::optional<Embedded> embed_network(Measured measured, const CaptureRequest& request,
                                                    const std::filesystem::path& directory, Worker& worker,
                                                    CaptureLog& log);

/// What the seal will say, and the bytes of its golden file.
struct Sealed {
  Manifest manifest;
  std::string golden;
};
[[nodiscard]] Sealed seal(const Embedded& embedded, const CaptureRequest& request, Worker& worker, CaptureLog& log);

}  // namespace goldseal

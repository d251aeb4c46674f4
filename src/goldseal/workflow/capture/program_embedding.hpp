// SPDX-License-Identifier: Apache-2.0
// Python code cannot travel in a seal, but a program made from it can. This file has the worker
// export the program and tries it against the sealed answers. Networks that lie in a file are left
// to architecture_embedding.hpp.
#pragma once

#include <goldseal/manifest/manifest.hpp>
#include <goldseal/worker/worker.hpp>
#include <goldseal/workflow/capture/sealed_answers.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

// The program of a network that is code, as a file of the seal, so that a target needs none of the code.
namespace goldseal {

/// The largest program that is embedded. That of a network of a thousand operators has 2 MB; what is far above holds
/// tables that the code makes.
inline constexpr std::uint64_t k_most_program_bytes = 64U << 20U;

/// How long a network's code is given to be written down in each form. PyTorch needs some seconds to load its compiler,
/// then 20 ms an operator; code that unrolls a loop without end is given up.
inline constexpr std::chrono::seconds k_program_limit{120};

/// What was embedded of a network's code.
struct EmbeddedCode {
  EmbeddedProgram program;
  FileRecord file;
  std::string what;  ///< in words: `a program of torch.export`
  bool takes_batches = true;  ///< it gives the sealed answers in batches too, where such were sealed
};

/// Has the worker write down the program of the network that it built: by torch.export, as TorchScript, or as a trace,
/// whichever first gives the sealed answers in both runs, native and float64, in batches too where such were sealed; else
/// whichever first gives them alone. It goes into `directory` without its
/// weights. `match` is how the checkpoint maps onto `code`, the network that was built. `judge` starts a worker that then builds the network from that file and must answer alike; it may give
/// none. Throws Error{unsupported} where no form does, with the reason of each.
[[nodiscard]] EmbeddedCode embed_code(Worker& worker, const Checkpoint& checkpoint, const BuiltNetwork& code,
                                      const KeyMatch& match,
                                      const SealedAnswers& sealed, const std::filesystem::path& directory,
                                      const std::function<std::unique_ptr<Worker>()>& judge);

}  // namespace goldseal

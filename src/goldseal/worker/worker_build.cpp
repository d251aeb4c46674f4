// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/worker_build.hpp>

#include <goldseal/base/atomic_write.hpp>
#include <goldseal/base/error.hpp>
#include <goldseal/base/interrupt.hpp>
#include <goldseal/base/text.hpp>
#include <goldseal/worker/child_process.hpp>
#include <goldseal/worker/places.hpp>

#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes k_build_limit{30};

fs::path sources() {
  if (const auto protocol = find_shipped("worker_libtorch/PROTOCOL.md")) return protocol->parent_path();
  throw Error(ErrorKind::unsupported, command_directory().string(), "the worker's sources are not beside the command",
              "install goldseal with `cmake --install`, or copy share/goldseal too");
}

fs::path require_program(const std::string& name) {
  if (auto found = find_program(name)) return std::move(*found);
  throw Error(ErrorKind::unsupported, "PATH", fmt::format("{} was not found", name),
              fmt::format("install {}, a C++20 compiler and nlohmann-json", name));
}

// Runs a program to its end; its output is kept for the error alone.
void run_step(const fs::path& program, std::vector<std::string> arguments, const std::string& step) {
  ChildProcess child({program, std::move(arguments), environment_with({})});
  const auto deadline = std::chrono::steady_clock::now() + k_build_limit;
  // Nothing is said over the channel: it becomes ready only by its end, which is the program's.
  const auto event = child.wait(ChildProcess::Want::read, deadline);
  const auto ended = event == ChildProcess::Event::ended || event == ChildProcess::Event::channel_ready;
  auto ending = child.stop();
  if (!ended) ending = Ending{1, 0};
  throw_if_interrupted();
  if (ending.exit_code == 0 && ending.signal == 0) return;
  const auto& text = child.errors().text().empty() ? child.output().text() : child.errors().text();
  throw Error(ErrorKind::worker, step,
              fmt::format("failed with {}; its last words:\n{}", ending.describe(),
                          text.substr(text.size() - std::min<std::size_t>(text.size(), 2000))),
              "it needs a C++20 compiler, nlohmann-json's headers and the LibTorch's own headers");
}

}  // namespace

Runtime build_worker(const fs::path& installation) {
  const auto workers = user_worker_directory();
  if (!workers) {
    throw Error(ErrorKind::usage, "HOME", "is not set, so there is no cache to keep the worker in",
                "set XDG_CACHE_HOME");
  }
  const auto source = sources();
  const auto cmake = require_program("cmake");
  const TemporaryDirectory build;
  run_step(cmake,
           {"-S", source.string(), "-B", build.path().string(),
            fmt::format("-DGOLDSEAL_TORCH_DIR={}", fs::canonical(installation).string()), "-DCMAKE_BUILD_TYPE=Release"},
           "configure the worker");
  run_step(cmake, {"--build", build.path().string(), "--parallel"}, "build the worker");
  fs::create_directories(*workers);
  fs::copy(build.path() / "workers", *workers, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  return find_runtime(fmt::format("libtorch={}", installation.string()));
}

}  // namespace goldseal

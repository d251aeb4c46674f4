// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/worker_build.hpp>

#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/running/interrupt.hpp>
#include <goldseal/environment/libraries/torch_installation.hpp>
#include <goldseal/environment/shared/file_root.hpp>
#include <goldseal/worker/build_log.hpp>
#include <goldseal/worker/child_process.hpp>
#include <goldseal/worker/places.hpp>
#include <goldseal/worker/runtime.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes k_build_limit{30};
constexpr std::chrono::milliseconds k_look{500};
constexpr std::string_view k_built_from = "sources";  // beside a worker: the digest of what it was built from

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

fs::path require_cache() {
  if (auto workers = user_worker_directory()) return std::move(*workers);
  throw Error(ErrorKind::usage, "HOME", "is not set, so there is no cache to keep the worker in", "set XDG_CACHE_HOME");
}

// A file that includes torch/script.h takes up to 1.1 GB to compile: as many at a time as fit into the memory.
std::uint64_t jobs() {
  constexpr std::uint64_t k_kib_a_job = 1'300'000;
  std::uint64_t fit = 1;
  std::ifstream memory("/proc/meminfo");
  for (std::string line; std::getline(memory, line);) {
    if (line.starts_with("MemAvailable:"))
      fit = std::strtoull(line.c_str() + line.find(':') + 1, nullptr, 10) / k_kib_a_job;
  }
  return std::clamp<std::uint64_t>(fit, 1, std::max(1U, std::thread::hardware_concurrency()));
}

// Of every source file's name and bytes.
std::string digest_of(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::string all;
  for (const auto& file : files)
    all +=
        fmt::format("{} {}\n", to_hex(sha256(MappedFile(file).bytes())), file.lexically_relative(directory).string());
  return to_hex(sha256(all));
}

std::string first_line_of(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

// The worker in the user's cache that these sources gave for this installation.
std::optional<Runtime> find_built(const fs::path& installation, const fs::path& workers, const std::string& digest) {
  const auto torch = read_torch_installation(FileRoot("/"), installation);
  for (auto& runtime : installed_workers()) {
    const auto directory = runtime.worker.parent_path();
    if (torch && directory.filename() == worker_name(*torch) && directory.parent_path() == workers &&
        runtime.installation == installation && first_line_of(directory / k_built_from) == digest)
      return std::move(runtime);
  }
  return std::nullopt;
}

// What cmake and the compiler say goes to a file, which stays.
class BuildRun {
 public:
  BuildRun(fs::path log, Progress& progress) : m_log(std::move(log)), m_progress(progress) {
    fs::create_directories(m_log.parent_path());
    fs::remove(m_log);
  }

  void run(const std::string& step, const std::vector<std::string>& command) {
    m_progress.step(step, 100, Progress::Unit::percent);
    auto arguments = command;
    arguments.insert(arguments.begin(), {"-c", R"(log=$0; exec "$@" >>"$log" 2>&1)", m_log.string()});
    ChildProcess child({"/bin/sh", std::move(arguments), environment_with({})});
    const auto ended = wait_for(child);
    const auto ending = child.stop();
    throw_if_interrupted();
    if (!ended) fail(step, fmt::format("was not done within {} minutes", k_build_limit.count()));
    if (ending.exit_code != 0 || ending.signal != 0) fail(step, fmt::format("failed with {}", ending.describe()));
  }

 private:
  // Nothing is said over the channel: it becomes ready only by its end, which is the program's.
  bool wait_for(ChildProcess& child) {
    const auto deadline = std::chrono::steady_clock::now() + k_build_limit;
    while (std::chrono::steady_clock::now() < deadline) {
      const auto event = child.wait(ChildProcess::Want::read, std::chrono::steady_clock::now() + k_look);
      if (event == ChildProcess::Event::interrupted) return false;
      if (event != ChildProcess::Event::deadline) return true;
      m_progress.advance(build_percent(tail_of_log(m_log)));
    }
    return false;
  }

  [[noreturn]] void fail(const std::string& step, const std::string& what) const {
    m_progress.finish();
    throw Error(
        ErrorKind::worker, step,
        fmt::format("{}; the whole log: {}\nits last words:\n{}", what, m_log.string(), last_words(tail_of_log(m_log))),
        "it needs a C++20 compiler, make, nlohmann-json's headers and the LibTorch's own headers (Debian: g++ make "
        "nlohmann-json3-dev libtorch-dev)");
  }

  fs::path m_log;
  Progress& m_progress;
};

void keep(const fs::path& built, const fs::path& workers, const std::string& digest) {
  fs::create_directories(workers);
  for (const auto& worker : fs::directory_iterator(built)) {
    // The cache is goldseal's own; a worker that runs keeps its file.
    AtomicDirectory place(workers / worker.path().filename(), [](const fs::path&) {});
    fs::copy(worker.path(), place.staging(), fs::copy_options::recursive);
    place.write(k_built_from, digest + "\n");
    place.commit();
  }
}

}  // namespace

BuiltWorker build_worker(const fs::path& given, bool force, Progress& progress) {
  const auto workers = require_cache();
  const auto source = sources();
  if (!fs::exists(given))
    throw Error(ErrorKind::usage, given.string(), "expected a LibTorch installation, found nothing there",
                "give a wheel's torch directory, an unpacked LibTorch, or /usr");
  const auto installation = fs::canonical(given);
  const auto digest = digest_of(source);
  if (auto built = force ? std::nullopt : find_built(installation, workers, digest)) return {std::move(*built), true};
  const auto cmake = require_program("cmake");
  const TemporaryDirectory build;
  BuildRun cmake_run(workers.parent_path() / "worker-build.log", progress);
  cmake_run.run("configuring the worker",
                {cmake.string(), "-S", source.string(), "-B", build.path().string(),
                 fmt::format("-DGOLDSEAL_TORCH_DIR={}", installation.string()), "-DCMAKE_BUILD_TYPE=Release"});
  cmake_run.run("building the worker",
                {cmake.string(), "--build", build.path().string(), "--parallel", std::to_string(jobs())});
  progress.finish();
  keep(build.path() / "workers", workers, digest);
  if (auto built = find_built(installation, workers, digest)) return {std::move(*built), false};
  throw Error(ErrorKind::worker, workers.string(), "the worker was built, and is not found in the cache",
              "look into that directory, and report this as a defect of goldseal");
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// Whether a PyTorch runs models is known only when it has started: a wheel may lack a library, be of another
// architecture, or be half installed.
#include <goldseal/workflow/doctor/parts.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/worker/interpreter.hpp>
#include <goldseal/worker/places.hpp>
#include <goldseal/worker/python_runtime.hpp>
#include <goldseal/worker/worker.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal {
namespace {

constexpr std::chrono::seconds k_patience{60};
constexpr PackageNames k_python_packages{"python3 python3-pip", "python3 python3-pip", "python3 py3-pip"};

std::string place_of(const Runtime& runtime) {
  if (runtime.kind == RuntimeKind::python) return runtime.worker.string();
  return runtime.installation.empty() ? runtime.worker.string() : runtime.installation.string();
}

std::string version_of(const Runtime& runtime) { return runtime.version.empty() ? "" : " " + runtime.version; }

std::string told_devices(const Hello& hello) {
  std::string text;
  for (const auto& device : hello.devices) text += fmt::format("{}{}", text.empty() ? "" : ", ", device);
  return text;
}

Part started(const Runtime& runtime, RuntimeParts& all) {
  Part part{.name = std::string(to_string(runtime.kind))};
  std::optional<WorkerFailure> failed;
  try {
    Worker worker(runtime, k_patience, {}, Confinement::sandbox, &failed);
    const auto hello = worker.hello();
    worker.finish();
    part.found = fmt::format("PyTorch {} at {}", hello.version, place_of(runtime));
    part.meaning = fmt::format("runs on {}", told_devices(hello));
    all.any_starts = true;
    all.any_uses_gpu = all.any_uses_gpu || std::ranges::any_of(hello.devices, &Device::is_gpu);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    part.health = Health::broken;
    if (error.kind() == ErrorKind::io && !failed) {  // the machine's fault, which has a part of its own
      part.found = fmt::format("PyTorch{} at {} could not be tried: {}", version_of(runtime), place_of(runtime),
                               error.message());
      return part;
    }
    part.found =
        fmt::format("PyTorch{} at {} does not start: {}", version_of(runtime), place_of(runtime), error.message());
    part.meaning = failed ? failed->last_output.substr(0, failed->last_output.find_last_not_of('\n') + 1) : "";
    part.fix = runtime.kind == RuntimeKind::python
                   ? fmt::format("{} -m pip install --force-reinstall torch", runtime.worker.string())
                   : fmt::format("goldseal runtime build --force --torch {}", runtime.installation.string());
  }
  return part;
}

// No interpreter has torch: the one that `python` means would be told to get it.
Part without_python(const Environment& machine, bool needed) {
  Part part{.name = "python", .health = needed ? Health::missing : Health::absent};
  if (!find_shipped("python/goldseal/worker/__main__.py")) {
    part.found = "the Python worker is not beside the command, which was copied alone";
    part.meaning = "Python networks (python:, transformers …) cannot be run";
    part.fix = "install goldseal as the README says, or copy share/goldseal beside bin/goldseal";
    return part;
  }
  for (const auto& candidate : interpreter_candidates()) {
    if (!ask_interpreter(candidate)) continue;
    part.found = fmt::format("{} has no torch", candidate.string());
    part.meaning = "Python networks (python:, transformers …) cannot be run";
    part.fix = fmt::format("{} -m pip install torch", candidate.string());
    return part;
  }
  part.found = "no interpreter on the PATH, in VIRTUAL_ENV or CONDA_PREFIX";
  part.meaning = "activate the environment of your PyTorch, or name it by --runtime python=PATH";
  part.fix = install_command(machine, k_python_packages);
  return part;
}

// Where something else runs models, that runs all but plugins and compiled packages: nobody is sent for a compiler.
Part without_worker(const Runtime& runtime, bool needed) {
  const auto build = fmt::format("goldseal runtime build --torch {}", runtime.installation.string());
  Part part{.name = "libtorch",
            .health = needed ? Health::missing : Health::absent,
            .found = fmt::format("LibTorch {} at {} has no worker", runtime.version, runtime.installation.string())};
  if (needed) part.fix = build;
  part.meaning = needed ? "with one, every seal that holds the network's program is verified, without Python"
                        : fmt::format("one runs plugins and compiled packages: {}", build);
  return part;
}

}  // namespace

RuntimeParts examine_runtimes(const Environment& machine, Progress& progress) {
  RuntimeParts all;
  const auto pythons = python_runtimes();
  const auto workers = installed_workers();
  for (const auto& runtime : pythons) {
    progress.step(fmt::format("starting {}", runtime.worker.string()));
    all.parts.push_back(started(runtime, all));
  }
  for (const auto& runtime : workers) {
    if (runtime.installation.empty()) continue;  // its LibTorch is not here
    progress.step(fmt::format("starting {}", runtime.worker.string()));
    all.parts.push_back(started(runtime, all));
  }
  const bool needed = !all.any_starts;
  for (const auto& runtime : installations_without_worker(workers)) {
    all.parts.push_back(without_worker(runtime, needed));
    all.wants_compiler = needed;
  }
  if (pythons.empty()) all.parts.insert(all.parts.begin(), without_python(machine, !all.any_starts));
  if (std::ranges::none_of(all.parts, [](const Part& part) { return part.name == "libtorch"; }))
    all.parts.push_back({.name = "libtorch", .health = Health::absent, .found = "none on this machine"});
  return all;
}

}  // namespace goldseal

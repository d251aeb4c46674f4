// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <fmt/format.h>

#include <set>

namespace goldseal {
namespace {

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// Where the parts of cuDNN were loaded from.
std::set<std::string> cudnn_directories(const Environment& machine) {
  std::set<std::string> directories;
  constexpr std::string_view k_prefix = "library.libcudnn";
  for (auto entry = machine.facts().lower_bound(k_prefix);
       entry != machine.facts().end() && entry->first.starts_with(k_prefix); ++entry) {
    if (entry->first.ends_with(".path")) directories.insert(directory_of(to_string(entry->second.value)));
  }
  return directories;
}

std::string remedy_for(const Environment& machine, const std::string& directory) {
  const auto path = machine.text("variable.LD_LIBRARY_PATH").value_or("");
  if (!directory.empty() && path.find(directory) != std::string::npos)
    return fmt::format("take {} out of LD_LIBRARY_PATH: PyTorch brings its own cuDNN", directory);
  return "remove the other cuDNN from LD_LIBRARY_PATH and the loader's search path";
}

// Before anything is loaded: a cuDNN on the search path against the one that PyTorch's wheel asks for.
Finding judge_unloaded(const Observation& observed) {
  const auto first = version_fact(observed.machine.environment, "toolkit.cudnn_of_library_path");
  if (!first) return skipped("no cuDNN is loaded, and none comes before PyTorch's own");
  for (const auto* name : {"python.package.nvidia-cudnn-cu13", "python.package.nvidia-cudnn-cu12",
                           "python.package.nvidia-cudnn-cu11", "torch.cudnn_build"}) {
    const auto own = version_fact(observed.machine.environment, name);
    if (!own || first->same_until(*own, 2)) continue;
    return gpu_breach(observed, "LD_LIBRARY_PATH puts another cuDNN before PyTorch's own",
                      observed.machine.environment.shown(name),
                      observed.machine.environment.shown("toolkit.cudnn_of_library_path"),
                      "take its directory out of LD_LIBRARY_PATH: PyTorch brings its own cuDNN");
  }
  return passed("the cuDNN of LD_LIBRARY_PATH is of PyTorch's own release");
}

Finding judge_cudnn(const Observation& observed, const CheckSettings&) {
  const auto& machine = observed.machine.environment;
  const auto loaded = version_fact(machine, "library.libcudnn.version");
  const auto built = version_fact(machine, "torch.cudnn_build");
  const auto directories = cudnn_directories(machine);
  const auto directory = directories.empty() ? std::string() : *directories.begin();
  if (directories.size() > 1)
    return gpu_breach(observed, "parts of cuDNN were loaded from two installations", "one directory",
                      fmt::format("{} and {}", directory, *directories.rbegin()),
                      remedy_for(machine, *directories.rbegin()));
  if (!loaded || !built) return judge_unloaded(observed);
  const auto expected = machine.shown("torch.cudnn_build");
  const auto actual = machine.shown("library.libcudnn.version");
  const bool older = loaded->number(1) < built->number(1);
  if (loaded->number(0) != built->number(0) || older)
    return gpu_breach(observed,
                      fmt::format("cuDNN {} was loaded by a PyTorch that was compiled against {}: \"cuDNN version "
                                  "incompatibility\"",
                                  actual, expected),
                      fmt::format("{}.{} or newer, of the same major version", built->number(0), built->number(1)),
                      actual, remedy_for(machine, directory));
  return passed(fmt::format("cuDNN {} serves a PyTorch that was compiled against {}", actual, expected));
}

}  // namespace

const Check k_env_cudnn{
    .id = "env.cudnn",
    .title = "The cuDNN that was loaded",
    .explanation =
        "The version and place of the cuDNN that the worker mapped, against the version that PyTorch was compiled "
        "with. A cuDNN that comes first in LD_LIBRARY_PATH replaces the one that PyTorch brings: \"cuDNN version "
        "incompatibility\", or parts of two cuDNNs in one process. The versions are those of the mapped libraries, not "
        "of what is installed.",
    .severity = Severity::fail,
    .judge = judge_cudnn,
};

}  // namespace goldseal

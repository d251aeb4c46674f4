// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/probe/probe.hpp>

#include <goldseal/environment/probe/guarded_probe.hpp>
#include <goldseal/environment/shared/probes.hpp>

#include <fmt/format.h>

#include <array>
#include <deque>
#include <exception>
#include <utility>

namespace goldseal {
namespace {

constexpr std::array k_probes{
    Probe{"nvml", probe_nvml, true},
    Probe{"libcuda", probe_cuda_driver, true},
    Probe{"host", probe_host, false},
    Probe{"container", probe_container, false},
    Probe{"cpu", probe_cpu, false},
    Probe{"memory", probe_memory, false},
    Probe{"limits", probe_limits, false},
    Probe{"variables", probe_variables, false},
    Probe{"driver_files", probe_driver_files, false},
    Probe{"torch_installation", probe_torch_installation, false},
    Probe{"python", probe_python, false},
    Probe{"toolkit", probe_toolkit, false},
};

struct Running {
  Running(const Probe& what, const ProbeContext& context)
      : name(what.name), probe([&](const FactSink& sink) { what.gather(context, sink); }) {}
  std::string_view name;
  GuardedProbe probe;
};

}  // namespace

std::span<const Probe> all_probes() { return k_probes; }

std::map<std::string, std::string, std::less<>> parse_environ(std::string_view text) {
  std::map<std::string, std::string, std::less<>> variables;
  while (!text.empty()) {
    const auto entry = text.substr(0, text.find('\0'));
    if (const auto equals = entry.find('='); equals != std::string_view::npos)
      variables.emplace(entry.substr(0, equals), entry.substr(equals + 1));
    text.remove_prefix(std::min(entry.size() + 1, text.size()));
  }
  return variables;
}

Environment probe_machine(const ProbeOptions& options) {
  Environment environment;
  const FactSink fact = [&](std::string name, FactValue value, std::string origin) {
    environment.set(std::move(name), std::move(value), std::move(origin));
  };
  const auto failed = [&](std::string_view name, std::string problem) {
    if (!problem.empty()) environment.set(fmt::format("probe.{}", name), std::move(problem), "goldseal");
  };

  const FileRoot files(options.root);
  const auto variables = parse_environ(files.read("/proc/self/environ").value_or(""));
  const ProbeContext context{options, files, variables};
  const auto deadline = std::chrono::steady_clock::now() + options.driver_deadline;

  // The driver works in its children while the files are read.
  std::deque<Running> running;
  for (const auto& probe : k_probes) {
    if (probe.guarded) running.emplace_back(probe, context);
  }
  for (const auto& probe : k_probes) {
    if (probe.guarded) continue;
    try {
      probe.gather(context, fact);
    } catch (const std::exception& error) {
      failed(probe.name, error.what());
    }
  }
  for (auto& child : running) failed(child.name, child.probe.collect(deadline, fact));
  return environment;
}

Environment probe_memory_alone() {
  Environment environment;
  const ProbeOptions options;
  const FileRoot files(options.root);
  const std::map<std::string, std::string, std::less<>> variables;
  try {
    probe_memory({options, files, variables}, [&](std::string name, FactValue value, std::string origin) {
      environment.set(std::move(name), std::move(value), std::move(origin));
    });
  } catch (const std::exception&) {  // what is not known is not told
  }
  return environment;
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/environment/shared/file_root.hpp>
#include <goldseal/environment/shared/probe_options.hpp>
#include <goldseal/manifest/environment.hpp>

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace goldseal {

/// Takes a fact: its dotted name, its value, where it was read.
using FactSink = std::function<void(std::string name, FactValue value, std::string origin)>;

struct ProbeContext {
  const ProbeOptions& options;
  const FileRoot& files;
  /// The process' environment as it was at its start.
  const std::map<std::string, std::string, std::less<>>& variables;
};

/// One source of facts. `guarded`: it calls code that is not ours and may hang or crash, so it runs in a child process.
struct Probe {
  std::string_view name;
  void (*gather)(const ProbeContext&, const FactSink&);
  bool guarded;
};

/// All of them, in the order in which they run.
[[nodiscard]] std::span<const Probe> all_probes();

void probe_host(const ProbeContext& context, const FactSink& fact);
void probe_container(const ProbeContext& context, const FactSink& fact);
void probe_cpu(const ProbeContext& context, const FactSink& fact);
void probe_memory(const ProbeContext& context, const FactSink& fact);
void probe_limits(const ProbeContext& context, const FactSink& fact);
void probe_variables(const ProbeContext& context, const FactSink& fact);
void probe_driver_files(const ProbeContext& context, const FactSink& fact);
void probe_nvml(const ProbeContext& context, const FactSink& fact);
void probe_cuda_driver(const ProbeContext& context, const FactSink& fact);
void probe_torch_installation(const ProbeContext& context, const FactSink& fact);
void probe_toolkit(const ProbeContext& context, const FactSink& fact);
void probe_python(const ProbeContext& context, const FactSink& fact);

/// `13.0` for 13000, as CUDA counts.
[[nodiscard]] std::string format_cuda_version(int number);

/// NAME=value entries ended by NUL, as /proc/self/environ holds them.
[[nodiscard]] std::map<std::string, std::string, std::less<>> parse_environ(std::string_view text);

}  // namespace goldseal

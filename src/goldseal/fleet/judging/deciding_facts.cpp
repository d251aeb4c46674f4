// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/judging/deciding_facts.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

namespace goldseal::fleet {
namespace {

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

bool begins_with_one_of(std::string_view name, std::span<const std::string_view> beginnings) {
  return std::ranges::any_of(beginnings, [&](std::string_view b) { return name.starts_with(b); });
}

// The build of PyTorch and the libraries that compute.
constexpr std::array<std::string_view, 14> k_software{
    "torch.version", "torch.git",     "torch.variant", "torch.cuda_build", "torch.cudnn_build", "torch.hip_build", "torch.blas",
    "torch.lapack",  "torch.mkl",     "torch.onednn",  "torch.openmp",     "torch.kernel_libraries",
    "torch.build_type", "torch.arch_list"};
constexpr std::array<std::string_view, 4> k_libraries{"library.libcudnn", "library.libcublas", "library.libmkl",
                                                      "library.libopenblas"};
// MKL and oneDNN choose kernels by the model and block by the sizes of caches.
constexpr std::array<std::string_view, 8> k_processor{"cpu.isa",       "cpu.model",     "cpu.vendor",   "cpu.family",
                                                      "cpu.model_number", "cpu.cache.l1d", "cpu.cache.l2", "cpu.cache.l3"};
constexpr std::array<std::string_view, 4> k_gpu{"name", "compute_capability", "memory_bytes", "architecture"};
// Their threads and devices are facts of their own, or decide nothing.
constexpr std::array<std::string_view, 19> k_variables{
    "variable.ATEN_", "variable.CUBLAS", "variable.CUDA_FORCE_PTX_JIT", "variable.DNNL_", "variable.ONEDNN_", "variable.HSA_OVERRIDE",
    "variable.MKL_CBWR", "variable.MKL_DEBUG", "variable.MKL_ENABLE", "variable.MKL_INTERFACE", "variable.MKL_SERVICE", "variable.MIOPEN_", "variable.NVIDIA_TF32",
    "variable.OPENBLAS_CORETYPE", "variable.PYTORCH_JIT", "variable.PYTORCH_TUNABLEOP", "variable.PYTORCH_DISABLE", "variable.TORCH", "variable.XLA_"};

void add_line(std::string& lines, std::string_view name, std::string_view value) {
  lines.append(name).append("=").append(escape_unprintable(value)).append("\n");
}

std::map<std::string_view, std::string_view> lines_of(std::string_view text) {
  std::map<std::string_view, std::string_view> lines;
  for (const auto line : split(text, '\n')) {
    const auto equals = line.find('=');
    if (equals != std::string_view::npos) lines.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return lines;
}

// The number of threads is a fact of its own, which the machine that sealed has too.
std::string without_threads(std::string_view settings) {
  std::string kept;
  for (const auto setting : split(settings, ' ')) {
    if (!setting.empty() && !setting.starts_with("threads=")) kept.append(kept.empty() ? "" : " ").append(setting);
  }
  return kept;
}

}  // namespace

Decides what_decides(std::string_view fact, bool on_gpu, std::string_view gpu_facts) {
  if (fact.starts_with("numerics.")) {
    if (fact == "numerics.device" || fact == "numerics.interop_threads") return Decides::nothing;
    return fact == "numerics.threads" && on_gpu ? Decides::nothing : Decides::configuration;
  }
  if (fact.starts_with("variable."))
    return begins_with_one_of(fact, k_variables) ? Decides::configuration : Decides::nothing;
  if (fact == "cpu.architecture" || fact == "cpu.aten_capability" || is_one_of(fact, k_software)) return Decides::kind;
  if (fact.ends_with(".version") && begins_with_one_of(fact, k_libraries)) return Decides::kind;
  if (!on_gpu) return is_one_of(fact, k_processor) ? Decides::kind : Decides::nothing;
  if (fact == "driver.version") return Decides::kind;
  if (!fact.starts_with(gpu_facts)) return Decides::nothing;
  return is_one_of(fact.substr(gpu_facts.size()), k_gpu) ? Decides::kind : Decides::nothing;
}

bool decides_bits(std::string_view fact) {
  if (fact.starts_with("gpu.")) return is_one_of(fact.substr(fact.rfind('.') + 1), k_gpu);
  return what_decides(fact, false, "gpu.0.") != Decides::nothing || what_decides(fact, true, "gpu.0.") != Decides::nothing;
}

Character Characters::of(Id facts, bool on_gpu, Id gpu_facts, Id settings) {
  const auto [known, added] = m_known.try_emplace({facts, on_gpu, gpu_facts, settings});
  if (!added) return known->second;
  std::string kind;
  std::string configuration;
  const std::string prefix(gpu_facts == 0 ? "gpu.0." : m_fleet.text(gpu_facts));
  for (const auto& [name, value] : unpack(m_fleet.text(facts))) {
    const auto fact = m_fleet.text(name);
    const auto what = what_decides(fact, on_gpu, prefix);
    if (what == Decides::nothing) continue;
    // Two GPUs of one model are of one kind, whichever number they have.
    const auto shown = on_gpu && fact.starts_with(prefix) ? fmt::format("gpu.{}", fact.substr(prefix.size())) : std::string(fact);
    add_line(what == Decides::kind ? kind : configuration, shown, m_fleet.text(value));
  }
  if (const auto set = without_threads(m_fleet.text(settings)); !set.empty()) add_line(configuration, "--set", set);
  known->second = {m_fleet.names.add(kind), m_fleet.names.add(configuration)};
  return known->second;
}

Character Characters::of(const NodeReport& report, const Unit& unit) {
  return of(report.facts, m_fleet.text(unit.device).starts_with("cuda"), unit.gpu_facts, report.settings);
}

std::string differing_facts(const Fleet& fleet, Id before, Id after) {
  const auto was = lines_of(fleet.text(before));
  const auto is = lines_of(fleet.text(after));
  std::string text;
  const auto add = [&](std::string_view name, std::string_view from, std::string_view to) {
    if (from == to) return;
    text += fmt::format("{}{}: {} → {}", text.empty() ? "" : ", ", name, from.empty() ? "none" : from, to.empty() ? "none" : to);
  };
  for (const auto& [name, value] : was) {
    const auto found = is.find(name);
    add(name, value, found == is.end() ? std::string_view() : found->second);
  }
  for (const auto& [name, value] : is)
    if (!was.contains(name)) add(name, {}, value);
  return text;
}

}  // namespace goldseal::fleet

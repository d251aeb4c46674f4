// SPDX-License-Identifier: Apache-2.0
#include <checks/env/gpu/gpu_code.hpp>
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>
#include <checks/tables.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace goldseal {
namespace {

// Integrated GPUs whose machine code is their own; 10.1 was renamed 11.0 (DEVICE_REQUIREMENT of
// torch/cuda/__init__.py).
bool is_integrated(int capability) {
  constexpr std::array k_integrated{53, 62, 72, 87, 101};
  return std::ranges::find(k_integrated, capability) != k_integrated.end();
}

// Jetson's, which run the code of other GPUs where it was built with CUDA 13.2 or later
// (DEVICE_REQUIREMENT_POST_JETSON_SBSA_UNIFICATION of torch/cuda/__init__.py in 2.14).
bool runs_code_of_others(int capability, const Version& cuda) {
  static const auto k_unified = *parse_version("13.2");
  return !is_integrated(capability) || ((capability == 72 || capability == 87) && cuda >= k_unified);
}

struct Code {
  bool is_ptx = false;
  int capability = 0;
  char suffix = '\0';  ///< `a`: this architecture alone, `f`: its family
};

std::optional<Code> parse_code(std::string_view text) {
  Code code;
  if (text.starts_with("compute_"))
    code.is_ptx = true;
  else if (!text.starts_with("sm_"))
    return std::nullopt;
  const auto digits = text.substr(text.find('_') + 1);
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), code.capability);
  if (result.ec != std::errc{}) return std::nullopt;
  if (result.ptr != digits.data() + digits.size()) code.suffix = *result.ptr;
  return code;
}

bool runs_machine_code(const Code& code, int device, const Version& cuda) {
  if (code.is_ptx) return false;
  if (code.capability == device) return true;
  if (code.suffix == 'a' || is_integrated(code.capability) || !runs_code_of_others(device, cuda)) return false;
  return code.capability / 10 == device / 10 && code.capability <= device;
}

bool runs_ptx(const Code& code, int device) { return code.is_ptx && code.suffix == '\0' && code.capability <= device; }

struct ArchList {
  std::vector<std::string> code;
  std::string origin;
};

// What the loaded PyTorch says, else what its release's own binaries hold: a build of someone else's is not guessed.
std::optional<ArchList> arch_list(const Observation& observed, const Version& cuda) {
  if (auto told = observed.machine.environment.list("torch.arch_list"))
    return ArchList{std::move(*told), "this build of PyTorch"};
  const auto version = torch_text(observed, "torch.version");
  const auto parsed = version ? parse_version(*version) : std::nullopt;
  const auto variant = torch_text(observed, "torch.variant");
  if (!parsed || (variant && !variant->starts_with("cu"))) return std::nullopt;
  auto code = wheel_arch_list(*parsed, cuda, observed.machine.environment.text("cpu.architecture").value_or("x86_64"));
  if (!code) return std::nullopt;
  return ArchList{std::move(*code), fmt::format("the build of PyTorch {} for CUDA {}", *version,
                                                torch_text(observed, "torch.cuda_build").value_or("?"))};
}

// Builds of the same release that would run this GPU.
std::string remedy_for(const Observation& observed, int device) {
  const auto torch = parse_version(torch_text(observed, "torch.version").value_or(""));
  if (torch) {
    const auto architecture = observed.machine.environment.text("cpu.architecture").value_or("x86_64");
    for (const auto& cuda : listed_cuda_builds(*torch, architecture)) {
      const auto version = *parse_version(cuda);
      const auto code = wheel_arch_list(*torch, version, architecture);
      if (code && gpu_code_fit(*code, device, version) == GpuCodeFit::machine_code)
        return fmt::format("install the build of this PyTorch for CUDA {}", cuda);
    }
  }
  return "install a PyTorch whose build lists this GPU, or build it with TORCH_CUDA_ARCH_LIST";
}

std::string dotted(int capability) { return fmt::format("{}.{}", capability / 10, capability % 10); }

Finding judge_gpu_architecture(const Observation& observed, const CheckSettings&) {
  const auto build = parse_version(torch_text(observed, "torch.cuda_build").value_or(""));
  if (!build) return skipped("PyTorch is built without CUDA");
  const auto gpus = visible_gpus(observed.machine.environment);
  if (gpus.empty()) return skipped("no GPU is known of this machine");
  const auto list = arch_list(observed, *build);
  if (!list)
    return undecided("which GPUs this build of PyTorch holds code for is not known",
                     "compare with torch.cuda.get_arch_list(), or capture the machine with a worker");
  const auto expected = fmt::format("a GPU that runs {}", fmt::join(list->code, ", "));
  const Gpu* by_ptx = nullptr;
  for (const auto& gpu : gpus) {
    if (!gpu.capability) return undecided(fmt::format("{}: its compute capability is not known", gpu.label));
    const int device = static_cast<int>((gpu.capability->number(0) * 10) + gpu.capability->number(1));
    const auto fit = gpu_code_fit(list->code, device, *build);
    if (fit == GpuCodeFit::none)
      return gpu_breach(
          observed,
          fmt::format("{} has no code for {}: \"no kernel image is available for execution on the device\"",
                      list->origin, gpu.label),
          expected, "compute capability " + dotted(device), remedy_for(observed, device));
    if (fit == GpuCodeFit::ptx) by_ptx = &gpu;
  }
  if (by_ptx != nullptr)
    return warned(
        fmt::format("{} runs by PTX alone, compiled at the first start (minutes), with other kernels than the "
                    "machine code of listed GPUs",
                    by_ptx->label),
        expected, "PTX", "set CUDA_CACHE_PATH to a place that lasts, or install a build that lists this GPU");
  auto finding = passed(fmt::format("{} holds machine code for {}", list->origin,
                                    gpus.size() == 1 ? gpus.front().label : fmt::format("all {} GPUs", gpus.size())));
  finding.expected = expected;
  return finding;
}

}  // namespace

GpuCodeFit gpu_code_fit(std::span<const std::string> arch_list, int capability, const Version& cuda) {
  auto fit = GpuCodeFit::none;
  for (const auto& entry : arch_list) {
    const auto code = parse_code(entry);
    if (code && runs_machine_code(*code, capability, cuda)) return GpuCodeFit::machine_code;
    if (code && runs_ptx(*code, capability)) fit = GpuCodeFit::ptx;
  }
  return fit;
}

const Check k_env_gpu_architecture{
    .id = "env.gpu.architecture",
    .title = "GPU against PyTorch's arch list",
    .explanation =
        "The compute capability of every visible GPU against what this build of PyTorch holds code for. Machine code "
        "(sm_80) runs on GPUs of the same major version and an equal or higher minor one; PTX (compute_80) is compiled "
        "for any later GPU by the driver. With neither, the first kernel fails: \"no kernel image is available for "
        "execution on the device\". The list is what PyTorch says, or that of its release's own binaries.",
    .severity = Severity::fail,
    .judge = judge_gpu_architecture,
};

}  // namespace goldseal

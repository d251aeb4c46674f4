// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/loading/compiled_fit.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/environment/shared/file_root.hpp>
#include <goldseal/environment/shared/version.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace goldseal {
namespace {

constexpr std::string_view k_platform = "linux";  // what goldseal runs on

struct CompiledFor {
  std::string_view word;
  std::string_view sets;  ///< as in `cpu.isa`
};

// torch/_inductor/cpu_vec_isa.py: what AOTI_CPU_ISA calls the vector instructions; -march=native, which is not in it,
// may have added more.
constexpr std::array k_instruction_sets{
    CompiledFor{"AVX2", "avx2 fma f16c"},
    CompiledFor{"AVX512", "avx512f avx512dq avx512vl avx512bw fma"},
    CompiledFor{"AVX512_VNNI", "avx512_vnni"},
    CompiledFor{"AMX_TILE", "amx_tile amx_bf16 amx_int8"},
    CompiledFor{"ASIMD", "neon"},
    CompiledFor{"NEON", "neon"},
};

[[noreturn]] void refuse(const CompiledPackage& package, std::string_view what, std::string_view compiled_for,
                         std::string_view found, std::string_view remedy) {
  throw Error(ErrorKind::unsupported, package.path,
              fmt::format("the package was compiled for another {}: expected {}, found {}", what,
                          escape_unprintable(compiled_for), escape_unprintable(found)),
              std::string(remedy));
}

void require_device(const CompiledPackage& package, std::span<const Device> devices) {
  const Device compiled_for(package.device);
  const bool offered =
      std::ranges::any_of(devices, [&](const Device& device) { return device.has_type_of(compiled_for); });
  if (offered) return;
  refuse(package, "device", package.device, fmt::format("{}", fmt::join(devices, ", ")),
         "compile the package again on this machine, with the model and its inputs on a device that it has");
}

void require_instruction_sets(const CompiledPackage& package, const std::vector<std::string>& found) {
  std::vector<std::string_view> lacking;
  for (const auto word : split(package.cpu_isa, ' ')) {
    const auto known = std::ranges::find(k_instruction_sets, word, &CompiledFor::word);
    if (known == k_instruction_sets.end()) continue;
    for (const auto set : split(known->sets, ' '))
      if (std::ranges::find(found, set) == found.end()) lacking.push_back(set);
  }
  if (lacking.empty()) return;
  refuse(package, "processor", package.cpu_isa, fmt::format("one without {}", fmt::join(lacking, ", ")),
         "compile the package again on this machine, or on the oldest processor that is to run it");
}

// A kernel runs on GPUs of its own major capability, of the same minor one or a later; PTX on all later ones.
void require_capability(const CompiledPackage& package, const Environment& found) {
  const auto compiled = parse_number(package.compute_capability);
  const auto here = found.text("gpu.0.compute_capability");
  const auto version = here ? parse_version(*here) : std::nullopt;
  if (!compiled || !version) return;
  const auto gpu = (version->number(0) * 10) + version->number(1);
  if (gpu >= *compiled && (gpu / 10 == *compiled / 10 || package.portable_kernels)) return;
  refuse(package, "GPU", fmt::format("compute capability {}.{}", *compiled / 10, *compiled % 10),
         fmt::format("compute capability {}", *here),
         "compile the package again on this GPU: each kind of GPU needs a package of its own");
}

}  // namespace

void require_fit(const CompiledPackage& package, const Environment& found, std::span<const Device> devices) {
  if (!package.platform.empty() && package.platform != k_platform)
    refuse(package, "platform", package.platform, k_platform, "compile the package again on this machine");
  const auto machine = found.text("cpu.architecture");
  if (!package.machine.empty() && machine && package.machine != *machine)
    refuse(package, "machine", package.machine, *machine, "compile the package again on this machine");
  require_device(package, devices);
  // A package for a GPU has code for the processor too.
  if (const auto sets = found.list("cpu.isa")) require_instruction_sets(package, *sets);
  if (Device(package.device).is_gpu()) require_capability(package, found);
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/gpu/nvml.hpp>
#include <goldseal/environment/gpu/shared_library.hpp>
#include <goldseal/environment/shared/probes.hpp>

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>
#include <utility>

namespace goldseal {
namespace {

constexpr const char* k_origin = "NVML";

// NVML's generations, in the order of its constants from 2 on (NVML_DEVICE_ARCH_KEPLER …).
constexpr std::array k_architectures{"kepler", "maxwell", "pascal", "volta",     "turing",
                                     "ampere", "ada",     "hopper", "blackwell", "t23x"};
constexpr std::array k_compute_modes{"default", "exclusive_thread", "prohibited", "exclusive_process"};

// The facts of one device: what its library or generation does not know is left out.
class DeviceFacts {
 public:
  DeviceFacts(const SharedLibrary& library, nvml::Device device, std::string prefix, const FactSink& fact)
      : m_library(library), m_device(device), m_prefix(std::move(prefix)), m_fact(fact) {}

  // Calls `function` with the device and these arguments; true where it exists and succeeds.
  template <typename Function, typename... Arguments>
  bool call(const char* function, Arguments... arguments) const {
    auto* const f = m_library.function<Function>(function);
    return f != nullptr && f(m_device, arguments...) == nvml::k_success;
  }
  void put(const char* name, FactValue value, const char* function) const {
    m_fact(fmt::format("{}.{}", m_prefix, name), std::move(value), function);
  }
  void put_text(const char* name, const char* function) const {
    std::array<char, nvml::k_text> text{};
    if (call<nvml::DeviceText>(function, text.data(), nvml::k_text)) put(name, std::string(text.data()), function);
  }
  [[nodiscard]] std::optional<unsigned> number(const char* function) const {
    unsigned value = 0;
    return call<nvml::DeviceUint>(function, &value) ? std::optional(value) : std::nullopt;
  }
  void put_number(const char* name, const char* function) const {
    if (const auto value = number(function)) put(name, std::int64_t{*value}, function);
  }
  void put_flag(const char* name, const char* function) const {
    if (const auto value = number(function)) put(name, *value != 0, function);
  }

 private:
  const SharedLibrary& m_library;
  nvml::Device m_device;
  std::string m_prefix;
  const FactSink& m_fact;
};

void put_identity(const DeviceFacts& device, bool anonymous) {
  device.put_text("name", "nvmlDeviceGetName");
  int major = 0;
  int minor = 0;
  constexpr const char* k_capability = "nvmlDeviceGetCudaComputeCapability";
  if (device.call<nvml::DeviceTwoInts>(k_capability, &major, &minor))
    device.put("compute_capability", fmt::format("{}.{}", major, minor), k_capability);
  constexpr const char* k_architecture = "nvmlDeviceGetArchitecture";
  if (const auto value = device.number(k_architecture); value && *value >= 2 && *value - 2 < k_architectures.size())
    device.put("architecture", std::string(k_architectures[*value - 2]), k_architecture);
  device.put_text("vbios", "nvmlDeviceGetVbiosVersion");
  if (anonymous) return;
  device.put_text("uuid", "nvmlDeviceGetUUID");
  nvml::PciInfo pci{};
  if (device.call<nvml::DevicePci>("nvmlDeviceGetPciInfo_v3", &pci))
    device.put("bus_id", std::string(pci.bus_id), "nvmlDeviceGetPciInfo_v3");
}

void put_memory(const DeviceFacts& device) {
  nvml::Memory memory{};
  constexpr const char* k_function = "nvmlDeviceGetMemoryInfo";
  if (!device.call<nvml::DeviceMemory>(k_function, &memory)) return;
  device.put("memory_bytes", static_cast<std::int64_t>(memory.total), k_function);
  device.put("memory_free_bytes", static_cast<std::int64_t>(memory.free), k_function);
}

void put_modes(const DeviceFacts& device) {
  unsigned current = 0;
  unsigned pending = 0;
  if (device.call<nvml::DeviceTwoUints>("nvmlDeviceGetMigMode", &current, &pending))
    device.put("mig", current != 0, "nvmlDeviceGetMigMode");
  device.put_flag("persistence", "nvmlDeviceGetPersistenceMode");
  constexpr const char* k_mode = "nvmlDeviceGetComputeMode";
  if (const auto mode = device.number(k_mode); mode && *mode < k_compute_modes.size())
    device.put("compute_mode", std::string(k_compute_modes[*mode]), k_mode);
  constexpr const char* k_power = "nvmlDeviceGetEnforcedPowerLimit";
  if (const auto milliwatts = device.number(k_power))
    device.put("power_limit_watts", static_cast<double>(*milliwatts) / 1000, k_power);
  constexpr const char* k_clock = "nvmlDeviceGetMaxClockInfo";
  unsigned megahertz = 0;
  if (device.call<nvml::DeviceClock>(k_clock, int{nvml::clock_sm}, &megahertz))
    device.put("clock_sm_max_mhz", std::int64_t{megahertz}, k_clock);
  if (device.call<nvml::DeviceClock>(k_clock, int{nvml::clock_memory}, &megahertz))
    device.put("clock_memory_max_mhz", std::int64_t{megahertz}, k_clock);
}

void put_errors(const DeviceFacts& device) {
  unsigned current = 0;
  unsigned pending = 0;
  if (device.call<nvml::DeviceTwoUints>("nvmlDeviceGetEccMode", &current, &pending))
    device.put("ecc.enabled", current != 0, "nvmlDeviceGetEccMode");
  struct Counter {
    const char* name;
    nvml::MemoryErrorType type;
    nvml::CounterType counter;
  };
  constexpr std::array k_counters{
      Counter{"ecc.corrected", nvml::corrected, nvml::since_load},
      Counter{"ecc.uncorrected", nvml::uncorrected, nvml::since_load},
      Counter{"ecc.corrected_lifetime", nvml::corrected, nvml::lifetime},
      Counter{"ecc.uncorrected_lifetime", nvml::uncorrected, nvml::lifetime},
  };
  constexpr const char* k_count = "nvmlDeviceGetTotalEccErrors";
  for (const auto& [name, type, counter] : k_counters) {
    unsigned long long errors = 0;
    if (device.call<nvml::DeviceEccErrors>(k_count, int{type}, int{counter}, &errors))
      device.put(name, static_cast<std::int64_t>(errors), k_count);
  }
  unsigned corrected = 0;
  unsigned uncorrected = 0;
  unsigned is_pending = 0;
  unsigned failed = 0;
  constexpr const char* k_rows = "nvmlDeviceGetRemappedRows";
  if (!device.call<nvml::DeviceRemappedRows>(k_rows, &corrected, &uncorrected, &is_pending, &failed)) return;
  device.put("ecc.remapped_rows", std::int64_t{corrected} + std::int64_t{uncorrected}, k_rows);
  device.put("ecc.remap_pending", is_pending != 0, k_rows);
  device.put("ecc.remap_failed", failed != 0, k_rows);
}

void put_links(const DeviceFacts& device) {
  device.put_number("pcie.generation", "nvmlDeviceGetCurrPcieLinkGeneration");
  device.put_number("pcie.generation_max", "nvmlDeviceGetMaxPcieLinkGeneration");
  device.put_number("pcie.width", "nvmlDeviceGetCurrPcieLinkWidth");
  device.put_number("pcie.width_max", "nvmlDeviceGetMaxPcieLinkWidth");
  constexpr unsigned k_most_links = 18;  // NVML_NVLINK_MAX_LINKS
  std::int64_t active = 0;
  bool known = false;
  for (unsigned link = 0; link < k_most_links; ++link) {
    unsigned is_active = 0;
    if (!device.call<nvml::DeviceLink>("nvmlDeviceGetNvLinkState", link, &is_active)) continue;
    known = true;
    active += is_active != 0 ? 1 : 0;
  }
  if (known) device.put("nvlink.active", active, "nvmlDeviceGetNvLinkState");
}

void put_mig_slices(const SharedLibrary& library, const DeviceFacts& device, const std::string& prefix, bool anonymous,
                    const FactSink& fact) {
  const auto most = device.number("nvmlDeviceGetMaxMigDeviceCount").value_or(0);
  unsigned slices = 0;
  for (unsigned index = 0; index < most; ++index) {
    nvml::Device handle = nullptr;
    if (!device.call<nvml::DeviceMigDevice>("nvmlDeviceGetMigDeviceHandleByIndex", index, &handle)) continue;
    const DeviceFacts slice(library, handle, fmt::format("{}.slice.{}", prefix, slices++), fact);
    slice.put_text("name", "nvmlDeviceGetName");
    if (!anonymous) slice.put_text("uuid", "nvmlDeviceGetUUID");
    put_memory(slice);
  }
  if (most > 0) device.put("mig_slices", std::int64_t{slices}, "nvmlDeviceGetMigDeviceHandleByIndex");
}

void put_device(const SharedLibrary& library, unsigned index, bool anonymous, const FactSink& fact) {
  auto* const by_index = library.function<nvml::DeviceByIndex>("nvmlDeviceGetHandleByIndex_v2");
  nvml::Device handle = nullptr;
  const auto prefix = fmt::format("gpu.{}", index);
  const auto result = by_index == nullptr ? -1 : by_index(index, &handle);
  if (result != nvml::k_success)
    return fact(prefix + ".problem", fmt::format("NVML error {}", result), "nvmlDeviceGetHandleByIndex_v2");
  const DeviceFacts device(library, handle, prefix, fact);
  put_identity(device, anonymous);
  put_memory(device);
  put_modes(device);
  put_errors(device);
  put_links(device);
  put_mig_slices(library, device, prefix, anonymous, fact);
}

std::string describe(const SharedLibrary& library, nvml::Result result) {
  auto* const text = library.function<nvml::ErrorString>("nvmlErrorString");
  return fmt::format("{} ({})", text == nullptr ? "error" : text(result), result);
}

void put_system(const SharedLibrary& library, const FactSink& fact) {
  const auto put = [&](const char* name, const char* function) {
    std::array<char, nvml::k_text> text{};
    auto* const f = library.function<nvml::SystemText>(function);
    if (f != nullptr && f(text.data(), nvml::k_text) == nvml::k_success) fact(name, std::string(text.data()), function);
  };
  put("driver.version", "nvmlSystemGetDriverVersion");
  put("driver.nvml_version", "nvmlSystemGetNVMLVersion");
  constexpr const char* k_cuda = "nvmlSystemGetCudaDriverVersion_v2";
  int version = 0;
  auto* const f = library.function<nvml::SystemInt>(k_cuda);
  if (f != nullptr && f(&version) == nvml::k_success) fact("driver.cuda_version", format_cuda_version(version), k_cuda);
}

}  // namespace

void probe_nvml(const ProbeContext& context, const FactSink& fact) {
  const SharedLibrary library(context.options.nvml_library);
  if (!library.is_open()) return fact("driver.nvml", std::string("absent"), library.problem());
  auto* const init = library.function<nvml::Init>("nvmlInit_v2");
  if (init == nullptr) return fact("driver.nvml", std::string("nvmlInit_v2 is missing"), k_origin);
  if (const auto result = init(); result != nvml::k_success)
    return fact("driver.nvml", describe(library, result), "nvmlInit_v2");
  fact("driver.nvml", std::string("ok"), "nvmlInit_v2");
  put_system(library, fact);
  unsigned count = 0;
  auto* const counted = library.function<nvml::DeviceCount>("nvmlDeviceGetCount_v2");
  if (counted == nullptr || counted(&count) != nvml::k_success) return;
  fact("driver.gpu_count", std::int64_t{count}, "nvmlDeviceGetCount_v2");
  for (unsigned index = 0; index < count; ++index) put_device(library, index, context.options.anonymous, fact);
}

}  // namespace goldseal

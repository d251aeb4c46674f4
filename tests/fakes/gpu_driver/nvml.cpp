// SPDX-License-Identifier: Apache-2.0
// A libnvidia-ml.so.1 without a GPU: the functions that goldseal calls, answering as scenario.hpp says.
#include "scenario.hpp"

#include <goldseal/environment/gpu/nvml.hpp>

namespace nvml = goldseal::nvml;
using goldseal::fakes::copy_text;
using goldseal::fakes::Gpu;
using goldseal::fakes::scenario;

struct goldseal::nvml::DeviceHandle {
  Gpu gpu;
  std::size_t index = 0;
  int slice = -1;
};

namespace {

constexpr nvml::Result k_not_found = 6;

nvml::Result unsupported_unless(bool supported) { return supported ? nvml::k_success : nvml::k_not_supported; }

std::string uuid(const nvml::DeviceHandle& device) {
  const auto digit = std::string(1, static_cast<char>('0' + device.index));
  if (device.slice >= 0) return "MIG-00000000-0000-0000-0000-00000000000" + std::to_string(device.slice);
  return "GPU-" + std::string(8, digit[0]) + "-0000-0000-0000-000000000000";
}

}  // namespace

extern "C" {

nvml::Result nvmlInit_v2() {
  const auto s = scenario();
  if (s.name == "hang") goldseal::fakes::hang();
  if (s.name == "crash") std::abort();
  return s.nvml_init;
}

const char* nvmlErrorString(nvml::Result result) {
  return result == 18 ? "Driver/library version mismatch" : "Unknown Error";
}

nvml::Result nvmlSystemGetDriverVersion(char* out, unsigned length) {
  copy_text(scenario().driver, out, length);
  return nvml::k_success;
}

nvml::Result nvmlSystemGetNVMLVersion(char* out, unsigned length) {
  copy_text("13." + scenario().driver, out, length);
  return nvml::k_success;
}

nvml::Result nvmlSystemGetCudaDriverVersion_v2(int* out) {
  *out = scenario().cuda;
  return nvml::k_success;
}

nvml::Result nvmlDeviceGetCount_v2(unsigned* out) {
  *out = static_cast<unsigned>(scenario().gpus.size());
  return nvml::k_success;
}

nvml::Result nvmlDeviceGetHandleByIndex_v2(unsigned index, nvml::Device* out) {
  const auto s = scenario();
  if (index >= s.gpus.size()) return k_not_found;
  *out = new nvml::DeviceHandle{s.gpus[index], index, -1};
  return nvml::k_success;
}

nvml::Result nvmlDeviceGetName(nvml::Device device, char* out, unsigned length) {
  const bool is_slice = device->slice >= 0;
  copy_text(is_slice ? device->gpu.slices[static_cast<std::size_t>(device->slice)].name : device->gpu.name, out,
            length);
  return nvml::k_success;
}

nvml::Result nvmlDeviceGetUUID(nvml::Device device, char* out, unsigned length) {
  copy_text(uuid(*device), out, length);
  return nvml::k_success;
}

nvml::Result nvmlDeviceGetCudaComputeCapability(nvml::Device device, int* major, int* minor) {
  *major = device->gpu.major;
  *minor = device->gpu.minor;
  return nvml::k_success;
}

nvml::Result nvmlDeviceGetArchitecture(nvml::Device device, unsigned* out) {
  *out = device->gpu.architecture;
  return nvml::k_success;
}

nvml::Result nvmlDeviceGetMemoryInfo(nvml::Device device, nvml::Memory* out) {
  const auto total =
      device->slice >= 0 ? device->gpu.slices[static_cast<std::size_t>(device->slice)].memory : device->gpu.memory;
  *out = {total, total - (total / 64), total / 64};
  return nvml::k_success;
}

nvml::Result nvmlDeviceGetMigMode(nvml::Device device, unsigned* current, unsigned* pending) {
  if (scenario().name == "hang_late") goldseal::fakes::hang();
  *current = *pending = device->gpu.mig ? 1 : 0;
  return unsupported_unless(device->gpu.major >= 8);
}

nvml::Result nvmlDeviceGetMaxMigDeviceCount(nvml::Device device, unsigned* out) {
  *out = device->gpu.mig ? 7 : 0;
  return unsupported_unless(device->gpu.mig);
}

nvml::Result nvmlDeviceGetMigDeviceHandleByIndex(nvml::Device device, unsigned index, nvml::Device* out) {
  if (index >= device->gpu.slices.size()) return k_not_found;
  *out = new nvml::DeviceHandle{device->gpu, device->index, static_cast<int>(index)};
  return nvml::k_success;
}

nvml::Result nvmlDeviceGetPersistenceMode(nvml::Device, unsigned* out) {
  *out = 1;
  return nvml::k_success;
}

nvml::Result nvmlDeviceGetComputeMode(nvml::Device, unsigned* out) {
  *out = 0;
  return nvml::k_success;
}

nvml::Result nvmlDeviceGetEnforcedPowerLimit(nvml::Device device, unsigned* out) {
  *out = device->gpu.power_milliwatts;
  return nvml::k_success;
}

nvml::Result nvmlDeviceGetMaxClockInfo(nvml::Device, int type, unsigned* out) {
  *out = type == nvml::clock_memory ? 1215 : 1410;
  return nvml::k_success;
}

nvml::Result nvmlDeviceGetEccMode(nvml::Device, unsigned* current, unsigned* pending) {
  *current = *pending = 1;
  return nvml::k_success;
}

nvml::Result nvmlDeviceGetTotalEccErrors(nvml::Device device, int type, int, unsigned long long* out) {
  *out = type == nvml::uncorrected ? device->gpu.uncorrected_errors : 0;
  return nvml::k_success;
}

nvml::Result nvmlDeviceGetRemappedRows(nvml::Device device, unsigned* corrected, unsigned* uncorrected,
                                       unsigned* pending, unsigned* failed) {
  *corrected = *pending = 0;
  *uncorrected = device->gpu.remap_failed ? 1 : 0;
  *failed = device->gpu.remap_failed ? 1 : 0;
  return unsupported_unless(device->gpu.major >= 8);
}

nvml::Result nvmlDeviceGetCurrPcieLinkGeneration(nvml::Device, unsigned* out) {
  *out = 4;
  return nvml::k_success;
}

nvml::Result nvmlDeviceGetCurrPcieLinkWidth(nvml::Device, unsigned* out) {
  *out = 16;
  return nvml::k_success;
}

nvml::Result nvmlDeviceGetNvLinkState(nvml::Device device, unsigned link, unsigned* out) {
  *out = 1;
  return unsupported_unless(link < device->gpu.nvlinks);
}

}  // extern "C"

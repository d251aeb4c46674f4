// SPDX-License-Identifier: Apache-2.0
// A libcuda.so.1 without a GPU: the functions that goldseal calls, answering as scenario.hpp says.
#include "scenario.hpp"

using goldseal::fakes::copy_text;
using goldseal::fakes::Gpu;
using goldseal::fakes::scenario;

namespace {

constexpr int k_success = 0;
constexpr int k_invalid_value = 1;

// CUDA shows one slice of a partitioned GPU, and obeys CUDA_VISIBLE_DEVICES up to its first entry that names no device.
std::vector<Gpu> visible() {
  auto gpus = scenario().gpus;
  for (auto& gpu : gpus) {
    if (!gpu.slices.empty()) gpu.name = gpu.slices.front().name, gpu.memory = gpu.slices.front().memory;
  }
  const char* const variable = std::getenv("CUDA_VISIBLE_DEVICES");
  if (variable == nullptr) return gpus;
  std::vector<Gpu> chosen;
  for (const char* at = variable; *at != '\0';) {
    char* end = nullptr;
    const long index = std::strtol(at, &end, 10);
    if (end == at || index < 0 || static_cast<std::size_t>(index) >= gpus.size()) break;
    chosen.push_back(gpus[static_cast<std::size_t>(index)]);
    at = *end == ',' ? end + 1 : end;
  }
  return chosen;
}

}  // namespace

extern "C" {

int cuInit(unsigned) {
  const auto s = scenario();
  if (s.name == "hang") goldseal::fakes::hang();
  if (s.name == "crash") std::abort();
  return s.cuda_init != k_success ? s.cuda_init : visible().empty() ? 100 : k_success;
}

int cuDriverGetVersion(int* out) {
  *out = scenario().cuda;
  return k_success;
}

int cuGetErrorName(int error, const char** out) {
  *out = error == 100   ? "CUDA_ERROR_NO_DEVICE"
         : error == 803 ? "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"
                        : "CUDA_ERROR_UNKNOWN";
  return k_success;
}

int cuDeviceGetCount(int* out) {
  *out = static_cast<int>(visible().size());
  return k_success;
}

int cuDeviceGet(int* out, int index) {
  *out = index;
  return static_cast<std::size_t>(index) < visible().size() ? k_success : k_invalid_value;
}

int cuDeviceGetName(char* out, int length, int device) {
  copy_text(visible().at(static_cast<std::size_t>(device)).name, out, static_cast<unsigned>(length));
  return k_success;
}

int cuDeviceGetAttribute(int* out, int attribute, int device) {
  const auto gpu = visible().at(static_cast<std::size_t>(device));
  *out = attribute == 75 ? gpu.major : attribute == 76 ? gpu.minor : gpu.multiprocessors;
  return k_success;
}

int cuDeviceTotalMem_v2(std::size_t* out, int device) {
  *out = visible().at(static_cast<std::size_t>(device)).memory;
  return k_success;
}

int cuDeviceGetUuid(unsigned char* out, int device) {
  std::memset(out, 0, 16);
  std::memset(out, 0x11 * device, 4);
  return k_success;
}

}  // extern "C"

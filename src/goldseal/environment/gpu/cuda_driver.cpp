// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/gpu/shared_library.hpp>
#include <goldseal/environment/shared/probes.hpp>

#include <fmt/format.h>

#include <array>
#include <string>

namespace goldseal {
namespace {

// The part of the CUDA driver API that is called, declared by hand (CUDA Driver API reference): no context is created.
using Result = int;
using Device = int;
using Init = Result(unsigned);
using DriverVersion = Result(int*);
using DeviceCount = Result(int*);
using DeviceGet = Result(Device*, int);
using DeviceName = Result(char*, int, Device);
using DeviceAttribute = Result(int*, int, Device);
using DeviceMemory = Result(std::size_t*, Device);
using DeviceUuid = Result(unsigned char*, Device);
using ErrorName = Result(Result, const char**);

constexpr Result k_success = 0;
constexpr int k_multiprocessors = 16;   // CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
constexpr int k_capability_major = 75;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
constexpr int k_capability_minor = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR

std::string describe(const SharedLibrary& library, Result result) {
  const char* name = nullptr;
  auto* const f = library.function<ErrorName>("cuGetErrorName");
  if (f == nullptr || f(result, &name) != k_success || name == nullptr) return fmt::format("error ({})", result);
  return fmt::format("{} ({})", name, result);
}

// As `nvidia-smi -L` prints it, for a whole device; a MIG slice has the same bytes behind `MIG-`.
std::string format_uuid(const std::array<unsigned char, 16>& bytes) {
  std::string text = "GPU-";
  for (std::size_t i = 0; i < bytes.size(); ++i)
    text += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
  return text;
}

void put_device(const SharedLibrary& library, int index, bool anonymous, const FactSink& fact) {
  const auto put = [&](const char* name, FactValue value, const char* function) {
    fact(fmt::format("cuda_device.{}.{}", index, name), std::move(value), function);
  };
  Device device = 0;
  auto* const get = library.function<DeviceGet>("cuDeviceGet");
  if (get == nullptr || get(&device, index) != k_success) return;
  const auto attribute = [&](int which) {
    int value = -1;
    auto* const f = library.function<DeviceAttribute>("cuDeviceGetAttribute");
    return f != nullptr && f(&value, which, device) == k_success ? value : -1;
  };
  std::array<char, 256> name{};
  if (auto* const f = library.function<DeviceName>("cuDeviceGetName");
      f != nullptr && f(name.data(), int{name.size()}, device) == k_success)
    put("name", std::string(name.data()), "cuDeviceGetName");
  const int major = attribute(k_capability_major);
  const int minor = attribute(k_capability_minor);
  if (major >= 0 && minor >= 0) put("compute_capability", fmt::format("{}.{}", major, minor), "cuDeviceGetAttribute");
  if (const int count = attribute(k_multiprocessors); count > 0)
    put("multiprocessors", std::int64_t{count}, "cuDeviceGetAttribute");
  std::size_t bytes = 0;
  if (auto* const f = library.function<DeviceMemory>("cuDeviceTotalMem_v2");
      f != nullptr && f(&bytes, device) == k_success)
    put("memory_bytes", static_cast<std::int64_t>(bytes), "cuDeviceTotalMem_v2");
  std::array<unsigned char, 16> uuid{};
  if (auto* const f = library.function<DeviceUuid>("cuDeviceGetUuid");
      !anonymous && f != nullptr && f(uuid.data(), device) == k_success)
    put("uuid", format_uuid(uuid), "cuDeviceGetUuid");
}

}  // namespace

std::string format_cuda_version(int number) { return fmt::format("{}.{}", number / 1000, number % 1000 / 10); }

void probe_cuda_driver(const ProbeContext& context, const FactSink& fact) {
  const SharedLibrary library(context.options.cuda_library);
  if (!library.is_open()) return fact("driver.libcuda", std::string("absent"), library.problem());
  int version = 0;
  if (auto* const f = library.function<DriverVersion>("cuDriverGetVersion"); f != nullptr && f(&version) == k_success)
    fact("driver.cuda_version", format_cuda_version(version), "cuDriverGetVersion");
  auto* const init = library.function<Init>("cuInit");
  if (init == nullptr) return fact("driver.libcuda", std::string("cuInit is missing"), context.options.cuda_library);
  if (const auto result = init(0); result != k_success)
    return fact("driver.libcuda", describe(library, result), "cuInit");
  fact("driver.libcuda", std::string("ok"), "cuInit");
  int count = 0;
  auto* const counted = library.function<DeviceCount>("cuDeviceGetCount");
  if (counted == nullptr || counted(&count) != k_success) return;
  fact("driver.cuda_device_count", std::int64_t{count}, "cuDeviceGetCount");
  for (int index = 0; index < count; ++index) put_device(library, index, context.options.anonymous, fact);
}

}  // namespace goldseal

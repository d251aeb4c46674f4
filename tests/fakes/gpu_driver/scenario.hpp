// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

/// What the fake driver libraries pretend, chosen by the variable GOLDSEAL_FAKE_GPU. The figures are those that the
/// real devices report (NVIDIA's data sheets and `nvidia-smi -q` of such machines).
namespace goldseal::fakes {

struct Slice {
  std::string name;
  std::uint64_t memory = 0;
};

struct Gpu {
  std::string name;
  int major = 0;
  int minor = 0;
  unsigned architecture = 0;
  std::uint64_t memory = 0;
  int multiprocessors = 0;
  unsigned power_milliwatts = 0;
  bool mig = false;
  std::vector<Slice> slices;
  std::uint64_t uncorrected_errors = 0;
  bool remap_failed = false;
  unsigned nvlinks = 0;
};

struct Scenario {
  std::string name;
  std::string driver = "580.65.06";
  int cuda = 13000;
  int nvml_init = 0;  ///< what nvmlInit_v2 returns
  int cuda_init = 0;  ///< what cuInit returns
  std::vector<Gpu> gpus;
};

inline Gpu a100() { return {"NVIDIA A100-SXM4-40GB", 8, 0, 7, 42'949'672'960, 108, 400'000, false, {}, 0, false, 12}; }
inline Gpu h100() { return {"NVIDIA H100 80GB HBM3", 9, 0, 9, 85'520'809'984, 132, 700'000, false, {}, 0, false, 18}; }

inline Scenario scenario() {
  const char* const chosen = std::getenv("GOLDSEAL_FAKE_GPU");
  Scenario s;
  s.name = chosen == nullptr ? "a100" : chosen;
  if (s.name == "h100") {
    s.gpus.assign(8, h100());
  } else if (s.name == "mig") {
    auto gpu = a100();
    gpu.mig = true;
    gpu.slices = {{"NVIDIA A100-SXM4-40GB MIG 3g.20gb", 20'937'965'568},
                  {"NVIDIA A100-SXM4-40GB MIG 1g.5gb", 5'100'273'664}};
    s.gpus = {gpu};
  } else if (s.name == "mismatch") {
    s.nvml_init = 18;   // NVML_ERROR_LIB_RM_VERSION_MISMATCH
    s.cuda_init = 803;  // CUDA_ERROR_SYSTEM_DRIVER_MISMATCH
  } else if (s.name == "no_device") {
    s.cuda_init = 100;  // CUDA_ERROR_NO_DEVICE
  } else if (s.name == "ecc") {
    s.gpus = {a100(), a100()};
    s.gpus[1].uncorrected_errors = 3;
    s.gpus[1].remap_failed = true;
  } else if (s.name == "old_driver") {
    s.driver = "470.57.02";
    s.cuda = 11040;
    s.gpus = {{"Tesla T4", 7, 5, 6, 15'843'721'216, 40, 70'000, false, {}, 0, false, 0}};
  } else {
    s.gpus = {a100()};  // also for `hang`, `hang_late` and `crash`, which act where they are asked
  }
  return s;
}

inline void hang() {
  for (;;) ::pause();
}

/// Copies text as NVML does: cut to the buffer, always ended.
inline void copy_text(const std::string& text, char* out, unsigned length) {
  if (length == 0) return;
  const auto count = text.size() < length ? text.size() : length - 1;
  std::memcpy(out, text.data(), count);
  out[count] = '\0';
}

}  // namespace goldseal::fakes

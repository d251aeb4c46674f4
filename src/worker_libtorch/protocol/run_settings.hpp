// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <c10/core/Device.h>

#include <optional>

namespace goldseal::worker {

/// The `settings` of a run; an absent one keeps what the process started with.
struct RunSettings {
  std::optional<int> threads;
  std::optional<bool> onednn;
  std::optional<bool> channels_last;
  std::optional<bool> tf32;
  std::optional<bool> deterministic;
  c10::Device device = c10::kCPU;
  bool plain = false;  ///< of a float64 run: the plain form of operators that have another
};

/// Throws Refusal: `usage` for a value of another kind, `unsupported` for a device that is not there.
RunSettings read_settings(const nlohmann::json& settings);

/// The process's numeric switches; apply() sets those that `settings` states.
struct NumericState {
  int threads;
  bool onednn;
  bool tf32_matmul;
  bool tf32_cudnn;
  bool deterministic;
  bool deterministic_warn_only;
  bool deterministic_cudnn;
  bool benchmark_cudnn;
  bool flash_attention;
  bool efficient_attention;

  static NumericState current();
  void apply() const;
};

/// Holds `settings` in force for as long as it lives, then restores what was before.
class SettingsGuard {
 public:
  explicit SettingsGuard(const RunSettings& settings);
  ~SettingsGuard();
  SettingsGuard(const SettingsGuard&) = delete;
  SettingsGuard& operator=(const SettingsGuard&) = delete;

 private:
  NumericState m_before;
};

}  // namespace goldseal::worker

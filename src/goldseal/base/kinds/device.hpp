// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace goldseal {

/// The kinds of device that goldseal tells apart; PyTorch has more.
enum class DeviceType : std::uint8_t {
  cpu,
  cuda,  ///< NVIDIA's GPUs, and AMD's in builds for ROCm
  meta,  ///< shapes without memory
  other,
};

/// A device as PyTorch writes it: `cpu`, `cuda:0`, `cuda` (the current one). One that goldseal has no name for is kept
/// as it was written.
class Device {
 public:
  Device() = default;             ///< the CPU
  Device(std::string_view text);  // NOLINT(google-explicit-constructor): its text is the device
  Device(const char* text) : Device(std::string_view(text)) {}         // NOLINT(google-explicit-constructor)
  Device(const std::string& text) : Device(std::string_view(text)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] DeviceType type() const { return m_type; }
  [[nodiscard]] bool is_gpu() const { return m_type == DeviceType::cuda; }
  /// Whether what was saved from it can be put back on any machine: the CPU, and `meta`.
  [[nodiscard]] bool is_on_every_machine() const { return m_type == DeviceType::cpu || m_type == DeviceType::meta; }
  /// Which of the GPUs: 1 of `cuda:1`, 0 of `cuda`; nothing of another device.
  [[nodiscard]] std::optional<std::int64_t> gpu_index() const { return m_index; }
  /// Both `cuda`, whichever of them; also of types that goldseal has no name for.
  [[nodiscard]] bool has_type_of(const Device& other) const;
  [[nodiscard]] const std::string& text() const { return m_text; }
  friend bool operator==(const Device&, const Device&) = default;

 private:
  DeviceType m_type = DeviceType::cpu;
  std::optional<std::int64_t> m_index;
  std::string m_text = "cpu";
};

}  // namespace goldseal

template <>
struct fmt::formatter<goldseal::Device> : fmt::formatter<std::string_view> {
  template <typename Context>
  auto format(const goldseal::Device& device, Context& context) const {
    return formatter<std::string_view>::format(device.text(), context);
  }
};

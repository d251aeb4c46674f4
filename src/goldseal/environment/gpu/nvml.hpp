// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The part of NVIDIA's management library that goldseal calls, declared by hand so that no toolkit is needed to build.
/// Signatures, constants and names from the NVML API Reference; the ABI is C and does not change for a name.
namespace goldseal::nvml {

using Result = int;
struct DeviceHandle;
using Device = DeviceHandle*;

inline constexpr Result k_success = 0;
inline constexpr Result k_not_supported = 3;
inline constexpr unsigned k_text = 96;  ///< NVML_DEVICE_UUID_V2_BUFFER_SIZE and NVML_DEVICE_NAME_V2_BUFFER_SIZE

struct Memory {
  unsigned long long total, free, used;
};
struct PciInfo {
  char bus_id_legacy[16];
  unsigned domain, bus, device, pci_device_id, pci_subsystem_id;
  char bus_id[32];
};

enum MemoryErrorType { corrected = 0, uncorrected = 1 };
enum CounterType { since_load = 0, lifetime = 1 };  // NVML_VOLATILE_ECC, NVML_AGGREGATE_ECC
enum ClockType { clock_graphics = 0, clock_sm = 1, clock_memory = 2 };

using Init = Result();
using ErrorString = const char*(Result);
using SystemText = Result(char*, unsigned);
using SystemInt = Result(int*);
using DeviceCount = Result(unsigned*);
using DeviceByIndex = Result(unsigned, Device*);
using DeviceText = Result(Device, char*, unsigned);
using DeviceUint = Result(Device, unsigned*);
using DeviceTwoUints = Result(Device, unsigned*, unsigned*);
using DeviceTwoInts = Result(Device, int*, int*);
using DeviceMemory = Result(Device, Memory*);
using DevicePci = Result(Device, PciInfo*);
using DeviceClock = Result(Device, int, unsigned*);
using DeviceEccErrors = Result(Device, int, int, unsigned long long*);
using DeviceRemappedRows = Result(Device, unsigned*, unsigned*, unsigned*, unsigned*);
using DeviceLink = Result(Device, unsigned, unsigned*);
using DeviceMigDevice = Result(Device, unsigned, Device*);

}  // namespace goldseal::nvml

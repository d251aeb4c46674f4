// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "environment/machine.hpp"

#include <cstdlib>

using namespace goldseal;  // NOLINT: a test file
using goldseal::test::Machine;
using namespace std::chrono_literals;

namespace {

// Sets a variable for one test; the driver's libraries read it in their child.
class Variable {
 public:
  Variable(const char* name, const char* value) : m_name(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(m_name); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* m_name;
};

ProbeOptions with_fake_driver(const Machine& machine) {
  auto options = machine.options();
  options.nvml_library = GOLDSEAL_FAKE_NVML;
  options.cuda_library = GOLDSEAL_FAKE_CUDA;
  return options;
}

Environment probe_as(const char* scenario, std::chrono::milliseconds deadline = 5s) {
  const Variable chosen("GOLDSEAL_FAKE_GPU", scenario);
  const Machine machine;
  auto options = with_fake_driver(machine);
  options.driver_deadline = deadline;
  return probe_machine(options);
}

}  // namespace

TEST_CASE("an A100: what NVML and CUDA say of it") {
  const auto machine = probe_as("a100");
  CHECK(machine.text("driver.nvml") == "ok");
  CHECK(machine.text("driver.libcuda") == "ok");
  CHECK(machine.text("driver.version") == "580.65.06");
  CHECK(machine.text("driver.cuda_version") == "13.0");
  CHECK(machine.integer("driver.gpu_count") == 1);
  CHECK(machine.integer("driver.cuda_device_count") == 1);
  CHECK(machine.text("gpu.0.name") == "NVIDIA A100-SXM4-40GB");
  CHECK(machine.text("gpu.0.compute_capability") == "8.0");
  CHECK(machine.text("gpu.0.architecture") == "ampere");
  CHECK(machine.integer("gpu.0.memory_bytes") == 42'949'672'960);
  CHECK(machine.boolean("gpu.0.mig") == false);
  CHECK(machine.boolean("gpu.0.ecc.enabled") == true);
  CHECK(machine.integer("gpu.0.ecc.uncorrected") == 0);
  CHECK(machine.integer("gpu.0.nvlink.active") == 12);
  CHECK(machine.find("gpu.0.power_limit_watts")->value == FactValue(400.0));
  CHECK(machine.text("gpu.0.uuid") == "GPU-00000000-0000-0000-0000-000000000000");
  CHECK(machine.find("gpu.0.name")->origin == "nvmlDeviceGetName");
  CHECK(machine.text("cuda_device.0.compute_capability") == "8.0");
  CHECK(machine.integer("cuda_device.0.multiprocessors") == 108);
  CHECK_FALSE(machine.has("gpu.0.vbios"));  // this library lacks the function
}

TEST_CASE("eight H100, and CUDA_VISIBLE_DEVICES hides all but two from CUDA alone") {
  const Variable hidden("CUDA_VISIBLE_DEVICES", "6,7");
  const auto machine = probe_as("h100");
  CHECK(machine.integer("driver.gpu_count") == 8);
  CHECK(machine.text("gpu.7.name") == "NVIDIA H100 80GB HBM3");
  CHECK(machine.integer("driver.cuda_device_count") == 2);
  CHECK_FALSE(machine.has("cuda_device.2.name"));
}

TEST_CASE("a partitioned GPU: its slices by NVML, one of them by CUDA") {
  const auto machine = probe_as("mig");
  CHECK(machine.boolean("gpu.0.mig") == true);
  CHECK(machine.integer("gpu.0.mig_slices") == 2);
  CHECK(machine.text("gpu.0.slice.1.name") == "NVIDIA A100-SXM4-40GB MIG 1g.5gb");
  CHECK(machine.integer("gpu.0.slice.1.memory_bytes") == 5'100'273'664);
  CHECK(machine.text("cuda_device.0.name") == "NVIDIA A100-SXM4-40GB MIG 3g.20gb");
}

TEST_CASE("a driver that was upgraded without a reboot is named by its error") {
  const auto machine = probe_as("mismatch");
  CHECK(machine.text("driver.nvml") == "Driver/library version mismatch (18)");
  CHECK(machine.text("driver.libcuda") == "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)");
  CHECK_FALSE(machine.has("driver.gpu_count"));
}

TEST_CASE("a driver without a device is no GPU machine") {
  const auto machine = probe_as("no_device");
  CHECK(machine.text("driver.nvml") == "ok");
  CHECK(machine.integer("driver.gpu_count") == 0);
  CHECK(machine.text("driver.libcuda") == "CUDA_ERROR_NO_DEVICE (100)");
}

TEST_CASE("memory errors are counted for each GPU") {
  const auto machine = probe_as("ecc");
  CHECK(machine.integer("gpu.0.ecc.uncorrected") == 0);
  CHECK(machine.integer("gpu.1.ecc.uncorrected") == 3);
  CHECK(machine.boolean("gpu.1.ecc.remap_failed") == true);
}

TEST_CASE("a driver that hangs costs its deadline, not the run") {
  const auto began = std::chrono::steady_clock::now();
  const auto machine = probe_as("hang", 150ms);
  CHECK(std::chrono::steady_clock::now() - began < 30s);
  CHECK(machine.text("probe.nvml").value_or("").starts_with("no answer within 0."));
  CHECK(machine.text("probe.libcuda").value_or("").starts_with("no answer within 0."));
  CHECK(machine.text("driver.cuda_version") == "13.0");  // said before the call that hangs
  CHECK(machine.has("host.container"));
}

TEST_CASE("what a GPU said before it hung is kept") {
  const auto machine = probe_as("hang_late", 300ms);
  CHECK(machine.text("gpu.0.name") == "NVIDIA A100-SXM4-40GB");
  CHECK(machine.text("probe.nvml").value_or("").starts_with("no answer"));
  CHECK(machine.text("driver.libcuda") == "ok");
}

TEST_CASE("a driver that aborts is a fact, not the end") {
  const auto machine = probe_as("crash");
  CHECK(machine.text("probe.nvml") == "crashed (signal 6, Aborted)");
  CHECK(machine.has("host.container"));
}

TEST_CASE("without the driver's libraries the loader's words are the origin") {
  const Machine empty;
  const auto machine = empty.probe();
  CHECK(machine.text("driver.nvml") == "absent");
  CHECK(machine.find("driver.nvml")->origin.find("cannot open shared object file") != std::string::npos);
}

TEST_CASE("an anonymous environment holds no UUID and no bus address") {
  const Variable chosen("GOLDSEAL_FAKE_GPU", "mig");
  const Machine machine;
  auto options = with_fake_driver(machine);
  options.anonymous = true;
  const auto environment = probe_machine(options);
  CHECK(environment.has("gpu.0.slice.0.name"));
  for (const auto& [name, fact] : environment.facts()) {
    CAPTURE(name);
    CHECK_FALSE((name.ends_with("uuid") || name.ends_with("bus_id")));
  }
}

TEST_CASE("kernel module, device files and GPUs on the bus are found without any library") {
  Machine machine;
  machine
      .file(
          "/proc/driver/nvidia/version",
          "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.161.08  Sat Feb 24 22:46:29 UTC 2024\nGCC version:  x\n")
      .file("/dev/nvidia0", "")
      .file("/dev/nvidiactl", "")
      .file("/dev/null", "")
      .file("/sys/bus/pci/devices/0000:01:00.0/class", "0x030200\n")
      .file("/sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n")
      .file("/sys/bus/pci/devices/0000:01:00.0/device", "0x20b0\n")
      .file("/sys/bus/pci/devices/0000:02:00.0/class", "0x020000\n")
      .file("/sys/bus/pci/devices/0000:02:00.0/vendor", "0x10de\n");
  const auto environment = machine.probe();
  CHECK(environment.text("driver.kernel_version") == "535.161.08");
  CHECK(environment.text("driver.kernel_module") == "proprietary");
  CHECK(environment.list("driver.device_files") == std::vector<std::string>{"/dev/nvidia0", "/dev/nvidiactl"});
  CHECK(environment.list("driver.pci_devices") == std::vector<std::string>{"nvidia:0x20b0"});
  machine.file("/proc/driver/nvidia/version",
               "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (dvs)\n");
  CHECK(machine.probe().text("driver.kernel_version") == "580.65.06");
  CHECK(machine.probe().text("driver.kernel_module") == "open");
}

// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "checks/env/judging.hpp"

#include <checks/tables.hpp>

using namespace goldseal;        // NOLINT: a test file
using namespace goldseal::test;  // NOLINT: a test file

namespace {

Environment driver(const char* version, const char* cuda, const char* build) {
  return machine({{"torch.version", text("2.13.0")},
                  {"torch.cuda_build", text(build)},
                  {"driver.version", text(version)},
                  {"driver.cuda_version", text(cuda)}});
}

}  // namespace

TEST_CASE("F27: a driver of an older CUDA major version fails, with the driver to install") {
  const auto finding = judge_check(k_env_driver_cuda, driver("535.161.08", "12.2", "13.0"), gpu_seal());
  CHECK(finding.status == Status::fail);
  CHECK(finding.message ==
        "the NVIDIA driver is too old for CUDA 13.0: \"The NVIDIA driver on your system is too old (found version "
        "12020)\"");
  CHECK(finding.expected == "a driver for CUDA 13.0");
  CHECK(finding.actual == "driver 535.161.08 (CUDA 12.2)");
  CHECK(finding.remedy == "install NVIDIA driver 580.65.06 or newer, or a PyTorch build for an older CUDA");
}

TEST_CASE("F27: within a major version machine code runs and PTX does not") {
  const auto finding = judge_check(k_env_driver_cuda, driver("535.161.08", "12.2", "12.8"), gpu_seal());
  CHECK(finding.status == Status::warn);
  CHECK(finding.message.find("refuses PTX (\"unsupported toolchain\")") != std::string::npos);
  CHECK(finding.remedy == "install NVIDIA driver 570.26 or newer, or a PyTorch build for an older CUDA");
  CHECK(judge_check(k_env_driver_cuda, driver("440.33", "10.2", "11.8"), gpu_seal()).status == Status::fail);
  CHECK(judge_check(k_env_driver_cuda, driver("418.39", "10.1", "10.2"), gpu_seal()).status == Status::fail);
}

TEST_CASE("F27: a driver as new as the build passes") {
  CHECK(judge_check(k_env_driver_cuda, driver("580.65.06", "13.0", "13.0"), gpu_seal()).status == Status::pass);
  CHECK(judge_check(k_env_driver_cuda, driver("590.44.01", "13.1", "12.6"), gpu_seal()).status == Status::pass);
}

TEST_CASE("F27: a captured driver version without its CUDA version is looked up") {
  const auto found = machine({{"torch.version", text("2.9")},
                              {"torch.cuda_build", text("13.0")},
                              {"driver.kernel_version", text("470.82.01")}});
  const auto finding = judge_check(k_env_driver_cuda, found, gpu_seal());
  CHECK(finding.status == Status::fail);
  CHECK(finding.actual == "CUDA 11.4");
}

TEST_CASE("F27: a machine captured without PyTorch is held against the sealed build") {
  auto sealed = gpu_seal();
  sealed.set("torch.version", text("2.13.0"), "");
  sealed.set("torch.cuda_build", text("13.0"), "");
  const auto found = machine({{"driver.cuda_version", text("12.4")}});
  CHECK(judge_check(k_env_driver_cuda, found, sealed).status == Status::fail);
  CHECK(judge_check(k_env_driver_cuda, found, {}).status == Status::skipped);
}

TEST_CASE("F39: no device in a container, with the flag that is missing") {
  const auto docker = machine({{"host.container", text("docker")}, {"driver.libcuda", text("absent")}});
  const auto finding = judge_check(k_env_driver_present, docker, gpu_seal());
  CHECK(finding.status == Status::fail);
  CHECK(finding.message == "no CUDA device can be used: \"Found no NVIDIA driver on your system\"");
  CHECK(finding.actual == "libcuda.so.1 is absent");
  CHECK(finding.remedy == "start the container with GPUs: --gpus all (NVIDIA Container Toolkit)");
  const auto pod = machine({{"host.container", text("kubernetes")}, {"driver.libcuda", text("absent")}});
  CHECK(judge_check(k_env_driver_present, pod, gpu_seal()).remedy.find("nvidia.com/gpu") != std::string::npos);
  CHECK(judge_check(k_env_driver_present, docker).status == Status::skipped);
}

TEST_CASE("F39: a driver that gives devices passes, one that gives none fails") {
  const auto with = [](const char* state, std::int64_t devices) {
    return machine({{"driver.libcuda", text(state)}, {"driver.cuda_device_count", number(devices)}});
  };
  CHECK(judge_check(k_env_driver_present, with("ok", 2), gpu_seal()).message == "the driver gives 2 devices");
  CHECK(judge_check(k_env_driver_present, with("ok", 0), gpu_seal()).status == Status::fail);
  const auto none = judge_check(k_env_driver_present, with("CUDA_ERROR_NO_DEVICE (100)", 0), gpu_seal());
  CHECK(none.message == "no CUDA device can be used: \"No CUDA GPUs are available\"");
  CHECK(none.actual == "CUDA_ERROR_NO_DEVICE (100)");
  const auto bus = machine({{"driver.pci_devices", texts({"nvidia:0x20b0"})}, {"driver.libcuda", text("absent")}});
  CHECK(judge_check(k_env_driver_present, bus).status == Status::warn);
  CHECK(judge_check(k_env_driver_present, machine({}), gpu_seal()).status == Status::unknown);
}

TEST_CASE("a PyTorch for ROCm is judged by AMD's driver, not by libcuda") {
  const auto rocm = [](std::vector<std::string> files) {
    return machine({{"torch.version", text("2.14.1")},
                    {"torch.rocm", true},
                    {"driver.libcuda", text("absent")},
                    {"driver.device_files", texts(std::move(files))}});
  };
  CHECK(judge_check(k_env_driver_present, rocm({"/dev/kfd"}), gpu_seal()).status == Status::pass);
  auto docker = rocm({});
  docker.set("host.container", std::string("docker"), "");
  const auto finding = judge_check(k_env_driver_present, docker, gpu_seal());
  CHECK(finding.status == Status::fail);
  CHECK(finding.message == "no AMD GPU can be used: ROCm's device file is absent");
  CHECK(finding.remedy == "start the container with --device=/dev/kfd --device=/dev/dri");
  CHECK(judge_check(k_env_driver_present, rocm({})).status == Status::skipped);
}

TEST_CASE("F40: kernel module and libraries of two versions") {
  const auto both = [](const char* kernel, const char* library) {
    return machine({{"driver.kernel_version", text(kernel)}, {"driver.version", text(library)}});
  };
  CHECK(judge_check(k_env_driver_match, both("535.161.08", "535.161.08"), gpu_seal()).status == Status::pass);
  const auto upgraded = judge_check(k_env_driver_match, both("535.154.05", "535.161.08"), gpu_seal());
  CHECK(upgraded.status == Status::fail);
  CHECK(upgraded.message.find("\"Driver/library version mismatch\"") != std::string::npos);
  CHECK(upgraded.expected == "kernel module 535.161.08, as the libraries");
  CHECK(upgraded.actual == "kernel module 535.154.05");
  const auto nvml = machine(
      {{"driver.nvml", text("Driver/library version mismatch (18)")}, {"driver.kernel_version", text("535.154.05")}});
  const auto finding = judge_check(k_env_driver_match, nvml, gpu_seal());
  CHECK(finding.status == Status::fail);
  CHECK(finding.message.find("Driver/library version mismatch") != std::string::npos);
  CHECK(finding.remedy == "reboot, or unload and load the nvidia kernel modules, so that both are of one version");
  CHECK(judge_check(k_env_driver_match, machine({})).status == Status::skipped);
}

TEST_CASE("a probe that gave no answer is reported, an empty machine undecided") {
  CHECK(judge_check(k_env_probe, machine({{"host.os", text("x")}})).status == Status::pass);
  const auto hung = judge_check(k_env_probe, machine({{"probe.nvml", text("no answer within 5.0 s")}}));
  CHECK(hung.status == Status::fail);
  CHECK(hung.actual == "no answer within 5.0 s");
  CHECK(judge_check(k_env_probe, machine({})).status == Status::unknown);
}

TEST_CASE("the tables read whole, and answer by release") {
  CHECK(least_driver(*parse_version("12.4.1")) == "550.54.14");
  CHECK_FALSE(least_driver(*parse_version("99.0")));
  CHECK(least_driver_of_major(12) == "525.60.13");
  CHECK(newest_cuda(*parse_version("535.161.08")) == "12.2");
  CHECK_FALSE(newest_cuda(*parse_version("100.0")));
  CHECK(least_driver(*parse_version("11.7")) == "515.43.04");
  CHECK(least_driver(*parse_version("12.8")) == "570.26");
  CHECK(least_driver(*parse_version("13.2")) == "595.45.04");
  CHECK(newest_cuda(*parse_version("595.45.04")) == "13.2");
  CHECK(wheel_arch_list(*parse_version("2.13.1"), *parse_version("13.0"), "aarch64")->size() == 5);
  CHECK_FALSE(wheel_arch_list(*parse_version("2.13.0"), *parse_version("11.8"), "x86_64"));
  CHECK(listed_cuda_builds(*parse_version("2.13.0"), "x86_64") ==
        std::vector<std::string>{"12.6", "12.9", "13.0", "13.2"});
  CHECK(torchvision_for(*parse_version("1.13.1")) == "0.14");
  CHECK(torchvision_for(*parse_version("2.13.0+cu130")) == "0.28");
  CHECK(torchvision_for(*parse_version("2.14.1")) == "0.29");
  CHECK(wheel_arch_list(*parse_version("2.14.1"), *parse_version("13.0"), "x86_64")->front() == "sm_75");
  CHECK(wheel_arch_list(*parse_version("2.6.0"), *parse_version("12.4"), "x86_64")->back() == "sm_90");
  CHECK(allocator_option_since("expandable_segments") == "2.1");
  CHECK_FALSE(allocator_option_since("expandable_segment"));
  CHECK(allocator_new_name_since() == "2.9");
}

// SPDX-License-Identifier: Apache-2.0
#include <catch.hpp>

#include "checks/samples.hpp"

#include <checks/worker/cuda_error.hpp>
#include <checks/worker/device.hpp>

#include <array>

namespace goldseal {
namespace {

using samples::conforming;
using samples::judge;
using samples::outcome;

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// Ran on two GPUs, each as sealed.
Observation on_two_gpus() {
  auto observed = conforming();
  observed.run.device = DeviceObservation{"all", "cpu", {"cpu", "cuda:0", "cuda:1"}, {"cuda:0", "cuda:1"}};
  observed.run.outputs.push_back(observed.run.outputs.front());
  observed.run.outputs[0].device = "cuda:0";
  observed.run.outputs[1].device = "cuda:1";
  return observed;
}

/// What PyTorch says, as users have reported it, and a part of what is said of it.
struct Reported {
  std::string_view text;
  std::string_view cause;
  std::string_view remedy;
};

constexpr std::array k_reports{
    Reported{"CUDA error: no kernel image is available for execution on the device", "no code for this GPU",
             "PyTorch build"},
    Reported{"The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver by "
             "downloading and installing a new version from the URL: http://www.nvidia.com/Download/index.aspx",
             "driver is older", "update the driver"},
    Reported{"CUDA error: CUDA driver version is insufficient for CUDA runtime version", "driver is older", "update"},
    Reported{"CUDA error: the provided PTX was compiled with an unsupported toolchain.", "PTX", "update the driver"},
    Reported{"cuDNN error: CUDNN_STATUS_NOT_INITIALIZED", "cuDNN could not start", "free memory"},
    Reported{
        "cuDNN version incompatibility: PyTorch was compiled  against (8, 3, 2) but found runtime version (8, 0, 3).",
        "another cuDNN", "LD_LIBRARY_PATH"},
    Reported{"CUDA error: uncorrectable ECC error encountered", "cannot correct", "nvidia-smi -r"},
    Reported{
        "CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 7.80 GiB total capacity; 6.70 GiB already allocated)",
        "memory is full", "--device cpu"},
    Reported{"CUDA error: out of memory", "memory is full", "--device cpu"},
    Reported{
        "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from "
        "http://www.nvidia.com/Download/index.aspx",
        "no NVIDIA driver", "--gpus all"},
    Reported{"Torch not compiled with CUDA enabled", "built without CUDA", "+cu"},
    Reported{"CUDA error: invalid device ordinal", "not here", "CUDA_VISIBLE_DEVICES"},
    Reported{"CUDA unknown error - this may be due to an incorrectly set up environment, e.g. changing env variable "
             "CUDA_VISIBLE_DEVICES after program start. Setting the available devices to be zero.",
             "could not start", "before the program starts"},
    Reported{"Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!",
             "lie on two", "export it again"},
};

TEST_CASE("the errors that users report of CUDA are named, each with what mends it") {
  for (const auto& report : k_reports) {
    INFO(report.text);
    auto observed = conforming();
    observed.run.worker->done = false;
    observed.run.worker->failure = WorkerFailure{WorkerFailure::Kind::raised, "run", std::string(report.text), ""};
    const auto finding = judge("worker.device", observed);
    CHECK(finding.status == Status::fail);
    CHECK(has(finding.message, report.cause));
    CHECK(has(finding.remedy, report.remedy));
    CHECK(finding.actual == report.text);
  }
}

TEST_CASE("an error that is not CUDA's is left to worker.run") {
  CHECK(explain_cuda_error("size mismatch for conv_0.weight") == nullptr);
  auto observed = conforming();
  observed.run.worker->failure = WorkerFailure{WorkerFailure::Kind::raised, "run", "mat1 and mat2 shapes differ", ""};
  CHECK(judge("worker.device", observed).status == Status::skipped);
}

TEST_CASE("a device that is not there fails with what there is, and nothing passes for want of a run") {
  auto observed = conforming();
  observed.run.outputs.clear();
  observed.run.worker->done = false;
  observed.run.device = DeviceObservation{"cuda", "cpu", {"cpu"}, {}, true};
  const auto finding = judge("worker.device", observed);
  CHECK(finding.status == Status::fail);
  CHECK(has(finding.actual, "PyTorch 2.13.0 without CUDA"));
  CHECK(judge("worker.run", observed).status == Status::unknown);
  CHECK(outcome(observed) == ExitCode::fails);
  observed.machine.environment.set("driver.pci_devices", std::vector<std::string>{"nvidia:0x20b0"}, "");
  CHECK(has(judge("worker.device", observed).remedy, "CUDA build"));
  observed.run.device = DeviceObservation{"cuda:3", "cpu", {"cpu", "cuda:0"}, {}, true};
  CHECK(judge("worker.device", observed).actual == "cpu, cuda:0");
}

TEST_CASE("weights that do not fit into a GPU's free memory fail before they are loaded, float64 at full depth") {
  auto observed = conforming();  // 2 tensors of 6 elements: 48 bytes, 96 in float64
  observed.sealed.golden.at(0).noise = {{"out", 1, 4, 4, 1, true}};
  observed.run.device = DeviceObservation{"cuda", "cpu", {"cpu", "cuda:0"}, {"cuda:0"}};
  CHECK_FALSE(find_shortage(observed.sealed, observed.machine, observed.run));
  observed.machine.environment.set("gpu.0.memory_free_bytes", std::int64_t{60}, "");
  const auto shortage = find_shortage(observed.sealed, observed.machine, observed.run);
  REQUIRE(shortage);
  CHECK(shortage->need == 96);
  CHECK(shortage->free == 60);
  CHECK(judge("worker.device", observed).status == Status::fail);
  observed.run.depth = RunDepth::quick;
  CHECK_FALSE(find_shortage(observed.sealed, observed.machine, observed.run));
  observed.run.depth = RunDepth::full;
  observed.sealed.golden.at(0).noise.at(0).native = true;
  CHECK_FALSE(find_shortage(observed.sealed, observed.machine, observed.run));
}

TEST_CASE("the UUID tells which of NVML's GPUs is CUDA's first") {
  auto observed = conforming();
  observed.run.device = DeviceObservation{"cuda", "cpu", {"cpu", "cuda:0"}, {"cuda:0"}};
  observed.machine.environment.set("driver.cuda_device_count", std::int64_t{1}, "");
  observed.machine.environment.set("cuda_device.0.uuid", std::string("GPU-b"), "");
  observed.machine.environment.set("gpu.0.uuid", std::string("GPU-a"), "");
  observed.machine.environment.set("gpu.0.memory_free_bytes", std::int64_t{10}, "");
  observed.machine.environment.set("gpu.1.uuid", std::string("GPU-b"), "");
  observed.machine.environment.set("gpu.1.memory_free_bytes", std::int64_t{1000}, "");
  CHECK_FALSE(find_shortage(observed.sealed, observed.machine, observed.run));
  observed.machine.environment.set("cuda_device.0.uuid", std::string("GPU-a"), "");
  CHECK(find_shortage(observed.sealed, observed.machine, observed.run));
}

TEST_CASE("a model that was sealed on a GPU and runs on the CPU for want of one is a warning") {
  auto observed = conforming();
  observed.run.device = DeviceObservation{"", "cuda:0", {"cpu"}, {"cpu"}};
  CHECK(judge("worker.device", observed).status == Status::warn);
  observed.run.device->asked = "cpu";
  CHECK(judge("worker.device", observed).status == Status::pass);
}

TEST_CASE("of several GPUs the one that answers otherwise, or not at all, is named") {
  auto observed = on_two_gpus();
  CHECK(judge("golden.devices", observed).status == Status::pass);
  observed.run.outputs[1].float64->rms_ratio = 1;
  const auto finding = judge("golden.devices", observed);
  CHECK(finding.status == Status::fail);
  CHECK(finding.actual == "cuda:1");
  CHECK(has(judge("golden.float64", observed).message, "default/out on cuda:1"));
  observed.run.outputs[0].float64->rms_ratio = 1;
  CHECK(judge("golden.devices", observed).status == Status::skipped);
  observed = on_two_gpus();
  observed.run.outputs.pop_back();
  CHECK(judge("golden.devices", observed).actual == "cuda:1");
  CHECK(judge("golden.devices", conforming()).status == Status::skipped);
}

}  // namespace
}  // namespace goldseal

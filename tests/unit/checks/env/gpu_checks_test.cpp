// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "checks/env/judging.hpp"

#include <checks/env/gpu/gpu_code.hpp>

using namespace goldseal;        // NOLINT: a test file
using namespace goldseal::test;  // NOLINT: a test file

namespace {

using Codes = std::vector<std::string>;

Environment torch_on(const char* torch, const char* cuda, const char* gpu, const char* capability) {
  return machine({{"torch.version", text(torch)},
                  {"torch.cuda_build", text(cuda)},
                  {"cpu.architecture", text("x86_64")},
                  {"gpu.0.name", text(gpu)},
                  {"gpu.0.compute_capability", text(capability)}});
}

}  // namespace

TEST_CASE("machine code runs within a major version, PTX on any later GPU") {
  const auto fit = [](const Codes& codes, int capability, const char* cuda = "13.0") {
    return gpu_code_fit(codes, capability, *parse_version(cuda));
  };
  CHECK(fit(Codes{"sm_80", "sm_86"}, 80) == GpuCodeFit::machine_code);
  CHECK(fit(Codes{"sm_80"}, 89) == GpuCodeFit::machine_code);
  CHECK(fit(Codes{"sm_86"}, 80) == GpuCodeFit::none);
  CHECK(fit(Codes{"sm_80"}, 90) == GpuCodeFit::none);
  CHECK(fit(Codes{"sm_75", "compute_75"}, 90) == GpuCodeFit::ptx);
  CHECK(fit(Codes{"compute_90"}, 80) == GpuCodeFit::none);
  CHECK(fit(Codes{"sm_90a"}, 90) == GpuCodeFit::machine_code);
  CHECK(fit(Codes{"sm_90a", "compute_90a"}, 100) == GpuCodeFit::none);
  CHECK(fit(Codes{"sm_80", "sm_86"}, 87) == GpuCodeFit::none);                  // Jetson Orin runs its own code alone
  CHECK(fit(Codes{"sm_80", "sm_86"}, 87, "13.2") == GpuCodeFit::machine_code);  // but for builds with newer CUDA
  CHECK(fit(Codes{"sm_100"}, 101, "13.2") == GpuCodeFit::none);
  CHECK(fit(Codes{"rubbish", "sm_"}, 80) == GpuCodeFit::none);
}

TEST_CASE("F26: a GPU that the build does not list has no kernel image") {
  const auto volta = judge_check(k_env_gpu_architecture, torch_on("2.13.0", "13.0", "Tesla V100", "7.0"), gpu_seal());
  CHECK(volta.status == Status::fail);
  CHECK(volta.message ==
        "the build of PyTorch 2.13.0 for CUDA 13.0 has no code for GPU 0 (Tesla V100): \"no kernel image is "
        "available for execution on the device\"");
  CHECK(volta.expected.find("sm_75") != std::string::npos);
  CHECK(volta.actual == "compute capability 7.0");
  CHECK(volta.remedy == "install the build of this PyTorch for CUDA 12.6");
  const auto ampere = judge_check(k_env_gpu_architecture, torch_on("2.13.0", "13.0", "A100", "8.0"), gpu_seal());
  CHECK(ampere.status == Status::pass);
  const auto old = judge_check(k_env_gpu_architecture, torch_on("1.10.1", "10.2", "RTX A6000", "8.6"), gpu_seal());
  CHECK(old.status == Status::fail);
}

TEST_CASE("F26: a newer GPU runs by PTX alone, with a warning") {
  auto found = torch_on("2.9.0", "13.0", "a later GPU", "13.0");
  const auto finding = judge_check(k_env_gpu_architecture, found, gpu_seal());
  CHECK(finding.status == Status::warn);
  CHECK(finding.message.find("runs by PTX alone") != std::string::npos);
  CHECK(finding.actual == "PTX");
  CHECK(finding.remedy.find("a build that lists this GPU") != std::string::npos);
}

TEST_CASE("F26: what the loaded PyTorch says of itself beats the table, and a foreign build is not guessed") {
  auto found = torch_on("2.13.0", "13.0", "Tesla V100", "7.0");
  found.set("torch.arch_list", texts({"sm_70"}), "");
  CHECK(judge_check(k_env_gpu_architecture, found, gpu_seal()).status == Status::pass);
  auto debian = torch_on("2.13.0", "13.0", "Tesla V100", "7.0");
  debian.set("torch.variant", text("nv24.08"), "");
  CHECK(judge_check(k_env_gpu_architecture, debian, gpu_seal()).status == Status::unknown);
  CHECK(judge_check(k_env_gpu_architecture, torch_on("2.5.0", "12.4", "T4", "7.5"), gpu_seal()).status ==
        Status::unknown);
}

TEST_CASE("F26: each of several GPUs is judged") {
  auto found = torch_on("2.13.0", "13.0", "A100", "8.0");
  found.set("gpu.1.name", text("Tesla P4"), "");
  found.set("gpu.1.compute_capability", text("6.1"), "");
  const auto finding = judge_check(k_env_gpu_architecture, found, gpu_seal());
  CHECK(finding.status == Status::fail);
  CHECK(finding.message.find("GPU 1 (Tesla P4)") != std::string::npos);
}

TEST_CASE("a GPU that the model does not need is worth a warning, not a failure") {
  const auto finding = judge_check(k_env_gpu_architecture, torch_on("2.13.0", "13.0", "Tesla V100", "7.0"));
  CHECK(finding.status == Status::warn);
  CHECK(finding.message.find("sealed on the CPU") != std::string::npos);
}

TEST_CASE("F30: weights that do not fit, or that other programs leave no room for") {
  const auto gpu = [](std::int64_t total, std::int64_t available) {
    return machine({{"gpu.0.memory_bytes", number(total << 20)}, {"gpu.0.memory_free_bytes", number(available << 20)}});
  };
  const auto small = judge_observed(k_env_gpu_memory, with_weights(100, gpu(50, 50), gpu_seal()));
  CHECK(small.status == Status::fail);
  CHECK(small.message == "the weights do not fit on GPU 0");
  CHECK(small.actual == "50.0 MiB");
  const auto busy = judge_observed(k_env_gpu_memory, with_weights(100, gpu(400, 20), gpu_seal()));
  CHECK(busy.status == Status::warn);
  CHECK(busy.actual == "20.0 MiB free");
  CHECK(busy.remedy == "end them: cuDNN fails with CUDNN_STATUS_NOT_INITIALIZED where it gets no memory");
  CHECK(judge_observed(k_env_gpu_memory, with_weights(100, gpu(400, 300), gpu_seal())).status == Status::pass);
  CHECK(judge_observed(k_env_gpu_memory, with_weights(100, gpu(50, 50))).status == Status::skipped);
}

TEST_CASE("F41: CUDA_VISIBLE_DEVICES that names no device") {
  const auto judge = [](const char* value, std::int64_t installed) {
    return judge_check(
        k_env_gpu_visible,
        machine({{"variable.CUDA_VISIBLE_DEVICES", text(value)}, {"driver.gpu_count", number(installed)}}), gpu_seal());
  };
  CHECK(judge("0,1", 2).status == Status::pass);
  CHECK(judge("GPU-8f3c11aa", 2).status == Status::pass);
  const auto finding = judge("2", 2);
  CHECK(finding.status == Status::fail);
  CHECK(finding.message ==
        "CUDA_VISIBLE_DEVICES: there is no device 2: it and what follows are hidden, and asking for them gives "
        "\"invalid device ordinal\"");
  CHECK(finding.expected == "indices below 2, or UUIDs");
  CHECK(finding.remedy == "set it before the process starts: a change after CUDA has started is ignored");
  CHECK(k_env_gpu_visible.explanation.find("CUDA unknown error") != std::string::npos);
  CHECK(judge("0,0", 2).status == Status::fail);
  CHECK(judge("", 1).status == Status::fail);
  CHECK(judge("-1", 1).status == Status::fail);
  CHECK(judge("cuda:0", 1).status == Status::fail);
  CHECK(judge_check(k_env_gpu_visible, machine({}), gpu_seal()).status == Status::skipped);
}

TEST_CASE("F19, F20: tensors that were saved from a device which the target has not") {
  const auto judge = [](std::vector<std::string> locations, const Environment& found) {
    Observation observed;
    observed.sealed.model.locations = std::move(locations);
    observed.machine.environment = found;
    return judge_observed(k_env_gpu_location, observed);
  };
  const auto devices = [](std::int64_t count) {
    return machine({{"driver.libcuda", text("ok")}, {"driver.cuda_device_count", number(count)}});
  };
  const auto one = judge({"cuda:0", "cuda:2"}, devices(1));
  CHECK(one.status == Status::fail);
  CHECK(one.message.find("\"Attempting to deserialize object on CUDA device 2 but torch.cuda.device_count() is 1\"") !=
        std::string::npos);
  CHECK(one.actual == "1 device");
  CHECK(one.remedy == "load the file with map_location={'cuda:2': 'cuda:0'}, or map_location='cpu'");
  const auto none = judge({"cuda:0"}, machine({{"driver.libcuda", text("absent")}}));
  CHECK(none.status == Status::fail);
  CHECK(none.message.find(
            "\"Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False\"") !=
        std::string::npos);
  CHECK(none.remedy == "load the file with map_location='cpu', as goldseal does");
  auto without = devices(4);  // GPUs, and a PyTorch that is built without CUDA
  without.set("torch.version", text("2.13.0"), "");
  without.set("torch.cuda", false, "");
  CHECK(judge({"cuda:0"}, without).actual == "no CUDA device");
  CHECK(judge({"cuda:10"}, devices(4)).status == Status::fail);
  CHECK(judge({"cuda:0", "cuda:2"}, devices(4)).status == Status::pass);
  CHECK(judge({"cuda:1"}, machine({{"gpu.0.name", text("A")}, {"gpu.1.name", text("A")}})).status == Status::pass);
  CHECK(judge({}, devices(1)).status == Status::skipped);
  CHECK(judge({"xla:0"}, devices(1)).status == Status::skipped);
  CHECK(judge({"cuda:0"}, machine({{"host.os", text("Debian")}})).status == Status::skipped);
}

TEST_CASE("F42: one MIG slice a process") {
  const auto mig = [](std::int64_t slices) {
    return machine({{"gpu.0.name", text("A100")}, {"gpu.0.mig", true}, {"gpu.0.mig_slices", number(slices)}});
  };
  CHECK(judge_check(k_env_gpu_mig, mig(2), gpu_seal()).status == Status::pass);
  const auto unsliced = judge_check(k_env_gpu_mig, mig(0), gpu_seal());
  CHECK(unsliced.status == Status::fail);
  CHECK(unsliced.message == "GPU 0 (A100) is in MIG mode without a slice");
  CHECK(unsliced.remedy.find("nvidia-smi mig -cgi") != std::string::npos);
  auto named = mig(2);
  named.set("variable.CUDA_VISIBLE_DEVICES", text("MIG-1,MIG-2"), "");
  const auto two = judge_check(k_env_gpu_mig, named, gpu_seal());
  CHECK(two.status == Status::warn);
  CHECK(two.message == "CUDA shows a process one MIG slice, whatever CUDA_VISIBLE_DEVICES names");
  CHECK(two.actual == "2 slices named");
  CHECK(two.remedy == "name one slice, by its UUID, for each process");
  auto sealed = gpu_seal();
  sealed.set("gpu.0.name", text("A100"), "");
  sealed.set("gpu.1.name", text("A100"), "");
  const auto fewer = judge_check(k_env_gpu_mig, mig(1), sealed);
  CHECK(fewer.status == Status::warn);
  CHECK(fewer.remedy == "run one process for each slice");
  CHECK(judge_check(k_env_gpu_mig, machine({{"gpu.0.mig", false}})).status == Status::skipped);
}

TEST_CASE("F45: an IOMMU between GPUs") {
  const auto two = [](const char* iommu) {
    return machine({{"gpu.0.name", text("A")}, {"gpu.1.name", text("A")}, {"host.iommu", text(iommu)}});
  };
  CHECK(judge_check(k_env_gpu_peer, two("on")).status == Status::fail);
  CHECK(judge_check(k_env_gpu_peer, two("passthrough")).status == Status::pass);
  auto told = two("on");
  told.set("variable.NCCL_P2P_DISABLE", text("1"), "");
  CHECK(judge_check(k_env_gpu_peer, told).status == Status::pass);
  CHECK(judge_check(k_env_gpu_peer, machine({{"gpu.0.name", text("A")}, {"host.iommu", text("on")}})).status ==
        Status::skipped);
}

TEST_CASE("F46: memory errors of a GPU") {
  const auto gpu = [](std::int64_t errors, bool failed) {
    return machine(
        {{"gpu.0.name", text("A100")}, {"gpu.0.ecc.uncorrected", number(errors)}, {"gpu.0.ecc.remap_failed", failed}});
  };
  CHECK(judge_check(k_env_gpu_errors, gpu(0, false), gpu_seal()).status == Status::pass);
  CHECK(judge_check(k_env_gpu_errors, gpu(3, false), gpu_seal()).actual == "3");
  CHECK(judge_check(k_env_gpu_errors, gpu(0, true), gpu_seal()).status == Status::fail);
  CHECK(judge_check(k_env_gpu_errors, machine({{"gpu.0.name", text("T4")}})).status == Status::skipped);
}

TEST_CASE("F54: float16 on a GTX 1660") {
  const auto gtx = machine({{"gpu.0.name", text("NVIDIA GeForce GTX 1660 Ti")}});
  auto observed = with_weights(1, gtx);
  CHECK(judge_observed(k_env_gpu_half, observed).status == Status::skipped);
  observed.sealed.model.tensors.front().dtype = DType::float16;
  CHECK(judge_observed(k_env_gpu_half, observed).status == Status::fail);
  observed.machine.environment = machine({{"gpu.0.name", text("NVIDIA A100")}});
  CHECK(judge_observed(k_env_gpu_half, observed).status == Status::pass);
}

TEST_CASE("F47: another GPU, with what follows from it") {
  const auto on = [](const char* name, const char* capability) {
    return machine({{"numerics.device", text("cuda:0")},
                    {"gpu.0.name", text(name)},
                    {"gpu.0.compute_capability", text(capability)}});
  };
  const auto volta = on("Tesla V100", "7.0");
  const auto ampere = on("NVIDIA A100", "8.0");
  CHECK(judge_check(k_env_gpu_model, volta, volta).status == Status::pass);
  const auto finding = judge_check(k_env_gpu_model, ampere, volta);
  CHECK(finding.status == Status::fail);
  CHECK(finding.message == "another GPU: it may use TF32, which the sealed GPU lacks");
  CHECK(judge_check(k_env_gpu_model, ampere, machine({})).status == Status::skipped);
}

// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "checks/env/judging.hpp"

#include <checks/catalogue.hpp>
#include <checks/fact_check.hpp>
#include <checks/policy.hpp>
#include <checks/runner.hpp>

#include <algorithm>

using namespace goldseal;        // NOLINT: a test file
using namespace goldseal::test;  // NOLINT: a test file

TEST_CASE("F28: a PyTorch without CUDA where the model was sealed on a GPU") {
  const auto cpu = machine({{"torch.version", text("2.13.0")}, {"torch.cuda", false}});
  const auto finding = judge_check(k_env_torch_build, cpu, gpu_seal());
  CHECK(finding.status == Status::fail);
  CHECK(finding.message.find("\"Torch not compiled with CUDA enabled\"") != std::string::npos);
  CHECK(finding.actual == "2.13.0 without CUDA");
  CHECK(finding.remedy == "install the CUDA build of PyTorch (a +cu label instead of +cpu)");
  CHECK(judge_check(k_env_torch_build, cpu).status == Status::pass);
  const auto cuda = machine({{"torch.version", text("2.13.0")}, {"torch.cuda_build", text("13.0")}});
  CHECK(judge_check(k_env_torch_build, cuda, gpu_seal()).status == Status::pass);
  CHECK(judge_check(k_env_torch_build, machine({}), gpu_seal()).status == Status::skipped);
}

TEST_CASE("F28: a CUDA half that cannot be loaded is named by the loader's words") {
  const auto broken = machine({{"torch.version", text("2.13.0")},
                               {"torch.cuda_build", text("13.0")},
                               {"torch.gpu_library_error", text("libcudnn.so.9: cannot open shared object file")}});
  const auto finding = judge_check(k_env_torch_build, broken, gpu_seal());
  CHECK(finding.status == Status::fail);
  CHECK(finding.message == "the GPU half of PyTorch cannot be loaded");
  CHECK(finding.actual == "libcudnn.so.9: cannot open shared object file");
  CHECK(finding.remedy == "install the libraries that it names; a wheel brings them as nvidia-* packages");
}

TEST_CASE("a PyTorch for AMD's or Intel's GPUs is told apart from one for CUDA") {
  const auto rocm = machine({{"torch.version", text("2.14.1")},
                             {"torch.variant", text("rocm7.2")},
                             {"torch.hip_build", text("7.2.53210")},
                             {"torch.rocm", true},
                             {"torch.cuda", false}});
  CHECK(judge_check(k_env_torch_build, rocm).message == "PyTorch 2.14.1 is built for ROCm 7.2.53210 (AMD GPUs)");
  const auto other = judge_check(k_env_torch_build, rocm, gpu_seal());
  CHECK(other.status == Status::warn);
  CHECK(other.message.find("the model was sealed on CUDA") != std::string::npos);
  CHECK(other.actual == "2.14.1 for ROCm 7.2.53210 (AMD GPUs)");
  auto amd_seal = gpu_seal();
  amd_seal.set("torch.rocm", true, "");
  CHECK(judge_check(k_env_torch_build, rocm, amd_seal).status == Status::pass);
  const auto label = machine({{"torch.version", text("2.9.0")}, {"torch.variant", text("rocm6.4")}});
  CHECK(judge_check(k_env_torch_build, label).message == "PyTorch 2.9.0 is built for ROCm (AMD GPUs)");

  const auto xpu = machine({{"torch.version", text("2.14.1")}, {"torch.variant", text("xpu")}, {"torch.cuda", false}});
  CHECK(judge_check(k_env_torch_build, xpu).message ==
        "PyTorch 2.14.1 is built for XPU (Intel GPUs); goldseal runs it on the CPU");
  const auto lacking = judge_check(k_env_torch_build, xpu, gpu_seal());
  CHECK(lacking.status == Status::fail);
  CHECK(lacking.actual == "2.14.1 for XPU (Intel GPUs)");
  CHECK(lacking.remedy == "install the CUDA build of PyTorch (a +cu label instead of +xpu)");
}

TEST_CASE("a PyTorch with CUDA where no driver is runs on the CPU, which is said where it was sealed there") {
  const auto idle = machine({{"torch.version", text("2.14.1")},
                             {"torch.cuda_build", text("13.0")},
                             {"torch.cuda", true},
                             {"driver.libcuda", text("absent")}});
  const auto finding = judge_check(k_env_torch_build, idle);
  CHECK(finding.status == Status::pass);
  CHECK(finding.message ==
        "PyTorch 2.14.1 is built for CUDA 13.0; without a driver here it runs on the CPU, as the sealed run did");
  CHECK(judge_check(k_env_torch_build, idle, gpu_seal()).message == "PyTorch 2.14.1 is built for CUDA 13.0");
}

TEST_CASE("F29: a cuDNN that is older than the one PyTorch was compiled with") {
  const auto cudnn = [](const char* built, const char* loaded) {
    return machine({{"torch.cudnn_build", text(built)},
                    {"library.libcudnn.version", text(loaded)},
                    {"library.libcudnn.path", text("/opt/cudnn/v8.0.3/lib/libcudnn.so.8")},
                    {"variable.LD_LIBRARY_PATH", text("/opt/cudnn/v8.0.3/lib")}});
  };
  const auto finding = judge_check(k_env_cudnn, cudnn("8.3.2", "8.0.3"), gpu_seal());
  CHECK(finding.status == Status::fail);
  CHECK(finding.message ==
        "cuDNN 8.0.3 was loaded by a PyTorch that was compiled against 8.3.2: \"cuDNN version incompatibility\"");
  CHECK(finding.remedy == "take /opt/cudnn/v8.0.3/lib out of LD_LIBRARY_PATH: PyTorch brings its own cuDNN");
  CHECK(judge_check(k_env_cudnn, cudnn("9.1.0", "8.9.7"), gpu_seal()).status == Status::fail);
  CHECK(judge_check(k_env_cudnn, cudnn("9.10.2", "9.12.0"), gpu_seal()).status == Status::pass);
  CHECK(judge_check(k_env_cudnn, machine({}), gpu_seal()).status == Status::skipped);
}

TEST_CASE("F29: a cuDNN on the search path is told before anything is loaded") {
  const auto before = [](const char* version) {
    return machine(
        {{"toolkit.cudnn_of_library_path", text(version)}, {"python.package.nvidia-cudnn-cu12", text("9.1.0.70")}});
  };
  const auto first = judge_check(k_env_cudnn, before("8.0.3"), gpu_seal());
  CHECK(first.status == Status::fail);
  CHECK(first.message == "LD_LIBRARY_PATH puts another cuDNN before PyTorch's own");
  CHECK(first.remedy == "take its directory out of LD_LIBRARY_PATH: PyTorch brings its own cuDNN");
  CHECK(judge_check(k_env_cudnn, before("9.1.1"), gpu_seal()).status == Status::pass);
}

TEST_CASE("F29: parts of two cuDNNs in one process") {
  const auto mixed = machine({{"library.libcudnn.path", text("/venv/nvidia/cudnn/lib/libcudnn.so.9")},
                              {"library.libcudnn_ops.path", text("/usr/lib/libcudnn_ops.so.9")}});
  const auto finding = judge_check(k_env_cudnn, mixed, gpu_seal());
  CHECK(finding.status == Status::fail);
  CHECK(finding.message == "parts of cuDNN were loaded from two installations");
  CHECK(finding.actual == "/usr/lib and /venv/nvidia/cudnn/lib");
}

TEST_CASE("F31: a library that the loader would not find") {
  const auto lacking = [](std::vector<std::string> libraries) {
    return machine({{"torch.needs_glibc", text("2.28")}, {"torch.missing_libraries", texts(std::move(libraries))}});
  };
  const auto finding = judge_check(k_env_torch_libraries, lacking({"libcudnn.so.9"}), gpu_seal());
  CHECK(finding.status == Status::fail);
  CHECK(finding.message == "\"libcudnn.so.9: cannot open shared object file\"");
  CHECK(finding.actual == "missing: libcudnn.so.9");
  CHECK(finding.remedy == "install the nvidia-* packages of this PyTorch again (pip install --force-reinstall torch)");
  CHECK(judge_check(k_env_torch_libraries, lacking({"libcudnn.so.9"})).status == Status::warn);
  const auto openmp = judge_check(k_env_torch_libraries, lacking({"libgomp.so.1"}));
  CHECK(openmp.status == Status::fail);
  CHECK(openmp.remedy.find("(lib or lib64)") != std::string::npos);
  const auto extension = judge_check(k_env_torch_libraries, lacking({"libtorch_cuda_cu.so"}));
  CHECK(extension.message == "\"libtorch_cuda_cu.so: cannot open shared object file\"");
  CHECK(extension.remedy.find("was built for another release") != std::string::npos);
  CHECK(judge_check(k_env_torch_libraries, lacking({"libcuda.so.1"}), gpu_seal()).status == Status::pass);
  CHECK(judge_check(k_env_torch_libraries, machine({})).status == Status::skipped);
}

TEST_CASE("F32: glibc and libstdc++ older than PyTorch's libraries need") {
  const auto host = [](const char* glibc, const char* glibcxx) {
    return machine({{"torch.version", text("2.13.0")},
                    {"torch.needs_glibc", text("2.28")},
                    {"torch.needs_glibcxx", text("3.4.22")},
                    {"host.glibc", text(glibc)},
                    {"host.glibcxx", text(glibcxx)}});
  };
  CHECK(judge_check(k_env_host_libraries, host("2.36", "3.4.30")).status == Status::pass);
  const auto old = judge_check(k_env_host_libraries, host("2.17", "3.4.30"));
  CHECK(old.status == Status::fail);
  CHECK(old.message == "PyTorch's libraries need GLIBC_2.28: \"version `GLIBC_2.28' not found\"");
  CHECK(old.expected == "GLIBC_2.28 or newer");
  CHECK(old.remedy.find("glibc cannot be replaced") != std::string::npos);
  const auto conda = judge_check(k_env_host_libraries, host("2.36", "3.4.9"));
  CHECK(conda.status == Status::fail);
  CHECK(conda.message.find("version `GLIBCXX_3.4.22' not found") != std::string::npos);
  CHECK(conda.actual == "GLIBCXX_3.4.9");
  CHECK(conda.remedy.find("put a newer libstdc++ first in LD_LIBRARY_PATH (conda:") != std::string::npos);
  CHECK(judge_check(k_env_host_libraries, machine({{"host.glibc", text("2.36")}})).status == Status::skipped);
}

TEST_CASE("F32: a machine without PyTorch is held against what the sealed one needs") {
  const auto sealed = machine({{"torch.version", text("2.13.0")}, {"torch.needs_glibc", text("2.28")}});
  CHECK(judge_check(k_env_host_libraries, machine({{"host.glibc", text("2.17")}}), sealed).status == Status::fail);
}

TEST_CASE("F33: a compiled network and a PyTorch of another ABI or release") {
  Observation observed;
  observed.sealed.environment = machine({{"torch.cxx_abi", number(1)}, {"torch.version", text("2.13.0")}});
  observed.machine.environment = machine({{"torch.cxx_abi", number(0)}, {"torch.version", text("2.13.0")}});
  CHECK(judge_observed(k_env_torch_abi, observed).status == Status::skipped);
  observed.sealed.model.builder = Builder::plugin;
  const auto finding = judge_observed(k_env_torch_abi, observed);
  CHECK(finding.status == Status::fail);
  CHECK(finding.message ==
        "PyTorch here has another C++ ABI than the compiled network: \"undefined symbol: _ZN3c10…\"");
  CHECK(finding.actual == "_GLIBCXX_USE_CXX11_ABI=0");
  CHECK(finding.remedy == "build the network for this PyTorch, or install a PyTorch with the sealed ABI");
  observed.machine.environment = machine({{"torch.cxx_abi", number(1)}, {"torch.version", text("2.11.0")}});
  const auto release = judge_observed(k_env_torch_abi, observed);
  CHECK(release.status == Status::fail);
  CHECK(release.message == "the plugin was compiled for another PyTorch");
  CHECK(release.remedy == "build the plugin against the PyTorch of this machine");
  observed.run.network_keys.emplace();  // a worker has built it: from another build of the plugin
  CHECK(judge_observed(k_env_torch_abi, observed).status == Status::pass);
  observed.run.network_keys.reset();
  observed.machine.environment = machine({{"torch.cxx_abi", number(1)}, {"torch.version", text("2.13.1")}});
  CHECK(judge_observed(k_env_torch_abi, observed).status == Status::pass);
}

TEST_CASE("F34: torchvision of another release or another CUDA") {
  const auto pair = [](const char* torch, const char* vision) {
    return machine({{"python.package.torch", text(torch)}, {"python.package.torchvision", text(vision)}});
  };
  CHECK(judge_check(k_env_torch_vision, pair("2.4.0+cu121", "0.19.0+cu121")).status == Status::pass);
  const auto release = judge_check(k_env_torch_vision, pair("2.4.0+cu121", "0.20.1+cu121"));
  CHECK(release.status == Status::fail);
  CHECK(release.message == "torchvision was built for another PyTorch: \"operator torchvision::nms does not exist\"");
  CHECK(release.expected == "torchvision 0.19.x");
  CHECK(release.actual == "torchvision 0.20.1+cu121 with PyTorch 2.4.0+cu121");
  CHECK(release.remedy == "install torchvision 0.19.x from the same index as PyTorch");
  const auto cuda = judge_check(k_env_torch_vision, pair("2.4.0+cu121", "0.19.1+cu124"));
  CHECK(cuda.status == Status::fail);
  CHECK(cuda.message.find("operator torchvision::nms does not exist") != std::string::npos);
  CHECK(cuda.remedy == "install both from the same index");
  CHECK(judge_check(k_env_torch_vision, pair("99.0.0", "1.0.0")).status == Status::unknown);
  for (const auto* vision : {"0.29.0", "0.29.2"})
    CHECK(judge_check(k_env_torch_vision, pair("2.14.1", vision)).status == Status::pass);
  CHECK(judge_check(k_env_torch_vision, pair("2.15.0", "0.29.1")).status == Status::pass);
  CHECK(judge_check(k_env_torch_vision, pair("2.13.0", "0.29.1")).expected == "torchvision 0.28.x");
  const auto older = judge_check(k_env_torch_vision, pair("2.15.0", "0.28.0"));
  CHECK(older.status == Status::fail);
  CHECK(older.remedy == "install torchvision 0.29.1 or newer from the same index as PyTorch");
  CHECK(judge_check(k_env_torch_vision, machine({})).status == Status::skipped);
}

TEST_CASE("F24: a file that a PyTorch before 1.6 cannot read") {
  Observation observed;
  observed.sealed.model.container = Container::Kind::torch_zip;
  observed.machine.environment = machine({{"torch.version", text("1.4.0")}});
  CHECK(judge_observed(k_env_torch_container, observed).status == Status::fail);
  observed.sealed.model.builder = Builder::exported;
  CHECK(judge_observed(k_env_torch_container, observed).status == Status::skipped);
  observed.sealed.model.builder = Builder::torchscript;
  observed.machine.environment = machine({{"torch.version", text("1.13.1")}});
  CHECK(judge_observed(k_env_torch_container, observed).status == Status::pass);
  observed.sealed.model.container = Container::Kind::safetensors;
  CHECK(judge_observed(k_env_torch_container, observed).status == Status::skipped);
}

TEST_CASE("F43: allocator options that this PyTorch refuses, and a name that it ignores") {
  const auto judge = [](const char* torch, const char* variable, const char* value) {
    return judge_check(k_env_allocator, machine({{"torch.version", text(torch)}, {variable, text(value)}}), gpu_seal());
  };
  const auto* const old_name = "variable.PYTORCH_CUDA_ALLOC_CONF";
  const auto* const new_name = "variable.PYTORCH_ALLOC_CONF";
  const auto refused = judge("2.0.1", old_name, "expandable_segments:True");
  CHECK(refused.status == Status::fail);
  CHECK(refused.message.find("\"Unrecognized CachingAllocator option\"") != std::string::npos);
  CHECK(refused.expected == "PyTorch 2.1 or newer");
  CHECK(refused.remedy == "unset PYTORCH_CUDA_ALLOC_CONF");
  CHECK(judge("2.1.0", old_name, "expandable_segments:True").status == Status::pass);
  CHECK(judge("2.13.0", old_name, "max_split_size_mb:128,roundup_power2_divisions:[256:1,512:2,>:8]").status ==
        Status::pass);
  CHECK(judge("2.13.0", old_name, "expandable_segment:True").status == Status::warn);
  const auto ignored = judge("2.8.0", new_name, "expandable_segments:True");
  CHECK(ignored.status == Status::warn);
  CHECK(ignored.message == "PYTORCH_ALLOC_CONF is read from PyTorch 2.9 on; this one ignores it");
  CHECK(ignored.remedy == "set PYTORCH_CUDA_ALLOC_CONF as well");
  CHECK(judge("2.9.1", new_name, "expandable_segments:True").status == Status::warn);
  CHECK(judge("2.13.0", new_name, "expandable_segments:True").status == Status::pass);
  CHECK(judge_check(k_env_allocator, machine({})).status == Status::skipped);
}

TEST_CASE("F44: a /dev/shm as small as Docker makes it") {
  const auto shm = [](std::int64_t bytes) { return machine({{"memory.shm_bytes", number(bytes)}}); };
  CHECK(judge_check(k_env_memory_shared, shm(64 << 20)).status == Status::fail);
  CHECK(judge_check(k_env_memory_shared, shm(std::int64_t{8} << 30)).status == Status::pass);
  CHECK(judge_check(k_env_memory_shared, machine({})).status == Status::skipped);
}

TEST_CASE("the container's limit counts, not the machine's memory") {
  const auto found =
      machine({{"memory.total_bytes", number(std::int64_t{1} << 40)}, {"memory.cgroup_limit_bytes", number(50 << 20)}});
  const auto finding = judge_observed(k_env_memory_total, with_weights(100, found));
  CHECK(finding.status == Status::fail);
  CHECK(finding.remedy == "raise the container's memory limit");
  const auto busy =
      machine({{"memory.total_bytes", number(std::int64_t{1} << 40)}, {"memory.available_bytes", number(1 << 20)}});
  CHECK(judge_observed(k_env_memory_total, with_weights(100, busy)).status == Status::warn);
}

TEST_CASE("F47, F53: variables that change the precision") {
  const auto with = [](const char* name, const char* value) { return machine({{name, text(value)}}); };
  const auto tf32 = judge_check(k_env_variables_precision, with("variable.TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "1"));
  CHECK(tf32.status == Status::fail);
  CHECK(tf32.remedy == "unset TORCH_ALLOW_TF32_CUBLAS_OVERRIDE");
  CHECK(judge_check(k_env_variables_precision, with("variable.ONEDNN_DEFAULT_FPMATH_MODE", "BF16")).status ==
        Status::fail);
  CHECK(judge_check(k_env_variables_precision, with("variable.ONEDNN_DEFAULT_FPMATH_MODE", "STRICT")).status ==
        Status::pass);
  const auto sealed = with("variable.NVIDIA_TF32_OVERRIDE", "0");
  CHECK(judge_check(k_env_variables_precision, with("host.os", "Debian"), sealed).remedy ==
        "set NVIDIA_TF32_OVERRIDE=0");
  CHECK(judge_check(k_env_variables_precision, sealed, sealed).status == Status::pass);
}

TEST_CASE("F48, F49: variables that choose kernels and threads, each in a row") {
  const auto sealed = machine({{"variable.OMP_NUM_THREADS", text("4")}});
  const auto found = machine({{"variable.ATEN_CPU_CAPABILITY", text("avx2")}});
  const auto finding = judge_check(k_env_variables_results, found, sealed);
  CHECK(finding.status == Status::fail);
  REQUIRE(finding.tables.size() == 1);
  CHECK(finding.tables.front().rows == std::vector<std::vector<std::string>>{{"ATEN_CPU_CAPABILITY", "not set", "avx2"},
                                                                             {"OMP_NUM_THREADS", "4", "not set"}});
  CHECK(judge_check(k_env_variables_results, sealed, sealed).status == Status::pass);
}

GoldenCase given(const char* source) {
  GoldenTensor input;
  input.name = "image";
  input.source = source;
  GoldenCase golden;
  golden.name = "default";
  golden.inputs.push_back(std::move(input));
  return golden;
}

TEST_CASE("row 15: threads are told once, packages only where they take part, and no golden check is waited for that cannot run") {
  auto sealed = machine({{"variable.OMP_NUM_THREADS", text("4")}, {"numerics.threads", std::int64_t{4}}});
  auto found = machine({{"numerics.threads", std::int64_t{8}}});
  CHECK(judge_check(k_env_variables_results, found, sealed).status == Status::pass);
  CHECK(judge_check(k_env_variables_results, found, sealed).message.find("env.numerics.threads judges") != std::string::npos);
  found.set("variable.MKL_CBWR", std::string("AVX2"), "test");
  CHECK(judge_check(k_env_variables_results, found, sealed).status == Status::fail);

  Observation observed;
  observed.machine.asked_pytorch = true;
  const auto packages = [](const char* version) {
    return machine({{"python.version", text("3.11.7")}, {"python.package.pillow", text(version)},
                    {"python.package.numpy", text(version)}, {"torch.blas", text(version)}, {"torch.version", text(version)}});
  };
  observed.sealed.environment = packages("1.0");
  observed.machine.environment = packages("2.0");
  const auto judged = [&](const char* id, const char* policy = "deploy") {
    return run_check(*find_check(id), observed, load_policy(policy), "2026-06-01");
  };
  CHECK(judged("env.python.pillow").status == Status::skipped);
  CHECK(judged("env.python.numpy").status == Status::skipped);
  observed.sealed.model.builder = Builder::python;
  CHECK(judged("env.python.numpy").status == Status::warn);
  for (const auto* const source : {"scene.png", "scene.JPG", "a.jpeg"}) {
    observed.sealed.golden = {given(source)};
    CHECK(judged("env.python.pillow").status == Status::warn);
  }
  CHECK(judged("env.torch.version").remedy ==
        "verify the model on that machine before you rely on it, or install the sealed version");
}

TEST_CASE("F50: two BLAS or two OpenMP libraries in one process") {
  auto found = machine({{"library.libtorch_cpu.path", text("/t/libtorch_cpu.so")},
                        {"library.libmkl_core.path", text("/t/libmkl_core.so.2")},
                        {"library.libgomp.path", text("/t/libgomp.so.1")}});
  CHECK(judge_check(k_env_library_duplicates, found).status == Status::pass);
  auto blas = found;
  blas.set("library.libopenblas.path", text("/n/libopenblas.so.0"), "");
  CHECK(judge_check(k_env_library_duplicates, blas).actual == "/t/libmkl_core.so.2 and /n/libopenblas.so.0");
  found.set("library.libiomp5.path", text("/n/libiomp5.so"), "");
  CHECK(judge_check(k_env_library_duplicates, found).status == Status::fail);
  CHECK(judge_check(k_env_library_duplicates, machine({})).status == Status::skipped);
}

TEST_CASE("F50: one library of two files in one process") {
  auto found = machine({{"library.libtorch_cpu.path", text("/t/libtorch_cpu.so")},
                        {"library.libgomp.path", text("/t/libgomp-a34b3233.so.1")},
                        {"library.libgomp.copies", texts({"/t/libgomp-a34b3233.so.1", "/usr/lib/libgomp.so.1"})}});
  const auto one = judge_check(k_env_library_duplicates, found);
  CHECK(one.status == Status::fail);
  CHECK(one.message.starts_with("libgomp is loaded twice"));
  CHECK(one.actual == "/t/libgomp-a34b3233.so.1 and /usr/lib/libgomp.so.1");
  found.set("library.libcudnn.copies", texts({"/t/libcudnn.so.9", "/opt/libcudnn.so.9"}), "");
  const auto two = judge_check(k_env_library_duplicates, found);
  CHECK(two.message.starts_with("2 libraries are loaded twice"));
  REQUIRE(two.tables.size() == 1);
  CHECK(two.tables.front().rows.size() == 2);
}

TEST_CASE("F36: a quantized engine that the target's PyTorch lacks") {
  const auto* const check = find_check("env.torch.quantized-engines");
  REQUIRE(check != nullptr);
  const auto judge = [&](std::vector<std::string> here) {
    Observation observed;
    observed.sealed.environment = machine({{"torch.quantized_engines", texts({"fbgemm", "qnnpack"})}});
    observed.machine.environment = machine({{"torch.quantized_engines", texts(std::move(here))}});
    return compare_fact(*check, observed, {.rule = check->rule, .severity = check->severity});
  };
  const auto none = judge({});
  CHECK(none.status == Status::fail);
  CHECK(none.expected.find("fbgemm") != std::string::npos);
  CHECK(none.remedy.find("torch.backends.quantized.engine") != std::string::npos);
  CHECK(judge({"qnnpack"}).status == Status::fail);
  CHECK(judge({"qnnpack", "x86", "fbgemm"}).status == Status::pass);
  CHECK(check->explanation.find("Didn't find engine") != std::string::npos);
}

TEST_CASE("a PyTorch without CUDA is no PyTorch whose CUDA is not known") {
  const auto* const check = find_check("env.torch.cuda");
  REQUIRE(check != nullptr);
  const auto judge = [&](const char* device, Environment found, std::optional<Rule> rule = std::nullopt) {
    Observation observed;
    observed.machine.asked_pytorch = true;
    observed.sealed.environment = machine({{"torch.cuda_build", text("13.0")}, {"numerics.device", text(device)}});
    observed.machine.environment = std::move(found);
    return compare_fact(*check, observed, {.rule = rule.value_or(check->rule), .severity = check->severity});
  };
  const auto without = machine({{"torch.version", text("2.13.0")}, {"torch.cuda", false}});
  CHECK(judge("cpu", without).status == Status::skipped);
  const auto lacking = judge("cuda:0", without);
  CHECK(lacking.status == Status::fail);
  CHECK(lacking.message == "PyTorch's CUDA differs: PyTorch here is built without CUDA");
  CHECK(judge("cuda:0", machine({{"host.os", text("x")}})).status == Status::unknown);
  const auto broken = machine({{"torch.version", text("2.13.0")},
                               {"torch.cuda", false},
                               {"torch.gpu_library_error", text("libcudnn.so.9: cannot open")}});
  CHECK(judge("cuda:0", broken).message == "PyTorch's CUDA differs: the CUDA half of PyTorch cannot be loaded here");
  CHECK(judge("cuda:0", broken).remedy == "mend what env.torch.build names");
  // A policy that asks for the very same takes a build without CUDA for another one, wherever the model was sealed.
  CHECK(judge("cpu", without, Rule{RuleKind::equal, {}}).status == Status::fail);
}

TEST_CASE("a package that the machine's Python lacks is not installed, rather than not known") {
  const auto* const check = find_check("env.python.pillow");
  REQUIRE(check != nullptr);
  Observation observed;
  observed.machine.asked_pytorch = true;
  observed.sealed.environment = machine({{"python.package.pillow", text("13.0.0")}});
  observed.machine.environment = machine({{"python.version", text("3.11.7")}});
  observed.sealed.golden = {given("scene.PNG")};
  CHECK(compare_fact(*check, observed, {.rule = check->rule, .severity = check->severity}).message == "Pillow is not installed here");
  observed.machine.environment = machine({});
  CHECK(compare_fact(*check, observed, {.rule = check->rule, .severity = check->severity}).message ==
        "Pillow: no Python runs the model here");
}

TEST_CASE("F51: benchmark over deterministic, and a cuBLAS workspace that PyTorch refuses") {
  const auto cudnn = [](bool benchmark, bool deterministic) {
    return machine({{"numerics.cudnn_benchmark", benchmark}, {"numerics.cudnn_deterministic", deterministic}});
  };
  CHECK(judge_check(k_env_numerics_benchmark, cudnn(true, true)).status == Status::fail);
  CHECK(judge_check(k_env_numerics_benchmark, cudnn(true, false), cudnn(false, false)).status == Status::fail);
  CHECK(judge_check(k_env_numerics_benchmark, cudnn(true, false), cudnn(true, false)).status == Status::pass);
  CHECK(judge_check(k_env_numerics_benchmark, cudnn(false, true)).status == Status::pass);

  auto sealed = gpu_seal();
  sealed.set("numerics.deterministic_algorithms", true, "");
  const auto workspace = [&](const char* value) {
    return judge_check(k_env_variables_workspace, machine({{"variable.CUBLAS_WORKSPACE_CONFIG", text(value)}}), sealed)
        .status;
  };
  CHECK(workspace(":4096:8") == Status::pass);
  CHECK(workspace(":16:8") == Status::pass);
  CHECK(workspace(":4096:2:16:8") == Status::fail);
  CHECK(workspace("4096:8") == Status::warn);
  CHECK(workspace(":4096") == Status::warn);
  CHECK(judge_check(k_env_variables_workspace, machine({}), sealed).status == Status::fail);
  CHECK(judge_check(k_env_variables_workspace, machine({}), gpu_seal()).status == Status::skipped);
}

TEST_CASE("every check of a machine explains itself, and no two share an id") {
  std::vector<std::string_view> ids;
  for (const auto& check : machine_checks()) {
    CAPTURE(check.id);
    CHECK(check.id.starts_with("env."));
    CHECK(check.explanation.size() > 100);
    CHECK_FALSE(check.title.empty());
    REQUIRE(check.judge != nullptr);
    CHECK(std::ranges::find(ids, check.id) == ids.end());
    ids.push_back(check.id);
    CHECK_NOTHROW(judge_check(check, machine({})));
  }
  CHECK(ids.size() == 30);
}

// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "environment/machine.hpp"

#include <goldseal/environment/anonymous.hpp>
#include <goldseal/environment/host/variables.hpp>

using namespace goldseal;  // NOLINT: a test file
using goldseal::test::Machine;

TEST_CASE("variables that change results are recorded as given, others never") {
  Machine machine;
  machine.variables(
      "OMP_NUM_THREADS=4;TORCH_ALLOW_TF32_CUBLAS_OVERRIDE=;AWS_SECRET_ACCESS_KEY=hush;TORCH_TOKEN=hush;"
      "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True;");
  const auto environment = machine.probe();
  CHECK(environment.text("variable.OMP_NUM_THREADS") == "4");
  CHECK(environment.text("variable.TORCH_ALLOW_TF32_CUBLAS_OVERRIDE") == "");
  CHECK(environment.text("variable.PYTORCH_CUDA_ALLOC_CONF") == "expandable_segments:True");
  for (const auto& [name, fact] : environment.facts()) CHECK(to_string(fact.value).find("hush") == std::string::npos);
}

TEST_CASE("an anonymous environment names no host, device, person or directory") {
  Machine machine;
  machine
      .variables(
          "LD_LIBRARY_PATH=/home/ada/lib;CUDA_VISIBLE_DEVICES=GPU-8f3c11aa-0b5e,1;HOME=/home/ada;VIRTUAL_ENV=/home/ada/"
          "v;")
      .file("/proc/sys/kernel/hostname", "ada-laptop\n")
      .file("/home/ada/v/pyvenv.cfg", "version = 3.11.7\n")
      .file("/home/ada/v/lib/python3.11/site-packages/torch/version.py",
            "__version__ = '2.13.0+cu130'\ncuda = '13.0'\n")
      .file("/home/ada/v/lib/python3.11/site-packages/torch/lib/libtorch_cpu.so", "")
      .file("/home/ada/v/lib/python3.11/site-packages/torch/share/cmake/Torch/TorchConfig.cmake",
            "set(F \"-D_GLIBCXX_USE_CXX11_ABI=1\")\n")
      .file("/home/ada/v/lib/python3.11/site-packages/numpy-2.4.6.dist-info/METADATA", "");
  auto options = machine.options();
  CHECK(probe_machine(options).text("host.name") == "ada-laptop");
  options.anonymous = true;
  const auto environment = probe_machine(options);
  CHECK(environment.text("variable.CUDA_VISIBLE_DEVICES") == "GPU-...,1");
  CHECK(environment.text("torch.version") == "2.13.0");
  CHECK(environment.integer("torch.cxx_abi") == 1);
  CHECK(environment.text("python.package.numpy") == "2.4.6");
  for (const auto& [name, fact] : environment.facts()) {
    CAPTURE(name, to_string(fact.value), fact.origin);
    CHECK((to_string(fact.value) + fact.origin).find("ada") == std::string::npos);
  }
}

TEST_CASE("UUIDs are shortened wherever they stand") {
  CHECK(without_uuids("GPU-8f3c,MIG-GPU-8f3c/1/0,2") == "GPU-...,MIG-GPU-...,2");
  CHECK(without_uuids("0,1") == "0,1");
}

TEST_CASE("what a worker told loses its directories and keeps its versions") {
  Environment told;
  told.set("library.libgomp.path", std::string("/home/ada/venv/lib/libgomp.so.1"), "/proc/self/maps");
  told.set("library.libgomp.version", std::string("1"), "/home/ada/venv/lib/libgomp.so.1");
  told.set("library.libgomp.copies",
           std::vector<std::string>{"/usr/lib/libgomp.so.1", "/home/ada/venv/lib/libgomp-a34b3233.so.1"},
           "/proc/self/maps");
  const auto environment = without_directories(told);
  CHECK_FALSE(environment.has("library.libgomp.path"));
  CHECK(environment.find("library.libgomp.version")->origin == "libgomp.so.1");
  CHECK(environment.list("library.libgomp.copies") ==
        std::vector<std::string>{"libgomp.so.1", "libgomp-a34b3233.so.1"});
}

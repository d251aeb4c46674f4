// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "environment/machine.hpp"

#include <goldseal/environment/libraries/python_packages.hpp>
#include <goldseal/environment/libraries/torch_installation.hpp>

using namespace goldseal;  // NOLINT: a test file
using goldseal::test::Machine;
using Strings = std::vector<std::string>;

namespace {

constexpr const char* k_version_py = R"(from typing import Optional

__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip']
__version__ = '2.13.0+cu130'
debug = False
cuda: Optional[str] = '13.0'
git_version = 'cf30153c'
hip: Optional[str] = None
)";

}  // namespace

TEST_CASE("the torch of a virtual environment, from its files alone") {
  Machine machine;
  machine.variables("VIRTUAL_ENV=/venv;PATH=/usr/bin;")
      .file("/venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.11.7\n")
      .file("/venv/lib/python3.11/site-packages/torch/version.py", k_version_py)
      .file("/venv/lib/python3.11/site-packages/torch/lib/libtorch_cpu.so", "not an ELF file")
      .file("/venv/lib/python3.11/site-packages/torch/lib/libtorch_cuda.so", "not an ELF file");
  const auto environment = machine.probe();
  CHECK(environment.text("torch.version") == "2.13.0");
  CHECK(environment.text("torch.variant") == "cu130");
  CHECK(environment.text("torch.cuda_build") == "13.0");
  CHECK(environment.text("torch.git") == "cf30153c");
  CHECK_FALSE(environment.has("torch.hip_build"));
  CHECK(environment.boolean("torch.cuda") == true);
  CHECK(environment.text("torch.prefix") == "/venv/lib/python3.11/site-packages/torch");
  CHECK(environment.text("python.version") == "3.11.7");
}

TEST_CASE("Python and PyTorch are of one interpreter: the one that is named, else the first that has PyTorch") {
  Machine machine;
  machine.variables("PATH=/first/bin:/second/bin;")
      .file("/first/bin/python3", "")
      .file("/first/lib/python3.12/site-packages/numpy-2.4.0.dist-info/METADATA", "")
      .file("/second/bin/python3", "")
      .file("/second/lib/python3.11/site-packages/numpy-1.24.2.dist-info/METADATA", "")
      .file("/second/lib/python3.11/site-packages/torch/version.py", k_version_py)
      .file("/third/lib/python3.10/site-packages/torch/version.py", k_version_py);
  auto environment = machine.probe();
  CHECK(environment.text("python.version") == "3.11");
  CHECK(environment.text("python.package.numpy") == "1.24.2");
  machine.variables("GOLDSEAL_PYTHON=/third/bin/python;VIRTUAL_ENV=/stale;PATH=/first/bin:/second/bin;");
  environment = machine.probe();
  CHECK(environment.text("python.version") == "3.10");
  CHECK(environment.text("torch.prefix") == "/third/lib/python3.10/site-packages/torch");
}

TEST_CASE("the torch that the options name comes before the one of the search path") {
  Machine machine;
  machine.variables("VIRTUAL_ENV=/venv;")
      .file("/venv/lib/python3.11/site-packages/torch/version.py", k_version_py)
      .file("/opt/libtorch/build-version", "2.4.1+cpu\n")
      .file("/opt/libtorch/build-hash", "38b96d33\n")
      .file("/opt/libtorch/lib/libtorch_cpu.so", "");
  auto options = machine.options();
  options.torch_prefix = "/opt/libtorch";
  const auto environment = probe_machine(options);
  CHECK(environment.text("torch.version") == "2.4.1");
  CHECK(environment.text("torch.git") == "38b96d33");
  CHECK(environment.boolean("torch.cuda") == false);
  CHECK(environment.list("torch.installed") ==
        Strings{"2.4.1+cpu /opt/libtorch", "2.13.0+cu130 /venv/lib/python3.11/site-packages/torch"});
}

TEST_CASE("a distribution's torch has its version in a header alone") {
  Machine machine;
  machine.file("/usr/include/torch/csrc/api/include/torch/version.h",
               "#define TORCH_VERSION_MAJOR 1\n#define TORCH_VERSION_MINOR 13\n#define TORCH_VERSION_PATCH 1\n");
  const auto environment = machine.probe();
  CHECK(environment.text("torch.version") == "1.13.1");
  CHECK_FALSE(environment.has("torch.cuda_build"));
}

TEST_CASE("the first Python of the search path is the one, with its user's packages before its own") {
  Machine machine;
  machine.variables("PATH=/nowhere:/opt/py/bin:/usr/bin;HOME=/home/u;")
      .file("/opt/py/bin/python3.12", "")
      .link("/opt/py/bin/python3", "python3.12")
      .file("/opt/py/include/python3.12/patchlevel.h", "#define PY_VERSION      \t\"3.12.4\"\n")
      .file("/opt/py/lib/python3.9/site-packages/numpy-1.0.dist-info/METADATA", "")
      .file("/opt/py/lib/python3.12/site-packages/numpy-2.0.1.dist-info/METADATA", "")
      .file("/opt/py/lib/python3.12/site-packages/Pillow-11.0.dist-info/METADATA", "")
      .file("/opt/py/lib/python3.12/site-packages/our_secret_product-1.dist-info/METADATA", "")
      .file("/opt/py/lib/python3.12/site-packages/nvidia_cudnn_cu12-9.1.0.70.dist-info/METADATA", "")
      .file("/home/u/.local/lib/python3.12/site-packages/numpy-1.26.4.dist-info/METADATA", "");
  const auto environment = machine.probe();
  CHECK(environment.text("python.version") == "3.12.4");
  CHECK(environment.text("python.package.numpy") == "1.26.4");
  CHECK(environment.text("python.package.pillow") == "11.0");
  CHECK(environment.text("python.package.nvidia-cudnn-cu12") == "9.1.0.70");
  CHECK_FALSE(environment.has("python.package.our-secret-product"));
}

TEST_CASE("a virtual environment that shares its Python's packages has those too, after its own") {
  const auto probe = [](const char* shares) {
    Machine machine;
    machine.variables("VIRTUAL_ENV=/venv;HOME=/home/u;")
        .file("/venv/pyvenv.cfg", std::string("home = /opt/py/bin\ninclude-system-site-packages = ") + shares + "\n")
        .file("/venv/lib/python3.11/site-packages/torch-2.14.1.dist-info/METADATA", "")
        .file("/opt/py/lib/python3.11/site-packages/torch-2.13.0.dist-info/METADATA", "")
        .file("/opt/py/lib/python3.11/site-packages/numpy-2.4.6.dist-info/METADATA", "")
        .file("/home/u/.local/lib/python3.11/site-packages/pillow-13.0.dist-info/METADATA", "");
    return machine.probe();
  };
  CHECK(probe("true").text("python.package.torch") == "2.14.1");
  CHECK(probe("true").text("python.package.numpy") == "2.4.6");
  CHECK(probe("true").text("python.package.pillow") == "13.0");
  CHECK_FALSE(probe("false").has("python.package.numpy"));
  CHECK_FALSE(probe("false").has("python.package.pillow"));
}

TEST_CASE("a conda environment tells its native libraries") {
  Machine machine;
  machine.variables("CONDA_PREFIX=/opt/conda/envs/t;")
      .file("/opt/conda/envs/t/lib/python3.10/site-packages/torch/version.py", k_version_py)
      .file("/opt/conda/envs/t/conda-meta/mkl-2023.1.0-h213fbdd_46344.json", "{}")
      .file("/opt/conda/envs/t/conda-meta/libstdcxx-ng-11.2.0-h1234567_1.json", "{}")
      .file("/opt/conda/envs/t/conda-meta/our-product-1.0-0.json", "{}")
      .file("/opt/conda/envs/t/conda-meta/history", "");
  const auto environment = machine.probe();
  CHECK(environment.text("conda.package.mkl") == "2023.1.0");
  CHECK(environment.text("conda.package.libstdcxx-ng") == "11.2.0");
  CHECK_FALSE(environment.has("conda.package.our-product"));
}

TEST_CASE("toolkits and a cuDNN that comes before PyTorch's own") {
  Machine machine;
  machine.variables("LD_LIBRARY_PATH=/opt/empty::/opt/cudnn/lib;")
      .file("/opt/cudnn/lib/libcudnn.so.8", "")
      .file("/opt/cudnn/lib/libcudnn.so.8.0.3", "")
      .file("/usr/lib/gcc/x86_64-linux-gnu/9/lto1", "")
      .file("/usr/lib/gcc/x86_64-linux-gnu/12/lto1", "")
      .file("/usr/share/cmake-3.25/x", "")
      .file("/usr/local/cuda/version.json", R"({ "cuda" : { "name" : "CUDA SDK", "version" : "12.4.20240301" } })");
  const auto environment = machine.probe();
  CHECK(environment.text("toolkit.cudnn_of_library_path") == "8.0.3");
  CHECK(environment.text("toolkit.gcc") == "12");
  CHECK(environment.text("toolkit.cmake") == "3.25");
  CHECK(environment.text("toolkit.cuda") == "12.4.20240301");
}

TEST_CASE("a CUDA toolkit without a version file is told by the name of its directory") {
  Machine machine;
  machine.link("/usr/local/cuda", "/etc/alternatives/cuda")
      .link("/etc/alternatives/cuda", "/usr/local/cuda-13.0")
      .file("/usr/local/cuda-13.0/lib64/libcudart.so.13", "");
  CHECK_FALSE(machine.probe().has("toolkit.cuda"));
  machine.file("/usr/local/cuda-13.0/bin/nvcc", "");
  CHECK(machine.probe().text("toolkit.cuda") == "13.0");
}

TEST_CASE("pyenv's shims lead to the version that is chosen") {
  Machine machine;
  machine.variables("PATH=/root/.pyenv/shims;")
      .file("/root/.pyenv/shims/python3", "#!/bin/sh\n")
      .file("/root/.pyenv/version", "3.11.7\n")
      .file("/root/.pyenv/versions/3.11.7/lib/python3.11/site-packages/torch/version.py", k_version_py);
  CHECK(machine.probe().text("torch.version") == "2.13.0");
}

TEST_CASE("builds for AMD's and Intel's GPUs are told by their files or their label") {
  const auto probe = [](const char* version, const char* library) {
    Machine machine;
    machine.variables("VIRTUAL_ENV=/venv;")
        .file("/venv/lib/python3.11/site-packages/torch/version.py", std::string("__version__ = '") + version + "'\n")
        .file("/venv/lib/python3.11/site-packages/torch/lib/libtorch_cpu.so", "")
        .file(std::string("/venv/lib/python3.11/site-packages/torch/lib/") + library, "");
    return machine.probe();
  };
  const auto rocm = probe("2.14.1+rocm7.2", "libtorch_hip.so");
  CHECK(rocm.text("torch.variant") == "rocm7.2");
  CHECK(rocm.text("torch.hip_build") == "7.2");
  CHECK(rocm.boolean("torch.rocm") == true);
  CHECK(rocm.boolean("torch.cuda") == false);
  const auto xpu = probe("2.14.1+xpu", "libtorch_xpu.so");
  CHECK(xpu.boolean("torch.xpu") == true);
  CHECK_FALSE(xpu.has("torch.rocm"));
  CHECK_FALSE(probe("2.14.1+cpu", "libc10.so").has("torch.xpu"));
  CHECK_FALSE(rocm_of_label("cu130"));
  CHECK_FALSE(rocm_of_label("rocm"));
}

TEST_CASE("the label of a wheel names its CUDA") {
  CHECK(cuda_of_label("cu130") == "13.0");
  CHECK(cuda_of_label("cu92") == "9.2");
  CHECK(cuda_of_label("cu121.with.pypi.cudnn") == "12.1");
  CHECK_FALSE(cuda_of_label("cpu"));
  CHECK_FALSE(cuda_of_label("custom"));
}

TEST_CASE("names of installed packages are read as pip writes them") {
  CHECK(package_of_entry("torch-1.13.0a0+gitunknown.egg-info")->version == "1.13.0a0+gitunknown");
  CHECK(package_of_entry("Intel_OpenMP-2024.0.2.dist-info")->name == "intel-openmp");
  CHECK(package_of_entry("six-1.16.0-py3.11.egg-info")->version == "1.16.0");
  CHECK_FALSE(package_of_entry("torch"));
  CHECK_FALSE(package_of_entry("-1.dist-info"));
}

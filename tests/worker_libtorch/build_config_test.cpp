// SPDX-License-Identifier: Apache-2.0
#include "facts/build_config.hpp"

#include <catch.hpp>

using namespace goldseal::worker;  // NOLINT: a test file

namespace {

using Names = std::vector<std::string>;

// As PyTorch 2.14.1+cu130 prints it where no GPU is, shortened.
const std::string k_cuda_build =
    "PyTorch built with:\n  - GCC 13.3\n  - LAPACK is enabled (usually provided by MKL)\n  - NNPACK is enabled\n"
    "  - CPU capability usage: AVX512\n  - Build settings: BLAS_INFO=mkl, BUILD_TYPE=Release, CUDA_FLAGS= -Xfatbin "
    "-compress-all -gencode arch=compute_75,code=sm_75 -gencode arch=compute_120,code=sm_120 "
    "-Xcudafe --diag_suppress=cc_clobber_ignored,--diag_suppress=field_without_dll_interface, CUDA_VERSION=13.0, "
    "CUDNN_VERSION=9.24.0, CXX_FLAGS= -DUSE_PTHREADPOOL -DUSE_FBGEMM -DUSE_PYTORCH_QNNPACK -O2, LAPACK_INFO=mkl, "
    "TORCH_VERSION=2.14.1, USE_CUDA=1, USE_CUDNN=ON, USE_CUSPARSELT=1, USE_MKL=ON, USE_MKLDNN=ON, USE_NCCL=ON, "
    "USE_NNPACK=ON, USE_OPENMP=ON, USE_ROCM=OFF, USE_XPU=OFF, \n";

}  // namespace

TEST_CASE("a build setting ends at the next comma, and one that is not there is empty") {
  CHECK(build_setting(k_cuda_build, "TORCH_VERSION") == "2.14.1");
  CHECK(build_setting(k_cuda_build, "BLAS_INFO") == "mkl");
  CHECK(build_setting(k_cuda_build, "MAGMA_VERSION").empty());
  CHECK(config_line(k_cuda_build, "CPU capability usage: ") == "AVX512");
}

TEST_CASE("the arch list is known where no GPU is, from the flags of nvcc") {
  CHECK(arch_list_of(k_cuda_build) == Names{"sm_75", "sm_120"});
  CHECK(arch_list_of("  - Build settings: CUDA_FLAGS= -Xfatbin -compress-all, CUDA_VERSION=13.0, ").empty());
  CHECK(arch_list_of("  - NVCC architecture flags: -gencode;arch=compute_80,code=sm_80\n" + k_cuda_build) ==
        Names{"sm_80"});
}

TEST_CASE("the libraries of kernels are those that were switched on") {
  CHECK(kernel_libraries(k_cuda_build) ==
        Names{"cudnn", "cusparselt", "fbgemm", "lapack", "mkl", "nnpack", "onednn", "openmp", "qnnpack"});
  CHECK(kernel_libraries("  - Build settings: CXX_FLAGS=-DUSE_XNNPACK, USE_MKL=OFF, USE_MKLDNN=0, ") ==
        Names{"xnnpack"});
  CHECK(kernel_libraries("").empty());
}

// SPDX-License-Identifier: Apache-2.0
// The texts are PyTorch's (c10/cuda/CUDAException.cpp, CUDAFunctions.cpp, aten/src/ATen/cudnn) and CUDA's own
// (cudaGetErrorString); each was seen in public reports.
#include <checks/worker/cuda_error.hpp>

#include <algorithm>
#include <array>

namespace goldseal {
namespace {

// The first that fits counts: what is particular stands before what is general.
constexpr std::array k_causes{
    CudaCause{
        "no kernel image is available", "this PyTorch holds no code for this GPU's architecture",
        "install a PyTorch build whose list of architectures has it (`goldseal explain env.gpu.architecture`): an "
        "older CUDA label for an old GPU, a newer one for a new GPU"},
    CudaCause{"driver on your system is too old", "the NVIDIA driver is older than this PyTorch's CUDA",
              "update the driver, or install a PyTorch build for an older CUDA"},
    CudaCause{"CUDA driver version is insufficient", "the NVIDIA driver is older than this PyTorch's CUDA",
              "update the driver, or install a PyTorch build for an older CUDA"},
    CudaCause{"PTX was compiled with an unsupported toolchain",
              "the NVIDIA driver cannot compile the intermediate code (PTX) that this PyTorch brings for the GPU",
              "update the driver, or install a PyTorch build for an older CUDA"},
    CudaCause{"forward compatibility was attempted on non supported HW",
              "CUDA's compatibility libraries stand before the driver's own, and this GPU does not support them",
              "take the cuda-compat directory out of LD_LIBRARY_PATH, or update the driver"},
    CudaCause{"Found no NVIDIA driver", "there is no NVIDIA driver here",
              "install it; in a container, start it with `docker run --gpus all`"},
    CudaCause{"no CUDA-capable device is detected", "the driver shows no GPU to this process",
              "look at CUDA_VISIBLE_DEVICES and nvidia-smi; in a container, start it with `docker run --gpus all`"},
    CudaCause{"No CUDA GPUs are available", "the driver shows no GPU to this process",
              "look at CUDA_VISIBLE_DEVICES and nvidia-smi; in a container, start it with `docker run --gpus all`"},
    CudaCause{"not compiled with CUDA enabled", "this PyTorch is built without CUDA",
              "install the CUDA build of PyTorch (a +cu label instead of +cpu), or run with --device cpu"},
    CudaCause{"from the 'CUDA' backend", "the network asks for CUDA, and this PyTorch has no CUDA code loaded",
              "install the CUDA build of PyTorch, or export the network on the device it will run on"},
    CudaCause{"invalid device ordinal", "the network names a GPU that is not here",
              "look at CUDA_VISIBLE_DEVICES; export the network without a device in its code"},
    CudaCause{"Expected all tensors to be on the same device",
              "the network's code names a device of its own, so that its tensors lie on two",
              "export it again on the device that it will run on, or without a device in its code"},
    CudaCause{"devices are busy or unavailable", "other programs hold the GPU, or its compute mode forbids this one",
              "end them, or `nvidia-smi -c DEFAULT`"},
    CudaCause{"devices are unavailable", "other programs hold the GPU, or its compute mode forbids this one",
              "end them, or `nvidia-smi -c DEFAULT`"},
    CudaCause{"device(s) is/are busy or unavailable",
              "other programs hold the GPU, or its compute mode forbids this one",
              "end them, or `nvidia-smi -c DEFAULT`"},
    CudaCause{"system not yet initialized", "the GPUs of this machine wait for NVIDIA's Fabric Manager",
              "start nvidia-fabricmanager of the driver's own version"},
    CudaCause{
        "ECC error", "the GPU found a memory error that it cannot correct",
        "reset the GPU (nvidia-smi -r) and run its diagnosis (dcgmi diag -r 3); if it comes back, replace the GPU"},
    CudaCause{"cuDNN version incompatibility", "another cuDNN than this PyTorch's own is loaded",
              "take the directory of the other cuDNN out of LD_LIBRARY_PATH"},
    CudaCause{"CUDNN_STATUS_NOT_INITIALIZED",
              "cuDNN could not start: the GPU has no memory left for it, or driver and cuDNN do not fit",
              "free memory on the GPU; if there is enough, look for a second cuDNN in LD_LIBRARY_PATH and update the "
              "driver"},
    CudaCause{"CUBLAS_STATUS_ALLOC_FAILED", "cuBLAS got no memory on the GPU",
              "free memory on the GPU, or run on one with more"},
    CudaCause{"CUBLAS_STATUS_NOT_INITIALIZED", "cuBLAS could not start, most often for want of memory on the GPU",
              "free memory on the GPU, or run on one with more"},
    CudaCause{"CUBLAS_WORKSPACE_CONFIG", "deterministic algorithms are asked for, and cuBLAS has no fixed workspace",
              "set CUBLAS_WORKSPACE_CONFIG=:4096:8"},
    CudaCause{"CUDA out of memory", "the GPU's memory is full",
              "end other programs on it, run with --depth quick or --device cpu, or use a GPU with more memory"},
    CudaCause{"CUDA error: out of memory", "the GPU's memory is full",
              "end other programs on it, run with --depth quick or --device cpu, or use a GPU with more memory"},
    CudaCause{"Unrecognized CachingAllocator option", "PYTORCH_CUDA_ALLOC_CONF has an option that this PyTorch lacks",
              "unset PYTORCH_CUDA_ALLOC_CONF"},
    CudaCause{
        "CUDA unknown error", "CUDA could not start in this process",
        "set CUDA_VISIBLE_DEVICES before the program starts; if nvidia-smi fails too, reload the driver's modules "
        "(nvidia_uvm) or reboot"},
    CudaCause{"device-side assert", "a kernel of the network found an index or a value out of its range",
              "run with --device cpu, where the error names the operator"},
    CudaCause{"illegal memory access", "a kernel of the network read or wrote beyond its memory",
              "run with CUDA_LAUNCH_BLOCKING=1 to find it; on one GPU of several only, suspect the hardware"},
    CudaCause{"unspecified launch failure", "a kernel of the network ended in an error of the GPU",
              "look for Xid lines in `dmesg`; on one GPU of several only, suspect the hardware"},
};

}  // namespace

const CudaCause* explain_cuda_error(std::string_view text) {
  const auto* const found = std::ranges::find_if(
      k_causes, [&](const CudaCause& cause) { return text.find(cause.text) != std::string_view::npos; });
  return found == k_causes.end() ? nullptr : found;
}

}  // namespace goldseal

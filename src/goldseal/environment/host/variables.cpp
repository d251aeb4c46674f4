// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/host/variables.hpp>
#include <goldseal/environment/shared/probes.hpp>

#include <algorithm>
#include <array>

namespace goldseal {
namespace {

// By name, never by prefix: a variable that is not listed cannot leak a secret into a seal. Sorted.
constexpr std::array k_captured{
    std::string_view{"ATEN_CPU_CAPABILITY"},
    std::string_view{"CUBLASLT_WORKSPACE_SIZE"},
    std::string_view{"CUBLAS_WORKSPACE_CONFIG"},
    std::string_view{"CUDA_DEVICE_MAX_CONNECTIONS"},
    std::string_view{"CUDA_DEVICE_ORDER"},
    std::string_view{"CUDA_FORCE_PTX_JIT"},
    std::string_view{"CUDA_LAUNCH_BLOCKING"},
    std::string_view{"CUDA_MODULE_LOADING"},
    std::string_view{"CUDA_VISIBLE_DEVICES"},
    std::string_view{"CUDNN_LOGINFO_DBG"},
    std::string_view{"DNNL_CPU_ISA_HINTS"},
    std::string_view{"DNNL_DEFAULT_FPMATH_MODE"},
    std::string_view{"DNNL_MAX_CPU_ISA"},
    std::string_view{"GOMP_CPU_AFFINITY"},
    std::string_view{"HIP_VISIBLE_DEVICES"},
    std::string_view{"HSA_OVERRIDE_GFX_VERSION"},
    std::string_view{"KMP_AFFINITY"},
    std::string_view{"KMP_BLOCKTIME"},
    std::string_view{"KMP_DUPLICATE_LIB_OK"},
    std::string_view{"KMP_SETTINGS"},
    std::string_view{"LD_LIBRARY_PATH"},
    std::string_view{"LD_PRELOAD"},
    std::string_view{"MALLOC_ARENA_MAX"},
    std::string_view{"MALLOC_CONF"},
    std::string_view{"MIOPEN_DEBUG_CONV_WINOGRAD"},
    std::string_view{"MIOPEN_FIND_MODE"},
    std::string_view{"MKLDNN_VERBOSE"},
    std::string_view{"MKL_CBWR"},
    std::string_view{"MKL_DEBUG_CPU_TYPE"},
    std::string_view{"MKL_DYNAMIC"},
    std::string_view{"MKL_ENABLE_INSTRUCTIONS"},
    std::string_view{"MKL_INTERFACE_LAYER"},
    std::string_view{"MKL_NUM_THREADS"},
    std::string_view{"MKL_SERVICE_FORCE_INTEL"},
    std::string_view{"MKL_THREADING_LAYER"},
    std::string_view{"NCCL_ALGO"},
    std::string_view{"NCCL_IB_DISABLE"},
    std::string_view{"NCCL_P2P_DISABLE"},
    std::string_view{"NCCL_P2P_LEVEL"},
    std::string_view{"NCCL_PROTO"},
    std::string_view{"NCCL_SHM_DISABLE"},
    std::string_view{"NUMEXPR_NUM_THREADS"},
    std::string_view{"NVIDIA_DRIVER_CAPABILITIES"},
    std::string_view{"NVIDIA_TF32_OVERRIDE"},
    std::string_view{"NVIDIA_VISIBLE_DEVICES"},
    std::string_view{"OMP_DYNAMIC"},
    std::string_view{"OMP_MAX_ACTIVE_LEVELS"},
    std::string_view{"OMP_NESTED"},
    std::string_view{"OMP_NUM_THREADS"},
    std::string_view{"OMP_PLACES"},
    std::string_view{"OMP_PROC_BIND"},
    std::string_view{"OMP_SCHEDULE"},
    std::string_view{"OMP_STACKSIZE"},
    std::string_view{"OMP_THREAD_LIMIT"},
    std::string_view{"OMP_WAIT_POLICY"},
    std::string_view{"ONEDNN_CPU_ISA_HINTS"},
    std::string_view{"ONEDNN_DEFAULT_FPMATH_MODE"},
    std::string_view{"ONEDNN_MAX_CPU_ISA"},
    std::string_view{"OPENBLAS_CORETYPE"},
    std::string_view{"OPENBLAS_NUM_THREADS"},
    std::string_view{"PYTHONHASHSEED"},
    std::string_view{"PYTHONHOME"},
    std::string_view{"PYTHONNOUSERSITE"},
    std::string_view{"PYTHONPATH"},
    std::string_view{"PYTORCH_ALLOC_CONF"},
    std::string_view{"PYTORCH_CUDA_ALLOC_CONF"},
    std::string_view{"PYTORCH_DISABLE_CUDNN_BENCHMARK"},
    std::string_view{"PYTORCH_ENABLE_MPS_FALLBACK"},
    std::string_view{"PYTORCH_HIP_ALLOC_CONF"},
    std::string_view{"PYTORCH_JIT"},
    std::string_view{"PYTORCH_NO_CUDA_MEMORY_CACHING"},
    std::string_view{"PYTORCH_NVML_BASED_CUDA_CHECK"},
    std::string_view{"PYTORCH_TUNABLEOP_ENABLED"},
    std::string_view{"ROCR_VISIBLE_DEVICES"},
    std::string_view{"TORCHINDUCTOR_CPP_WRAPPER"},
    std::string_view{"TORCHINDUCTOR_FREEZING"},
    std::string_view{"TORCHINDUCTOR_MAX_AUTOTUNE"},
    std::string_view{"TORCH_ALLOW_TF32_CUBLAS_OVERRIDE"},
    std::string_view{"TORCH_BLAS_PREFER_CUBLASLT"},
    std::string_view{"TORCH_COMPILE_DISABLE"},
    std::string_view{"TORCH_CUDNN_V8_API_DISABLED"},
    std::string_view{"TORCH_CUDNN_V8_API_LRU_CACHE_LIMIT"},
    std::string_view{"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"},
    std::string_view{"TORCH_FORCE_WEIGHTS_ONLY_LOAD"},
    std::string_view{"TORCH_LINALG_PREFER_CUSOLVER"},
    std::string_view{"TORCH_LINALG_PREFER_MAGMA"},
    std::string_view{"TORCH_SHOW_CPP_STACKTRACES"},
    std::string_view{"XLA_FLAGS"},
};
static_assert(std::ranges::is_sorted(k_captured));

// Their values are directories and files: they tell a user's name.
constexpr std::array k_paths{std::string_view{"LD_LIBRARY_PATH"}, std::string_view{"LD_PRELOAD"},
                             std::string_view{"PYTHONHOME"}, std::string_view{"PYTHONPATH"}};

}  // namespace

std::span<const std::string_view> captured_variables() { return k_captured; }

std::string without_uuids(std::string value) {
  constexpr std::string_view k_hex = "0123456789abcdefABCDEF-/";
  for (const std::string_view prefix : {"GPU-", "MIG-"}) {
    for (auto at = value.find(prefix); at != std::string::npos; at = value.find(prefix, at + 1)) {
      const auto begin = at + prefix.size();
      const auto end = std::min(value.find_first_not_of(k_hex, begin), value.size());
      if (end > begin) value.replace(begin, end - begin, "...");
    }
  }
  return value;
}

void probe_variables(const ProbeContext& context, const FactSink& fact) {
  for (const auto name : k_captured) {
    const auto found = context.variables.find(name);
    if (found == context.variables.end()) continue;
    auto value = found->second;
    if (context.options.anonymous) {
      const bool is_path = std::ranges::find(k_paths, name) != k_paths.end();
      value = is_path && !value.empty() ? "(left out)" : without_uuids(std::move(value));
    }
    fact("variable." + std::string(name), std::move(value), "environment variable");
  }
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine_checks.hpp>

#include <vector>

namespace goldseal {

std::span<const Check> machine_checks() {
  static const std::vector<Check> k_checks{
      k_env_probe,
      // whether PyTorch can be loaded
      k_env_host_libraries, k_env_torch_libraries, k_env_torch_container, k_env_torch_vision, k_env_torch_abi,
      // whether the GPU can be used
      k_env_torch_build, k_env_driver_present, k_env_driver_match, k_env_driver_cuda, k_env_gpu_architecture,
      k_env_gpu_visible, k_env_gpu_location, k_env_gpu_mig, k_env_gpu_memory, k_env_gpu_errors, k_env_allocator,
      k_env_cudnn, k_env_gpu_peer,
      // whether the model fits
      k_env_memory_total, k_env_memory_shared,
      // whether it gives the same answers
      k_env_gpu_model, k_env_variables_precision, k_env_variables_results, k_env_variables_workspace, k_env_variables_preload,
      k_env_numerics_benchmark, k_env_numerics_denormals, k_env_gpu_half, k_env_library_duplicates};
  return k_checks;
}

}  // namespace goldseal

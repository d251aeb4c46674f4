// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/check.hpp>

#include <span>

// Each is defined in the file of its name.
namespace goldseal {

extern const Check k_env_allocator;
extern const Check k_env_cudnn;
extern const Check k_env_driver_cuda;
extern const Check k_env_driver_match;
extern const Check k_env_driver_present;
extern const Check k_env_gpu_architecture;
extern const Check k_env_gpu_errors;
extern const Check k_env_gpu_half;
extern const Check k_env_gpu_location;
extern const Check k_env_gpu_memory;
extern const Check k_env_gpu_mig;
extern const Check k_env_gpu_model;
extern const Check k_env_gpu_peer;
extern const Check k_env_gpu_visible;
extern const Check k_env_host_libraries;
extern const Check k_env_library_duplicates;
extern const Check k_env_memory_shared;
extern const Check k_env_memory_total;
extern const Check k_env_numerics_benchmark;
extern const Check k_env_numerics_denormals;
extern const Check k_env_probe;
extern const Check k_env_torch_abi;
extern const Check k_env_torch_build;
extern const Check k_env_torch_container;
extern const Check k_env_torch_libraries;
extern const Check k_env_torch_vision;
extern const Check k_env_variables_precision;
extern const Check k_env_variables_preload;
extern const Check k_env_variables_results;
extern const Check k_env_variables_workspace;

/// The checks that know what a machine's facts mean, in the order of a report: what keeps a model from running first.
[[nodiscard]] std::span<const Check> machine_checks();

}  // namespace goldseal

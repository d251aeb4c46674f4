// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/check.hpp>

// Each is defined in the file of its name under the folder of its group.
namespace goldseal {

extern const Check k_seal_signature;
extern const Check k_seal_attestation;
extern const Check k_file_signature;
extern const Check k_seal_manifest;
extern const Check k_seal_golden_file;
extern const Check k_seal_architecture;
extern const Check k_file_checkpoint;
extern const Check k_file_architecture;
extern const Check k_file_description;
extern const Check k_file_code;
extern const Check k_keys_sealed;
extern const Check k_keys_network;
extern const Check k_keys_partial;
extern const Check k_keys_tied;
extern const Check k_tensors_file;
extern const Check k_tensors_loaded;
extern const Check k_tensors_extra_state;
extern const Check k_tensors_values;
extern const Check k_model_loading;
extern const Check k_model_state;
extern const Check k_model_configuration;
extern const Check k_model_code;
extern const Check k_model_mode;
extern const Check k_model_compiled;
extern const Check k_worker_device;
extern const Check k_worker_run;
extern const Check k_golden_input;
extern const Check k_golden_structure;
extern const Check k_golden_float64;
extern const Check k_golden_native;
extern const Check k_golden_detections;
extern const Check k_golden_discrete;
extern const Check k_golden_repeat;
extern const Check k_golden_random;
extern const Check k_golden_batch;
extern const Check k_golden_devices;
extern const Check k_golden_capture;
extern const Check k_golden_coverage;

/// The checks that compare one fact of the two machines each.
[[nodiscard]] std::span<const Check> fact_checks();

}  // namespace goldseal

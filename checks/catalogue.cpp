// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>

#include <checks/env/host/machine_checks.hpp>

#include <algorithm>
#include <vector>

namespace goldseal {
namespace {

// In the order of a run: what is cheap and certain first, so that a report reads from the cause to its effects.
std::vector<Check> collect() {
  std::vector<Check> checks{k_seal_signature,    k_seal_attestation, k_seal_manifest,    k_seal_golden_file,  k_file_signature, k_seal_architecture, k_file_checkpoint,
                            k_file_architecture, k_file_description, k_file_code,        k_keys_sealed,
                            k_tensors_file};
  const auto machine = machine_checks();
  checks.insert(checks.end(), machine.begin(), machine.end());
  const auto facts = fact_checks();
  checks.insert(checks.end(), facts.begin(), facts.end());
  checks.insert(checks.end(), {k_worker_device, k_worker_run, k_model_code, k_model_mode, k_model_compiled, k_model_configuration, k_keys_network, k_keys_partial, k_keys_tied,
                               k_model_loading, k_tensors_loaded, k_tensors_extra_state, k_model_state,
                               k_golden_input, k_golden_structure, k_golden_float64, k_golden_native,
                               k_golden_detections, k_golden_discrete, k_golden_repeat, k_golden_random, k_golden_batch, k_golden_devices, k_tensors_values, k_golden_capture,
                               k_golden_coverage});
  return checks;
}

}  // namespace

std::span<const Check> catalogue() {
  static const std::vector<Check> checks = collect();
  return checks;
}

const Check* find_check(std::string_view id) {
  const auto checks = catalogue();
  const auto found = std::ranges::find(checks, id, &Check::id);
  return found == checks.end() ? nullptr : &*found;
}

}  // namespace goldseal

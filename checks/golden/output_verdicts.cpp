// SPDX-License-Identifier: Apache-2.0
#include <checks/golden/output_verdicts.hpp>

namespace goldseal {
namespace {

OutputVerdicts judge(const OutputObservation& output, int permitted_bits) {
  OutputVerdicts verdicts;
  if (output.native) verdicts.native = golden::judge_native(*output.native, output.noise, permitted_bits);
  if (output.float64) verdicts.float64 = golden::judge_float64(*output.float64, output.noise);
  return verdicts;
}

bool passes(const std::optional<golden::DiscreteVerdict>& verdict) { return !verdict || verdict->pass; }

}  // namespace

OutputVerdicts judge(const OutputObservation& output, const CheckSettings& settings) {
  return judge(output, settings.permitted_bits);
}

OutputVerdicts judge(const OutputObservation& output, const Policy& policy) {
  return judge(output, policy.permitted_bits);
}

bool discrete_agrees(const OutputObservation& output) {
  return passes(output.discrete) && passes(output.discrete_float64);
}

bool agrees(const OutputObservation& output, const CheckSettings& settings) {
  const auto verdicts = judge(output, settings);
  return output.structure.empty() && discrete_agrees(output) && verdicts.native_agrees() && verdicts.float64_agrees();
}

bool agrees(const OutputObservation& output, Compute run, const Policy& policy) {
  if (!output.structure.empty()) return false;
  const auto verdicts = judge(output, policy);
  if (run == Compute::float64) return passes(output.discrete_float64) && verdicts.float64_agrees();
  return passes(output.discrete) && verdicts.native_agrees();
}

}  // namespace goldseal

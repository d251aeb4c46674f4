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

}  // namespace

OutputVerdicts judge(const OutputObservation& output, const CheckSettings& settings) {
  return judge(output, settings.permitted_bits);
}

OutputVerdicts judge(const OutputObservation& output, const Policy& policy) {
  return judge(output, policy.permitted_bits);
}

}  // namespace goldseal

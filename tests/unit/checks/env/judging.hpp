// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/check.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <initializer_list>
#include <string>
#include <utility>

namespace goldseal::test {

using Named = std::pair<const char*, FactValue>;

inline FactValue text(const char* value) { return std::string(value); }
inline FactValue number(std::int64_t value) { return value; }
inline FactValue texts(std::vector<std::string> values) { return values; }

inline Environment machine(std::initializer_list<Named> facts) {
  Environment environment;
  for (const auto& [name, value] : facts) environment.set(name, value, "test");
  return environment;
}

/// What a check says of a machine, of a model that was sealed on another.
inline Finding judge_check(const Check& check, const Environment& found, const Environment& sealed = {}) {
  Observation observed;
  observed.sealed.environment = sealed;
  observed.machine.environment = found;
  return check.judge(observed, {.rule = check.rule, .severity = check.severity});
}

/// A machine on whose GPU a model was sealed.
inline Environment gpu_seal() { return machine({{"numerics.device", text("cuda:0")}}); }

/// A model of one tensor of so many mebibytes.
inline Observation with_weights(std::int64_t mebibytes, Environment found, Environment sealed = {}) {
  Observation observed;
  observed.sealed.environment = std::move(sealed);
  observed.machine.environment = std::move(found);
  TensorRecord tensor;
  tensor.name = "weight";
  tensor.shape = {mebibytes, 1024, 256};
  observed.sealed.model.tensors.push_back(tensor);
  return observed;
}

inline Finding judge_observed(const Check& check, const Observation& observed) {
  return check.judge(observed, {.rule = check.rule, .severity = check.severity});
}

}  // namespace goldseal::test

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/capture/sealed_answers.hpp>

#include <checks/catalogue.hpp>
#include <goldseal/workflow/answers/case_runner.hpp>
#include <goldseal/workflow/answers/output_comparison.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

namespace goldseal {
namespace {

struct Question {
  const Check* check;
  std::string_view answer;
};

const auto& questions() {
  static const std::array k_questions{Question{&k_golden_structure, "it gives other outputs than the code"},
                                      Question{&k_golden_discrete, "it gives other integers than the code"},
                                      Question{&k_golden_detections, "it finds other objects than the code"},
                                      Question{&k_golden_float64, "in float64 it does not give the code's answers"},
                                      Question{&k_golden_native, "it does not give the code's answers"}};
  return k_questions;
}

Observation observe_cases(Worker& worker, const SealedAnswers& sealed) {
  Observation observed;
  observed.sealed.golden = sealed.records;
  observed.run.depth = RunDepth::full;
  for (const auto& golden : sealed.tensors) {
    const CaseRunner runner(worker, golden.inputs, "sealed-inputs");
    CaseResults results{golden.name, runner.run({}), {}, {}, {}, {}};
    RunRequest wide;
    wide.compute = Compute::float64;
    if (has_reference(golden)) results.float64 = runner.run(wide);
    std::ranges::move(compare_outputs(golden, results), std::back_inserter(observed.run.outputs));
    std::ranges::move(compare_detections(golden, results), std::back_inserter(observed.run.detections));
  }
  return observed;
}

}  // namespace

std::optional<std::string> find_deviation(Worker& worker, const SealedAnswers& sealed) {
  const auto observed = observe_cases(worker, sealed);
  for (const auto& [check, answer] : questions()) {
    const auto status = check->judge(observed, {}).status;
    if (status == Status::fail || status == Status::unknown) return std::string(answer);
  }
  return std::nullopt;
}

std::optional<std::string> find_changed_bits(Worker& worker, const SealedAnswers& sealed) {
  for (std::size_t i = 0; i < sealed.tensors.size(); ++i) {
    if (!sealed.records[i].repeatable) continue;
    const auto& golden = sealed.tensors[i];
    const auto found = CaseRunner(worker, golden.inputs, "sealed-inputs").run({});
    for (const auto& output : golden.outputs)
      if (!has_same_bits(output.native, found)) return fmt::format("{}/{}", golden.name, output.native.name);
  }
  return std::nullopt;
}

}  // namespace goldseal

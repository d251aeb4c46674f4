// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/golden/outputs.hpp>

#include <fmt/format.h>

#include <utility>

namespace goldseal {
namespace {

void add_row(Table& table, const OutputObservation& output, std::string_view run,
             const golden::DiscreteVerdict& verdict) {
  table.rows.push_back({output_name(output), std::string(run), std::to_string(verdict.judged),
                        std::to_string(verdict.ignored), std::to_string(verdict.differing),
                        verdict.pass ? "none" : format_index(verdict.first.index),
                        verdict.pass ? "" : fmt::format("{:.17g}", verdict.first.expected),
                        verdict.pass ? "" : fmt::format("{:.17g}", verdict.first.found)});
}

Finding judge_discrete_outputs(const Observation& observed, const CheckSettings&) {
  if (observed.run.outputs.empty()) return nothing_to_judge(observed);
  Table table{"integers and bools",
              {"output", "run", "judged", "left to rounding", "differing", "first", "expected", "found"},
              {}};
  const OutputObservation* worst = nullptr;
  for (const auto& output : observed.run.outputs) {
    if (output.discrete) add_row(table, output, "native", *output.discrete);
    if (output.discrete_float64) add_row(table, output, "float64", *output.discrete_float64);
    if (!discrete_agrees(output) && worst == nullptr) worst = &output;
  }
  if (table.rows.empty()) return skipped("no output is of integers or bools");
  auto finding = worst == nullptr
                     ? passed("every class, index and mask that does not depend on rounding is the sealed one")
                     : failed(fmt::format("{} differs in elements that rounding does not decide", output_name(*worst)),
                              "the sealed integers and bools", "see the table",
                              "mend what golden.float64 or golden.native names; these elements then agree too");
  finding.tables.push_back(std::move(table));
  return finding;
}

}  // namespace

const Check k_golden_discrete{
    .id = "golden.discrete",
    .title = "Classes, indices and masks agree",
    .explanation =
        "Outputs of integers and bools have no distance: an element is right or wrong. At capture the network is run "
        "with its weights and inputs moved by as much as a sound machine's whole error; elements that stay the same "
        "must be met exactly, those that change are left to rounding. More than 5 % of the latter is warned of then.",
    .severity = Severity::required,
    .judge = judge_discrete_outputs,
};

}  // namespace goldseal

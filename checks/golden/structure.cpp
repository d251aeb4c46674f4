// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/golden/outputs.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

Finding judge_structure(const Observation& observed, const CheckSettings&) {
  if (observed.run.outputs.empty()) return nothing_to_judge(observed);
  Table table{"outputs of another form", {"output", "what is wrong"}, {}};
  for (const auto& output : observed.run.outputs) {
    if (!output.structure.empty()) table.rows.push_back({output_name(output), output.structure});
  }
  if (table.rows.empty())
    return passed(fmt::format("all {} outputs have the sealed names, shapes and types", observed.run.outputs.size()));
  auto finding =
      failed("the outputs are not of the sealed form", "the sealed names, shapes and types",
             fmt::format("{}: {}", table.rows.front()[0], table.rows.front()[1]), "run the network that was sealed");
  finding.tables.push_back(std::move(table));
  return finding;
}

}  // namespace

const Check k_golden_structure{
    .id = "golden.structure",
    .title = "The outputs have the sealed form",
    .explanation =
        "Names, shapes and element types of the outputs. They are compared first: numbers of tensors of another shape "
        "say nothing.",
    .severity = Severity::fail,
    .judge = judge_structure,
};

}  // namespace goldseal

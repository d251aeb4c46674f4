// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <utility>

namespace goldseal {
namespace {

Finding judge_inputs(const Observation& observed, const CheckSettings&) {
  if (observed.inputs.empty()) return skipped("no input of this machine's preprocessing was given (--input)");
  Table table{"inputs", {"input", "drift", "largest difference", "elements that differ", "what happened"}, {}};
  const InputObservation* worst = nullptr;
  for (const auto& input : observed.inputs) {
    const auto& drift = input.drift;
    const auto name = fmt::format("{}/{}", input.golden_case, input.input);
    table.rows.push_back({name, std::string(to_string(drift.kind)), fmt::format("{:.3g}", drift.max_abs),
                          fmt::format("{:.1f} %", 100 * drift.differing_share), drift.text});
    if (!drift.agrees() && worst == nullptr) worst = &input;
  }
  Finding finding;
  if (worst == nullptr) {
    finding = passed(fmt::format("this machine's preprocessing gives the sealed inputs ({})", table.rows.size()));
  } else {
    finding = failed(fmt::format("the preprocessing of {} drifted: {}", worst->input, worst->drift.text),
                     "the sealed input tensor", escape_unprintable(worst->source), worst->drift.remedy);
  }
  finding.tables.push_back(std::move(table));
  return finding;
}

}  // namespace

const Check k_golden_input{
    .id = "golden.input",
    .title = "The preprocessing gives the sealed inputs",
    .explanation =
        "`verify --input NAME=FILE` takes the tensor that this machine's own preprocessing made of the sealed input's "
        "source, and compares it with the sealed tensor, bit by bit. What differs is named: BGR for RGB, another "
        "scale or normalisation, another layout, a flip or shift, another resize, another image decoder. The model is "
        "run on the sealed tensor either way, so that the other checks speak of the model alone.",
    .severity = Severity::fail,
    .judge = judge_inputs,
};

}  // namespace goldseal

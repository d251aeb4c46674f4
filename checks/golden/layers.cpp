// SPDX-License-Identifier: Apache-2.0
#include <checks/golden/outputs.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace goldseal {
namespace {

// Rows before and after the first layer that differs: enough to see a step, short enough to read.
constexpr std::size_t k_before = 2;
constexpr std::size_t k_after = 5;

std::string shown_ratio(double ratio) { return std::isinf(ratio) ? "not comparable" : fmt::format("{:.3g}", ratio); }

Table table_of(const golden::LayerTrace& trace) {
  Table table{"layers", {"layer", "error/noise", "limit", ""}, {}, trace.steps.size()};
  const auto first = *trace.first;
  const auto begin = first - std::min(first, k_before);
  const auto end = std::min(trace.steps.size(), first + k_after);
  for (auto i = begin; i < end; ++i) {
    const auto& step = trace.steps[i];
    table.rows.push_back({step.label, shown_ratio(step.ratio), fmt::format("{:.3g}", step.limit),
                          i == first ? "first that differs" : ""});
  }
  return table;
}

bool sealed_with_layers(const Observation& observed, const std::string& golden_case) {
  return std::ranges::any_of(observed.sealed.golden,
                             [&](const GoldenCase& golden) { return golden.name == golden_case && golden.layers > 0; });
}

std::string phrase_of(const golden::LayerTrace& trace) {
  if (!trace.first)
    return "; every layer agrees on the whole: few elements differ, or something after the last layer does";
  const auto& step = trace.steps[*trace.first];
  if (std::isinf(step.ratio) && !trace.departure.empty()) return fmt::format("; the layers part: {}", trace.departure);
  return fmt::format("; the first layer that differs is {}, by {:.3g} times what rounding can explain", step.label,
                     step.ratio / step.limit);
}

}  // namespace

std::string tell_layers(const Observation& observed, const OutputObservation& output, Compute run, Finding& failure) {
  const auto found = std::ranges::find_if(observed.run.layers, [&](const LayerObservation& layers) {
    return layers.golden_case == output.golden_case && layers.device == output.device && layers.run == run;
  });
  if (found == observed.run.layers.end()) {
    return sealed_with_layers(observed, output.golden_case)
               ? ""
               : "; the seal has no sketches of the layers, so the first one that differs cannot be named";
  }
  if (found->trace.first) failure.tables.push_back(table_of(found->trace));
  return phrase_of(found->trace);
}

}  // namespace goldseal

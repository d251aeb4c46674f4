// SPDX-License-Identifier: Apache-2.0
#include <checks/model/compiled.hpp>

#include <checks/catalogue.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

// What the process told of its own model; these facts are of no other machine (goldseal/compiled.py).
constexpr std::string_view k_compiled = "numerics.compiled";
constexpr std::string_view k_judged = "numerics.compiled_judged";
constexpr std::string_view k_regions = "numerics.compiled_regions";
constexpr std::string_view k_outside = "numerics.compiled_outside";
constexpr std::string_view k_breaks = "numerics.compiled_breaks";

Finding code_alone(const std::string& how) {
  auto finding = failed(fmt::format("the live model is compiled ({}); the code under it was judged, its compiled form was not", how),
                        "what serves is judged", "the code under it",
                        "goldseal.verify(seal, model, compiled=True) judges the compiled form");
  finding.status = Status::warn;
  return finding;
}

std::string reasons_of(const Environment& machine) {
  const auto reasons = machine.shown(k_breaks);
  return reasons.empty() || reasons == "[]" ? "" : fmt::format(": {}", reasons);
}

Finding judge_compiled(const Observation& observed, const CheckSettings&) {
  const auto& machine = observed.machine.environment;
  const auto how = machine.text(k_compiled);
  if (!observed.serving.live || !how) return skipped("no compiled model was judged");
  if (compiled_form_left_out(observed)) return code_alone(*how);
  const auto regions = machine.integer(k_regions);
  if (!regions) return undecided("the compiled form was not run", "mend what the other findings name first");
  if (*regions == 0)
    return undecided(fmt::format("nothing was compiled: each call falls back to eager{}", reasons_of(machine)),
                     "mend what keeps it from being compiled (TORCH_LOGS=graph_breaks,recompiles), or leave torch.compile out");
  const auto outside = machine.integer(k_outside).value_or(0);
  auto finding = passed(fmt::format("the native answers are those of the compiled form ({}), {} compiled {}", *how, *regions,
                                    *regions == 1 ? "region" : "regions"));
  if (outside == 0) return finding;
  finding.status = Status::warn;
  finding.message += fmt::format("; {} operators ran eagerly beside them{}", outside, reasons_of(machine));
  finding.remedy = "a graph break is lawful; TORCH_LOGS=graph_breaks says where it is";
  return finding;
}

}  // namespace

bool compiled_form_left_out(const Observation& observed) {
  const auto& machine = observed.machine.environment;
  return observed.serving.live && machine.text(k_compiled) && !machine.boolean(k_judged).value_or(false);
}

const Check k_model_compiled{
    .id = "model.compiled",
    .title = "A compiled model is judged as it runs",
    .explanation =
        "A live model under torch.compile is judged by its code unless goldseal.verify is told compiled=True. Then the "
        "native answers are those of the compiled form; float64 runs and the search for a layer are the code's, so "
        "golden.float64 judges the network and golden.native what the compiler made of it. Compilation that fails falls back "
        "to eager without a word: what ran compiled is read from PyTorch's profiler.",
    .severity = Severity::required,
    .judge = judge_compiled,
};

}  // namespace goldseal

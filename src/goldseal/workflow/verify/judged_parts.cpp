// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/verify/judged_parts.hpp>

#include <checks/model/compiled.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace goldseal {
namespace {

using State = DescriptionObservation::State;

constexpr auto k_yes = "yes";
constexpr auto k_no = "no";
constexpr auto k_absent = "not at hand";
constexpr auto k_none = "none";
constexpr std::string_view k_untold = "the code that the seal names was not run";

bool ran(const Observation& observed) { return observed.run.worker && observed.run.worker->done; }

bool is_code(const Observation& observed) {
  const auto builder = observed.sealed.model.builder;
  return builder == Builder::python || builder == Builder::program || builder == Builder::plugin;
}

bool ran_program(const Observation& observed) {
  return ran(observed) && observed.sealed.model.embedded && !observed.serving.builds_code;
}

const char* weights(const Observation& observed) {
  if (observed.run.loaded_tensors || !observed.files.tensors.empty()) return k_yes;
  return observed.files.keys ? k_no : k_absent;
}

const char* numerics(const Observation& observed, JudgedBy how) {
  if (how == JudgedBy::facts || how == JudgedBy::targets) return "from facts";
  if (!ran(observed)) return k_no;
  return how == JudgedBy::results ? "from saved results" : k_yes;
}

const char* program(const Observation& observed) {
  if (!observed.sealed.model.embedded) return k_none;
  return ran_program(observed) ? k_yes : k_no;
}

// Of the files of a kind: whether the seal has any, and whether any is here.
struct AtHand {
  bool sealed = false;
  bool here = false;
};

AtHand at_hand(const Observation& observed, bool code) {
  AtHand files;
  for (const auto& file : observed.serving.descriptions) {
    if (file.is_code != code || file.state == State::added) continue;
    files.sealed = true;
    files.here = files.here || file.state != State::missing;
  }
  return files;
}

bool sealed_description(const Observation& observed) {
  return std::ranges::find(observed.sealed.model.files, FileRole::description, &FileRecord::role) !=
         observed.sealed.model.files.end();
}

const char* code(const Observation& observed) {
  if (!is_code(observed)) return k_none;
  if (observed.serving.ran_code) return k_yes;
  const auto files = at_hand(observed, true);
  return files.sealed && !files.here ? k_absent : k_no;
}

const char* configuration(const Observation& observed, JudgedBy how) {
  if (!sealed_description(observed)) return k_none;
  return how != JudgedBy::targets && at_hand(observed, false).here ? k_yes : k_absent;
}

std::string scope(const Observation& observed, JudgedBy how) {
  if (how == JudgedBy::targets) return "by facts alone (no file and no model was looked at)";
  if (how == JudgedBy::facts) return "by files and facts (the model was not run)";
  if (how == JudgedBy::results)
    return is_code(observed) ? "for saved results (neither the model nor your code was run here)"
                             : "for saved results (nothing was run here)";
  if (!observed.run.untold_code.empty()) return std::string(k_untold);
  std::string text;
  const auto add = [&text](std::string_view first, std::string_view further) {
    text += text.empty() ? first : fmt::format("; {}", further);
  };
  if (is_code(observed) && ran_program(observed)) text = "for the sealed program; your code was not run";
  if (observed.run.depth == RunDepth::quick) add("at depth quick (no float64 check)", "depth quick");
  if (observed.serving.live && observed.serving.training)
    add("in evaluation mode; the model is in training mode", "in evaluation mode, and the model is in training mode");
  if (compiled_form_left_out(observed)) add("for the code under torch.compile; its compiled form was not run", "its compiled form was not run");
  return text;
}

}  // namespace

Judged judged_parts(const Observation& observed, JudgedBy how) {
  return {scope(observed, how),
          {{"weights", weights(observed)},
           {"numerics", numerics(observed, how)},
           {"program", program(observed)},
           {"code", code(observed)},
           {"configuration", configuration(observed, how)}}};
}

}  // namespace goldseal

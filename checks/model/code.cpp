// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/model/own_code.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

Finding judge_code(const Observation& observed, const CheckSettings&) {
  const auto& sealed = observed.sealed.model;
  if (sealed.builder != Builder::python && sealed.builder != Builder::program)
    return skipped("the network is interpreted from a file: it has no code of its own");
  if (observed.run.depth == RunDepth::none) return skipped("check runs no code");
  const auto name = escape_unprintable(fmt::format("{}:{}", to_string(sealed.builder), sealed.source));
  if (observed.serving.ran_code)
    return passed(observed.serving.live ? "the live model of the calling process was run"
                                : fmt::format("{} was run here", name));
  if (!observed.run.worker || !observed.run.worker->done)
    return undecided(fmt::format("{} was not run here", name), "mend what failed before it: the file, the keys or worker.run says what kept it from running");
  const auto* const instead = sealed.embedded ? "the sealed program" : "another network";
  return undecided(fmt::format("{} was not run here; {} was run instead", name, instead), how_to_run(sealed));
}

}  // namespace

const Check k_model_code{
    .id = "model.code",
    .title = "The code that will serve was run",
    .explanation =
        "A seal may hold the program of the network's code, so that a machine can be judged that has none of the code. "
        "That proves the weights, the machine and the program, and nothing of the code that will serve: an eps that was "
        "edited in it changes no answer of the program. Set this check to required where the code must be judged "
        "itself: \"model.code\" = { severity = \"required\" } makes a verdict without it inconclusive.",
    .severity = Severity::fail,
    .judge = judge_code,
};

}  // namespace goldseal

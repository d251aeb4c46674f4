// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/golden/outputs.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal {
namespace {

Finding judge_randomness(const Observation& observed, const CheckSettings&) {
  const bool sealed =
      std::ranges::any_of(observed.sealed.golden, [](const GoldenCase& golden) { return !golden.random.empty(); });
  if (!sealed) return skipped("no output was sealed as random");
  if (observed.run.random.empty()) return nothing_to_judge(observed);
  const auto still = std::ranges::find(observed.run.random, false, &RandomObservation::varies);
  if (still != observed.run.random.end()) {
    return failed(fmt::format("{}/{} was random when it was sealed, and is the same in every run here", still->golden_case,
                              still->output),
                  "another answer with other seeds", "the same answer",
                  "the network's dropout or noise is missing here, or switched off: build the network that was sealed");
  }
  auto finding = passed(fmt::format("{}/{} was sealed as random (--allow-random): nothing of its values is judged",
                                    observed.run.random.front().golden_case, observed.run.random.front().output));
  finding.status = Status::warn;
  finding.remedy = "seal a network that answers the same twice, with its noise as an input, to have it judged";
  return finding;
}

}  // namespace

const Check k_golden_random{
    .id = "golden.random",
    .title = "What is random stays random",
    .explanation =
        "capture refuses a network whose answers follow a random generator in evaluation mode (dropout that stays "
        "alive, noise, sampling), since nothing can be compared with them. With --allow-random it seals the outputs "
        "that are stable and notes the others: of those it proves nothing but that they still differ from run to run.",
    .severity = Severity::fail,
    .judge = judge_randomness,
};

}  // namespace goldseal

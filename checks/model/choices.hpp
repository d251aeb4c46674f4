// SPDX-License-Identifier: Apache-2.0
// forward() reads more than numbers: texts, functions, variables of the environment. Two networks may name such a choice
// otherwise and mean the same (a function that was moved, a path), so that the answers decide: where they differ, the choice
// is the cause to look at.
#pragma once

#include <checks/check.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace goldseal {

struct ChoiceDifference {
  std::string key;
  std::string sealed;
  std::string found;
};

/// Of the choices that the seal and the network both tell: what one of them lacks is not compared.
[[nodiscard]] std::vector<ChoiceDifference> differing_choices(const Observation& observed, const CheckSettings& settings);

/// How many choices both tell.
[[nodiscard]] std::size_t compared_choices(const Observation& observed);

/// The finding on the choices that differ, of which there is one at least: a warning where the answers were judged and agree,
/// unknown where there was none.
[[nodiscard]] Finding judge_choices(const std::vector<ChoiceDifference>& differing, const Observation& observed,
                                    const CheckSettings& settings);

/// The first of the choices that differ, of which there is one at least, and how many more.
[[nodiscard]] std::string names_of_choices(const std::vector<ChoiceDifference>& differing);

/// The finding on a network whose forward() names `of_process` and answers otherwise in another process; `deviation` says how.
[[nodiscard]] Finding other_answers(const std::vector<std::string>& of_process, const std::string& deviation);

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/capture/checkpoint_values.hpp>

#include <checks/catalogue.hpp>
#include <checks/tensors/values.hpp>
#include <goldseal/checkpoint/contents/summary.hpp>
#include <goldseal/checkpoint/contents/zero_runs.hpp>

#include <string>
#include <utility>
#include <vector>

namespace goldseal {

void judge_checkpoint_values(const Checkpoint& checkpoint, bool doubtful, CaptureLog& log) {
  log.progress().step("looking at the checkpoint's values");
  std::vector<std::string> zeros;
  for (const auto& run : find_zero_runs(checkpoint)) zeros.push_back(to_string(checkpoint, run));
  std::vector<NonFiniteTensor> non_finite;
  if (doubtful)
    for (auto& [name, nan, infinite] : find_non_finite(checkpoint)) non_finite.push_back({name, nan, infinite});
  // That nothing was found vouches for nothing: it is no check that passed.
  if (auto finding = judge_values(zeros, non_finite); finding.status != Status::pass) log.add(k_tensors_values, std::move(finding));
  log.lap("values");
}

}  // namespace goldseal

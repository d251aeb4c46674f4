// SPDX-License-Identifier: Apache-2.0
#include <checks/model/loading.hpp>

#include <checks/catalogue.hpp>
#include <checks/finding_rows.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal {
namespace {

std::string told(const LoadStep& step) {
  const auto what = escape_unprintable(step.what);
  return step.module.empty() ? what : fmt::format("{} in {}", what, escape_unprintable(step.module));
}

Finding judge_model_loading(const Observation& observed, const CheckSettings&) {
  if (!observed.run.loaded_tensors) return skipped("no weights were loaded");
  if (observed.run.load_steps.empty() && observed.run.changed.empty())
    return skipped("PyTorch's own code alone loads this network");
  return judge_loading(observed.run.load_steps, observed.run.changed);
}

}  // namespace

std::string told_steps(std::span<const LoadStep> steps) {
  if (steps.empty()) return "memory that several tensors share";
  return steps.size() == 1 ? told(steps.front())
                           : fmt::format("{}, and {} more", told(steps.front()), steps.size() - 1);
}

Finding judge_loading(std::span<const LoadStep> steps, std::span<const std::string> changed) {
  if (changed.empty())
    return passed(fmt::format("loaded by the network's own code ({}), which leaves every value as it is in the file",
                              told_steps(steps)));
  Table table{"other values than in the file", {"tensor"}, {}, changed.size()};
  for (std::size_t i = 0; i < std::min(k_finding_rows, changed.size()); ++i)
    table.rows.push_back({escape_unprintable(changed[i])});
  auto finding = failed(
      fmt::format("loading makes other values of {}{} than the file holds: {}", escape_unprintable(changed.front()),
                  changed.size() == 1 ? "" : fmt::format(" and {} more", changed.size() - 1), told_steps(steps)),
      "the values of the file in the network", fmt::format("{} tensors differ", changed.size()),
      "save the checkpoint again from the network as it is loaded (torch.save(model.state_dict(), FILE)), or build it "
      "without that code");
  if (steps.empty()) {
    finding.message += ", of which the file holds different values. The value that is loaded last stays in all of them. "
                       "keys.tied judges names of one whole tensor";
    finding.remedy = "build the network without the shared memory, or save the checkpoint again from the network as it is "
                     "loaded (torch.save(model.state_dict(), FILE))";
  }
  finding.tables.push_back(std::move(table));
  return finding;
}

const Check k_model_loading{
    .id = "model.loading",
    .title = "Loading leaves the values as they are",
    .explanation =
        "Where a network's own code takes part in load_state_dict (load hooks, _load_from_state_dict, memory that "
        "tensors share), it is loaded by that code, as PyTorch does it, and every tensor is compared with the file "
        "afterwards. Code that changes values at loading makes another network of the file: save what it computes "
        "with.",
    .severity = Severity::fail,
    .judge = judge_model_loading,
};

}  // namespace goldseal

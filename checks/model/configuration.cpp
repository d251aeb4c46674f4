// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/finding_rows.hpp>
#include <checks/model/choices.hpp>
#include <checks/model/setting_names.hpp>
#include <checks/model/setting_values.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace goldseal {
namespace {

// Of PyTorch's own layers, which seals did not tell from the beginning: one that is found alone may be as it was.
constexpr std::array<std::string_view, 14> k_told_later{
    "add_zero_attn", "cutoffs", "div_value", "divisor_override", "downscale_factor", "include_last_offset", "k", "keepdim",
    "lambd", "nonlinearity", "norm", "output_ratio", "recompute_scale_factor", "unflattened_size"};

std::string value_in(const Configuration& configuration, const std::string& key) {
  const auto found = configuration.find(key);
  return found == configuration.end() ? "(absent)" : escape_unprintable(found->second);
}

struct Difference {
  std::string key;
  std::string sealed;
  std::string found;
};

std::vector<Difference> differences(const Configuration& sealed, const Configuration& found) {
  Configuration keys = sealed;
  keys.insert(found.begin(), found.end());
  std::vector<Difference> result;
  for (const auto& [key, value] : keys) {
    if (!sealed.contains(key) && std::ranges::find(k_told_later, name_of_setting(key)) != k_told_later.end()) continue;
    if (!same_setting(key, sealed, found))
      result.push_back({key, value_in(sealed, key), value_in(found, key)});
  }
  return result;
}

Finding judge_hyperparameters(const Observation& observed) {
  if (!observed.run.configuration) return skipped("no network was built");
  const auto& sealed = observed.sealed.model.configuration;
  if (sealed.empty()) return skipped("the seal has no hyperparameters of the network");
  if (observed.run.configuration->empty()) return skipped("this form of the network tells no hyperparameters");
  const auto differing = differences(sealed, *observed.run.configuration);
  if (differing.empty()) return passed(fmt::format("all {} hyperparameters are as they were sealed", sealed.size()));
  const auto& first = differing.front();
  const auto more = differing.size() > 1 ? fmt::format(", and {} more", differing.size() - 1) : "";
  auto finding = failed(
      fmt::format("the network's configuration differs: {}{}", place_of_setting(first.key), more),
      fmt::format("{} = {}", name_of_setting(first.key), first.sealed), fmt::format("{} = {}", name_of_setting(first.key), first.found),
      observed.run.outputs.empty()
          ? "build the network from the sealed description"
          : "build the network from the sealed description; the weights load into this one, and the answers differ");
  Table table{"hyperparameters that differ", {"where", "sealed", "here"}, {}, differing.size()};
  for (std::size_t i = 0; i < std::min(k_finding_rows, differing.size()); ++i) {
    table.rows.push_back({escape_unprintable(differing[i].key), differing[i].sealed, differing[i].found});
  }
  finding.tables.push_back(std::move(table));
  return finding;
}

Finding judge_configuration(const Observation& observed, const CheckSettings& settings) {
  auto finding = judge_hyperparameters(observed);
  const auto differing = differing_choices(observed, settings);
  if (differing.empty() && finding.status == Status::skipped && compared_choices(observed) > 0)
    return passed(fmt::format("all {} choices of forward() are as they were sealed", compared_choices(observed)));
  if (differing.empty()) return finding;
  auto choices = judge_choices(differing, observed, settings);
  if (finding.status != Status::fail) return choices;
  finding.message += fmt::format("; its code also chooses {} otherwise", names_of_choices(differing));
  finding.tables.push_back(std::move(choices.tables.front()));
  return finding;
}

}  // namespace

const Check k_model_configuration{
    .id = "model.configuration",
    .title = "The network's hyperparameters are as sealed",
    .explanation =
        "What a state dict does not hold and the answers depend on: BatchNorm's eps, strides, paddings, slopes, "
        "anchors. A network with another eps loads "
        "the same weights without a word and answers differently. So does one whose forward() reads another text, function, "
        "variable of the environment or default type: where the answers agree all the same, that is a warning.",
    .severity = Severity::fail,
    .judge = judge_configuration,
};

}  // namespace goldseal

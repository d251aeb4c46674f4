// SPDX-License-Identifier: Apache-2.0
#include <checks/model/choices.hpp>

#include <checks/finding_rows.hpp>
#include <checks/golden/output_verdicts.hpp>
#include <checks/model/setting_names.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

namespace goldseal {
namespace {

constexpr std::string_view k_variable = "os.environ.";
constexpr std::string_view k_unset = "(not set)";
constexpr std::string_view k_type = "torch.default_dtype";
constexpr std::string_view k_not_there = "(not there)";

constexpr std::string_view k_methods = "replaced_methods";
constexpr std::string_view k_hooks = "forward_hooks";

// Tools hang hooks on a live model and put methods in the place of others: of interest where the answers differ.
bool is_of_tools(const ChoiceDifference& choice) { return choice.key == k_methods || choice.key == k_hooks; }

bool has_answered(const RunFindings& run) { return !run.outputs.empty(); }

bool answers_agree(const RunFindings& run, const CheckSettings& settings) {
  const auto as_sealed = [&](const OutputObservation& output) { return agrees(output, settings); };
  return has_answered(run) && std::ranges::all_of(run.outputs, as_sealed) &&
         std::ranges::all_of(run.detections, [](const auto& found) { return found.verdict.pass(); });
}

std::string place_of_choice(std::string_view key) {
  if (key == k_methods) return "methods that are replaced";
  if (key == k_hooks) return "forward hooks";
  return place_of_setting(key);
}

std::string remedy_of_choice(const ChoiceDifference& first) {
  if (first.key.starts_with(k_variable) && first.sealed == k_unset)
    return fmt::format("remove the variable {} from the environment: forward() reads it, and it was not set where the model was sealed",
                       escape_unprintable(name_of_setting(first.key)));
  if (first.key.starts_with(k_variable))
    return fmt::format("set the variable {} as it was where the model was sealed: forward() reads it",
                       escape_unprintable(name_of_setting(first.key)));
  if (first.key == k_type)
    return fmt::format("call torch.set_default_dtype(torch.{}) before the network is built and used: forward() makes tensors of "
                       "that type",
                       first.sealed);
  if (first.sealed == k_not_there)
    return fmt::format("build the network without {}: the sealed one had none, and forward() asks whether it is there",
                       place_of_choice(first.key));
  if (first.found == k_not_there)
    return fmt::format("build the network with {}: the sealed one had it, and forward() takes a default without it",
                       place_of_choice(first.key));
  if (is_of_tools(first)) return "give the network the hooks and methods that it was sealed with";
  return "build the network with the sealed value: forward() reads it, and no state dict holds it";
}

Table table_of_choices(const std::vector<ChoiceDifference>& differing) {
  Table table{"what forward() reads and is otherwise", {"where", "sealed", "here"}, {}, differing.size()};
  for (std::size_t i = 0; i < std::min(k_finding_rows, differing.size()); ++i)
    table.rows.push_back({escape_unprintable(differing[i].key), differing[i].sealed, differing[i].found});
  return table;
}

}  // namespace

std::vector<ChoiceDifference> differing_choices(const Observation& observed, const CheckSettings& settings) {
  std::vector<ChoiceDifference> differing;
  for (const auto& [key, sealed] : observed.sealed.model.choices) {
    const auto found = observed.run.choices.find(key);
    if (found != observed.run.choices.end() && found->second != sealed)
      differing.push_back({key, escape_unprintable(sealed), escape_unprintable(found->second)});
  }
  if (answers_agree(observed.run, settings)) std::erase_if(differing, is_of_tools);
  std::ranges::stable_partition(differing, [](const auto& choice) { return !is_of_tools(choice); });
  return differing;
}

std::size_t compared_choices(const Observation& observed) {
  const auto is_found = [&](const auto& choice) { return observed.run.choices.contains(choice.first); };
  return static_cast<std::size_t>(std::ranges::count_if(observed.sealed.model.choices, is_found));
}

std::string names_of_choices(const std::vector<ChoiceDifference>& differing) {
  const auto more = differing.size() > 1 ? fmt::format(", and {} more", differing.size() - 1) : "";
  return place_of_choice(differing.front().key) + more;
}

Finding judge_choices(const std::vector<ChoiceDifference>& differing, const Observation& observed,
                      const CheckSettings& settings) {
  const auto& first = differing.front();
  auto finding = failed(fmt::format("the network's code chooses otherwise than the sealed one: {}", names_of_choices(differing)),
                        fmt::format("{} = {}", name_of_setting(first.key), first.sealed),
                        fmt::format("{} = {}", name_of_setting(first.key), first.found), remedy_of_choice(first));
  if (answers_agree(observed.run, settings)) {
    finding.status = Status::warn;
    finding.message += "; the golden answers agree";
  } else if (!has_answered(observed.run)) {
    finding.status = Status::unknown;
    finding.message += "; the network gave no answer that tells whether it matters";
  }
  finding.tables.push_back(table_of_choices(differing));
  return finding;
}

Finding other_answers(const std::vector<std::string>& of_process, const std::string& deviation) {
  return failed(fmt::format("the answers differ from process to process: forward() uses {}", fmt::join(of_process, ", ")),
                "the same answers in two processes", fmt::format("in another process {}", deviation),
                "compute with what is the same in every process: sorted(…) for the order of a set, hashlib or zlib.crc32 for "
                "hash(), an argument or a buffer for the time, the process and random identifiers");
}

}  // namespace goldseal

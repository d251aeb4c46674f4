// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/file/records.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>

namespace goldseal {
namespace {

// Of a stream the network may write other bytes for the same contents: what it holds is judged by its answers.
bool is_written_anew(const ExtraStateRecord& state) { return state.kind == "BytesIO" || state.kind == "bytes"; }

const ExtraStateRecord* find_state(std::span<const ExtraStateRecord> states, const std::string& name) {
  const auto found = std::ranges::find(states, name, &ExtraStateRecord::name);
  return found == states.end() ? nullptr : &*found;
}

void compare(std::span<const ExtraStateRecord> sealed, std::span<const ExtraStateRecord> found, const char* where,
             bool in_file, Table& table) {
  for (const auto& state : sealed) {
    const auto* const here = find_state(found, state.name);
    if (here == nullptr) {
      if (in_file) table.rows.push_back({escape_unprintable(state.name), where, state.kind, "missing"});
      continue;
    }
    if (here->sha256 == state.sha256 || (!in_file && is_written_anew(state))) continue;
    table.rows.push_back({escape_unprintable(state.name), where, state.kind,
                          here->kind == state.kind ? "another value" : fmt::format("a {}", here->kind)});
  }
}

Finding judge_extra_states(const Observation& observed, const CheckSettings&) {
  const auto& sealed = observed.sealed.model.extra_states;
  if (sealed.empty()) return skipped("the state dict has no extra state");
  if (!observed.files.extra_states) return skipped(why_unread(observed));
  Table table{"extra states that differ", {"name", "where", "kind", "what happened"}, {}};
  compare(sealed, *observed.files.extra_states, "in the file", true, table);
  if (observed.run.extra_states) compare(sealed, *observed.run.extra_states, "in the network", false, table);
  if (table.rows.empty())
    return passed(fmt::format("all {} extra states are as they were sealed", sealed.size()));
  const auto& first = table.rows.front();
  auto finding = failed(fmt::format("the extra state {} is not the sealed one {}: {}", first[0], first[1], first[3]),
                        "the sealed value of each extra state", fmt::format("{} differ", table.rows.size()),
                        "use the checkpoint that was sealed; answers may depend on an extra state (scales of fp8)");
  finding.tables.push_back(std::move(table));
  return finding;
}

}  // namespace

const Check k_tensors_extra_state{
    .id = "tensors.extra_state",
    .title = "The extra state is as sealed",
    .explanation =
        "What a module's get_extra_state() put into the state dict (`layer._extra_state`: the scales of fp8 layers, "
        "counters, tables), in the file and as the network holds it after set_extra_state(). It is no tensor, yet "
        "answers may depend on it.",
    .severity = Severity::fail,
    .judge = judge_extra_states,
};

}  // namespace goldseal

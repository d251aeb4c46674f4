// SPDX-License-Identifier: Apache-2.0
// What a merge finds out about a fleet, as data: the renderers are given this and nothing else.
#pragma once

#include <goldseal/base/kinds/kind_table.hpp>
#include <goldseal/fleet/reading/collection.hpp>
#include <goldseal/fleet/reading/names.hpp>
#include <goldseal/verdict/exit_code.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal::fleet {

/// What to do with a node, in the words that DCGM and the clouds' health checks use. goldseal does none of it.
enum class Action : std::uint8_t { none, watch, rerun, fix_configuration, reset, isolate };

struct ActionTraits {
  Action kind;
  std::string_view name;
};
inline constexpr std::array k_actions{
    ActionTraits{Action::none, "none"},   ActionTraits{Action::watch, "watch"},
    ActionTraits{Action::rerun, "rerun"}, ActionTraits{Action::fix_configuration, "fix configuration"},
    ActionTraits{Action::reset, "reset"}, ActionTraits{Action::isolate, "isolate"}};
static_assert(is_indexed_by_kind(k_actions));

/// What can be wrong with a node, the gravest first.
enum class Trouble : std::uint8_t {
  damaged,        ///< its report breaks a rule of reports
  integrity,      ///< its own verdict is DAMAGED
  odd,            ///< its answers differ from those of its peers, bit by bit
  drifted,        ///< its answers differ from its own earlier ones, and nothing that decides them changed
  configuration,  ///< its answers differ from those of machines of its kind that are configured otherwise
  fails,          ///< its own verdict is FAIL
  undecided,      ///< answers differ, and no majority says whose are right
  inconclusive,   ///< its own verdict is INCONCLUSIVE
  contradictory,  ///< two reports of one moment contradict each other
  missing,
  truncated,
  late,
  stale,  ///< of an earlier batch, another seal, policy or goldseal
  misfiled,
  unreadable,
  // From here on it is a warning.
  unexpected,
  duplicate,
  changed,  ///< its answers differ from its own earlier ones, and what decides them changed too
  unstable,  ///< its answers differ from run to run
  alone,     ///< it has no peer to be compared with
  straggler,
  warned,  ///< its own report has warnings
};

struct TroubleTraits {
  Trouble kind;
  std::string_view name;
  ExitCode code;  ///< `conforms` of a warning
  Action action;
  std::string_view meaning;  ///< after the name of a node or after `3 nodes: `
};
inline constexpr std::array k_troubles{
    TroubleTraits{Trouble::damaged, "damaged", ExitCode::integrity, Action::rerun, "the report is damaged"},
    TroubleTraits{Trouble::integrity, "integrity", ExitCode::integrity, Action::fix_configuration,
                  "a file of the model is damaged there"},
    TroubleTraits{Trouble::odd, "odd", ExitCode::fails, Action::isolate, "answers differ from those of equal machines"},
    TroubleTraits{Trouble::drifted, "drifted", ExitCode::fails, Action::isolate,
                  "answers differ from earlier ones of the same machine"},
    TroubleTraits{Trouble::configuration, "configuration", ExitCode::fails, Action::fix_configuration,
                  "answers differ through a setting"},
    TroubleTraits{Trouble::fails, "fails", ExitCode::fails, Action::fix_configuration, "a check failed"},
    TroubleTraits{Trouble::undecided, "undecided", ExitCode::inconclusive, Action::rerun,
                  "equal machines give different answers, without a majority"},
    TroubleTraits{Trouble::inconclusive, "inconclusive", ExitCode::inconclusive, Action::rerun,
                  "the node could not judge"},
    TroubleTraits{Trouble::contradictory, "contradictory", ExitCode::inconclusive, Action::rerun,
                  "reports contradict each other"},
    TroubleTraits{Trouble::missing, "missing", ExitCode::inconclusive, Action::rerun, "there is no report"},
    TroubleTraits{Trouble::truncated, "truncated", ExitCode::inconclusive, Action::rerun, "the report breaks off"},
    TroubleTraits{Trouble::late, "late", ExitCode::inconclusive, Action::rerun, "the report came after the batch"},
    TroubleTraits{Trouble::stale, "stale", ExitCode::inconclusive, Action::rerun, "the report is not of this batch"},
    TroubleTraits{Trouble::misfiled, "misfiled", ExitCode::inconclusive, Action::fix_configuration,
                  "the report names another node"},
    TroubleTraits{Trouble::unreadable, "unreadable", ExitCode::inconclusive, Action::fix_configuration,
                  "the report cannot be read"},
    TroubleTraits{Trouble::unexpected, "unexpected", ExitCode::conforms, Action::none, "the node was not expected"},
    TroubleTraits{Trouble::duplicate, "duplicate", ExitCode::conforms, Action::none, "a report is there twice"},
    TroubleTraits{Trouble::changed, "changed", ExitCode::conforms, Action::watch, "answers changed with the machine"},
    TroubleTraits{Trouble::unstable, "unstable", ExitCode::conforms, Action::watch, "answers differ from run to run"},
    TroubleTraits{Trouble::alone, "alone", ExitCode::conforms, Action::none, "no equal machine to compare with"},
    TroubleTraits{Trouble::straggler, "straggler", ExitCode::conforms, Action::watch, "slower than equal machines"},
    TroubleTraits{Trouble::warned, "warned", ExitCode::conforms, Action::none, "checks warned"}};
static_assert(is_indexed_by_kind(k_troubles));

[[nodiscard]] constexpr const TroubleTraits& traits(Trouble trouble) { return row_of(k_troubles, trouble); }

/// One thing that is wrong with a node.
struct Problem {
  Trouble trouble = Trouble::fails;
  std::string part;     ///< `gpu3 (GPU-ab12…)`, `rank 3`; empty for the node as a whole
  std::string subject;  ///< the seal; empty for all
  std::string message;  ///< what, with what was expected and found
  std::string remedy;
  Action action = Action::none;
};

struct NodeResult {
  std::string name;
  bool expected = true;
  std::vector<std::uint32_t> reports;  ///< those that count, places in Fleet::collection
  std::vector<Problem> problems;       ///< the gravest first
  Action action = Action::none;
  ExitCode code = ExitCode::conforms;
};

/// A device of a report.
struct UnitRef {
  std::uint32_t report = 0;
  std::uint32_t unit = 0;
  friend bool operator==(const UnitRef&, const UnitRef&) = default;
};

/// Devices of one kind and configuration that ran one seal: what decides bits is equal, so the bits should be.
struct Cohort {
  std::string label;    ///< `A`, `B` … `AA`
  std::string subject;  ///< the seal
  Id seal = 0;          ///< its digest
  Id kind = 0;          ///< `NAME=VALUE` lines of what decides bits and comes with the machine
  Id runtime = 0;
  Id configuration = 0;  ///< the same of settings
  bool gpu = false;
  std::vector<UnitRef> members;
  bool has_seal = false;  ///< the machine that sealed is of this kind and votes
  std::size_t baseline = 0;  ///< votes of the baseline
  std::size_t differing = 0;  ///< members whose answers are not those of the majority
  bool undecided = false;
  std::size_t varying = 0;  ///< golden cases that most members answer otherwise from run to run: not compared
};

/// A fact whose value few nodes of the fleet have.
struct RareFact {
  std::string name;
  std::string value;
  std::string usual;       ///< what most have
  std::size_t count = 0;   ///< nodes that have it
  std::size_t of = 0;      ///< nodes that were asked
  std::size_t usual_count = 0;
  bool decides = false;    ///< it decides bits
  std::vector<std::string> nodes;
  std::size_t in_trouble = 0;  ///< of its nodes
};

/// A seal with what came of it across the fleet.
struct SealRow {
  std::string subject;
  Id digest = 0;
  Id policy = 0;
  std::array<std::size_t, 5> codes{};  ///< nodes by exit code
  std::size_t absent = 0;              ///< nodes that reported other seals and not this one
};

struct Fleet {
  Names names;
  Collection collection;
  std::vector<NodeResult> nodes;  ///< the gravest first, then by name
  std::vector<Cohort> cohorts;    ///< the largest first
  std::vector<RareFact> rare;     ///< the rarest first
  std::size_t rare_left_out = 0;
  std::vector<SealRow> seals;
  std::vector<std::string> notes;  ///< what concerns no single node
  std::optional<std::size_t> expected;  ///< how many nodes were
  std::string version;   ///< of this goldseal
  std::string first;     ///< when the oldest report that counts was made
  std::string last;
  std::string merged;    ///< when
  double seconds = 0;
  ExitCode code = ExitCode::inconclusive;

  [[nodiscard]] std::string_view text(Id id) const { return names.text(id); }
};

/// How many nodes have this as their gravest trouble.
[[nodiscard]] std::size_t count(const Fleet& fleet, Trouble trouble);
/// Nodes that conform, warnings allowed.
[[nodiscard]] std::size_t conforming(const Fleet& fleet);
/// `gpu3 (GPU-ab12…)`, `cpu` → empty: how a device is named beside its node.
[[nodiscard]] std::string part_of(const Fleet& fleet, UnitRef unit);

}  // namespace goldseal::fleet

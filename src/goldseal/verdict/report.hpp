// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/verdict/evidence.hpp>
#include <goldseal/verdict/exit_code.hpp>
#include <goldseal/verdict/finding.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal {

/// A stage of a run and the seconds that it took.
struct Stage {
  std::string name;
  double seconds = 0;
  friend bool operator==(const Stage&, const Stage&) = default;
};

/// Everything that a run found: what the renderers in report/ are given, and all they are given.
struct Report {
  std::string verb;     ///< `verify`, `check`, `capture`
  std::string subject;  ///< the seal or checkpoint, as the user named it
  std::string target;   ///< the machine that was judged: its host name, or the file of an environment
  std::string policy;
  std::string version;  ///< goldseal's
  std::string started;  ///< UTC, RFC 3339
  std::vector<Finding> findings;
  std::vector<Stage> stages;
  std::vector<std::pair<std::string, std::string>> facts;  ///< what else to tell, in order: `runtime`, `checkpoint` …
  std::string next;                                        ///< a command worth running next; may be empty
  Evidence evidence;                                       ///< what tables of text cannot show
  friend bool operator==(const Report&, const Report&) = default;
};

/// Integrity before failure before inconclusive before pass. A report without a single pass, warning or failure is
/// inconclusive.
[[nodiscard]] ExitCode verdict(const Report& report);

/// `PASS`, `FAIL`, `INCONCLUSIVE`, `DAMAGED`.
[[nodiscard]] std::string_view headline(ExitCode code);

/// How many findings have this status.
[[nodiscard]] std::size_t count(const Report& report, Status status);

}  // namespace goldseal

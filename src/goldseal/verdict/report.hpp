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

/// What a run looked at, so that nobody takes a verdict for more than it is.
struct Judged {
  std::string scope;  ///< what a PASS holds for where that is not all: `for the sealed program; your code was not run`
  /// `weights`, `numerics` (of this machine), `program` (the sealed one), `code`, `configuration`: `yes`, `no`,
  /// `not at hand`, or `none` where the part does not exist.
  std::vector<std::pair<std::string, std::string>> parts;
  friend bool operator==(const Judged&, const Judged&) = default;
};

/// Who reports, and by what it judged: what a merge of many reports tells them apart by. Any part may be empty.
struct Identity {
  std::string node;
  std::string seal_sha256;    ///< of the manifest's text
  std::string policy_sha256;  ///< of the policy's text
  std::string device;         ///< `--device` as it was given
  std::string settings;       ///< `--set` and `--threads` as they were given
  std::string job;            ///< of a launcher: `slurm 17.0`
  std::string boot;           ///< tells two machines of one name apart
  std::string results;        ///< where the outputs were kept
  int rank = -1;              ///< of the job's; negative without one
  int ranks = 0;
  friend bool operator==(const Identity&, const Identity&) = default;
};

/// What a verdict is about, by its content: so that it can be attested.
struct Subject {
  std::string role;    ///< `checkpoint` (also each of its shards), `seal`, `policy`
  std::string name;    ///< the file's or the policy's, for people
  std::string sha256;  ///< hexadecimal; of a seal over the digests of its files, as its signature has it
  friend bool operator==(const Subject&, const Subject&) = default;
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
  Judged judged;
  Identity identity = {};
  std::vector<Subject> subjects = {};
  friend bool operator==(const Report&, const Report&) = default;
};

/// Integrity before failure before inconclusive before pass. A report without a single pass, warning or failure is
/// inconclusive.
[[nodiscard]] ExitCode verdict(const Report& report);

/// `PASS`, `FAIL`, `INCONCLUSIVE`, `DAMAGED`.
[[nodiscard]] std::string_view headline(ExitCode code);

/// What the verdict holds for, with a space before it: ` for the sealed program; your code was not run`; empty where it
/// is all.
[[nodiscard]] std::string scope_clause(const Report& report);

/// The headline with what it holds for: `PASS for the sealed program; your code was not run`.
[[nodiscard]] std::string verdict_line(const Report& report);

/// `weights yes, this machine's numerics yes, the sealed program yes, your code no, its configuration none`; empty where
/// the run judged no model.
[[nodiscard]] std::string judged_sentence(const Report& report);

/// How many findings have this status.
[[nodiscard]] std::size_t count(const Report& report, Status status);

}  // namespace goldseal

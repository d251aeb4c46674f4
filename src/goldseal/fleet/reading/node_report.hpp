// SPDX-License-Identifier: Apache-2.0
// What the verdict on a fleet needs of one node's report, and the reading of it. A node is not trusted: whatever its
// report holds is bounded, and a report that breaks a rule costs that node alone.
#pragma once

#include <goldseal/fleet/reading/names.hpp>
#include <goldseal/verdict/exit_code.hpp>
#include <goldseal/verdict/finding.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal::fleet {

/// More than any report needs; a checkpoint of 20,000 tensors makes one of 4 MiB.
inline constexpr std::size_t k_max_report_bytes = 32U << 20U;

/// How a run was made. `again` is the native one repeated.
enum class RunKind : std::uint8_t { native, again, float64 };
[[nodiscard]] std::string_view to_string(RunKind kind);

/// What one run of a golden case gave, as digests.
struct CaseRun {
  Id golden = 0;
  RunKind kind = RunKind::native;
  Id inputs = 0;       ///< digest of the golden inputs
  Id outputs = 0;      ///< `NAME=DIGEST` lines; equal numbers are equal bits
  Id sealed = 0;       ///< the same of the seal's own native outputs; 0 where the report does not say
  double ratio = -1;   ///< the worst output's error over its noise; negative where it was not measured
  friend bool operator==(const CaseRun&, const CaseRun&) = default;
};

/// A device of a node with the runs that were made on it.
struct Unit {
  Id device = 0;  ///< `cpu`, `cuda:3`
  Id gpu = 0;     ///< its UUID; 0 where it is no GPU or the report does not say
  Id gpu_facts = 0;  ///< how its facts begin, `gpu.3.`; 0 where they are not known
  std::vector<CaseRun> runs;
  friend bool operator==(const Unit&, const Unit&) = default;
};

/// A check that did not pass.
struct Note {
  Id check = 0;
  Status status = Status::fail;
  Severity severity = Severity::fail;
  Id message = 0;
  Id remedy = 0;
  friend bool operator==(const Note&, const Note&) = default;
};

struct StageTime {
  Id name = 0;
  double seconds = 0;
  friend bool operator==(const StageTime&, const StageTime&) = default;
};

/// A report of a node, its texts as numbers.
struct NodeReport {
  Id path = 0;
  Id node = 0;
  Id folder = 0;  ///< the name of the directory that it lies in
  Id verb = 0;
  Id subject = 0;  ///< the seal's file name
  Id seal = 0;     ///< the seal's digest; 0 where the report does not say
  Id policy = 0;
  Id policy_digest = 0;
  Id version = 0;
  Id settings = 0;  ///< `--set` as it was given
  Id asked = 0;  ///< `--device` as it was given
  Id job = 0;    ///< of a launcher: `slurm 17.0`
  Id boot = 0;   ///< tells two machines of one name apart
  Id runtime = 0;
  Id host = 0;     ///< the machine's own name
  Id error = 0;    ///< what ended the run before there was a verdict
  Id results = 0;  ///< where its outputs were kept
  std::int32_t rank = -1;
  std::int32_t ranks = 0;
  std::int64_t started = 0;  ///< seconds since 1970
  ExitCode code = ExitCode::inconclusive;
  bool has_digest = false;  ///< of its own text, which it was held against
  Id facts = 0;         ///< pairs of numbers, name and value, of what is not incidental: see unpack
  Id sealed_facts = 0;  ///< the same of the machine that sealed
  Id checks = 0;        ///< pairs of numbers, id and status
  std::vector<Note> notes;
  std::vector<Unit> units;
  std::vector<StageTime> stages;
};

/// The pairs that a text of packed numbers holds.
[[nodiscard]] std::vector<std::pair<Id, Id>> unpack(std::string_view packed);

/// Why a file is no report that counts.
enum class Defect : std::uint8_t {
  truncated,  ///< it ends too early, or in zeros, as after a loss of power
  damaged,    ///< it breaks a rule of reports
  newer,      ///< a later goldseal wrote it
  unreadable,  ///< the system refuses it
  foreign,     ///< well-formed, and no report
};

struct BadFile {
  std::string path;
  std::string folder;  ///< the name of the directory that it lies in; empty where that was named by the user
  Defect defect = Defect::damaged;
  std::string message;
};

/// Reads reports, one after the other, in one thread.
class ReportReader {
 public:
  explicit ReportReader(Names& names) : m_names(names) {}
  /// `path` is the file's name for people, `folder` that of its directory. Returns why it does not count, otherwise.
  [[nodiscard]] std::optional<BadFile> read(std::string_view text, const std::string& path, std::string_view folder,
                                            NodeReport& report);

 private:
  LocalNames m_names;
};

}  // namespace goldseal::fleet

// SPDX-License-Identifier: Apache-2.0
// What makes a run one of many: who the node is, the report that it leaves where the others leave theirs, and an exit
// code that does not end their runs. `goldseal merge` reads what is left.
#pragma once

#include <goldseal/cli/verb.hpp>
#include <goldseal/verdict/report.hpp>

#include <functional>
#include <string>
#include <vector>

namespace goldseal::cli {

struct NodeOptions {
  std::string node;
  std::string directory;
  bool exit_zero = false;

  void declare(CLI::App& app);
  /// Throws Error{usage} for a name that no node can have.
  void check() const;
};

/// What a run is known by before it begins, for the report of one that ends in an error.
struct RunLabel {
  std::string verb;
  std::string seal;
  std::string policy;
  bool targets = false;  ///< captured environments are judged, not this machine
};

/// Runs `judge`, fills in who reports, leaves a report for each target where `--report-dir` says, and delivers them. An
/// error that ends the run is left as a report too, without a verdict, before it is thrown on. With `--exit-zero` the
/// exit code is 0 once there is a verdict, or an error where `--report-dir` tells it; interrupts and defects stay what
/// they are.
ExitCode run_as_node(const NodeOptions& options, const CommonOptions& common, const RunLabel& label,
                     const std::function<std::vector<Report>()>& judge);

}  // namespace goldseal::cli

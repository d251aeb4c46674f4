// SPDX-License-Identifier: Apache-2.0
// From files and directories to reports. Files are read by as many threads as there are processors, each into one
// buffer of its own, so that memory does not grow with what the files hold. Links, pipes and devices are left alone: a
// node that can write into the directory must not make the deciding machine read something else.
#pragma once

#include <goldseal/fleet/reading/names.hpp>
#include <goldseal/fleet/reading/node_report.hpp>

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace goldseal::fleet {

struct Collection {
  std::vector<NodeReport> reports;  ///< in the order of their paths
  std::vector<BadFile> bad;
  std::size_t files = 0;  ///< that were read
  std::size_t foreign = 0;  ///< JSON files that are no reports; not among `bad`
  std::vector<std::string> silent = {};  ///< directories right below a named one in which nothing was found
  std::vector<std::string> links = {};  ///< to directories, right below a named one: they were not followed
};

/// Reads the files that are named, and those called `*.json` below the directories that are named. Names that begin
/// with a dot are left out, as writers use them for what is not whole yet. What is wrong with a file is told in `bad`.
/// Throws Error{usage} for a path that is not there.
[[nodiscard]] Collection collect(std::span<const std::filesystem::path> paths, Names& names);

}  // namespace goldseal::fleet

// SPDX-License-Identifier: Apache-2.0
// `goldseal merge` as a story: read, see who is missing, compare equals, look back, look for what is rare, decide.
#pragma once

#include <goldseal/fleet/judging/fleet.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace goldseal::fleet {

struct MergeRequest {
  std::vector<std::filesystem::path> paths;
  std::optional<std::vector<std::string>> expected;  ///< nodes; nothing: those that reported
  std::optional<std::int64_t> since;                 ///< the batch's beginning, seconds since 1970
  std::optional<std::int64_t> until;                 ///< its end
  std::string seal;                                  ///< digest that reports must have; empty: what most have
  std::vector<std::filesystem::path> baseline;       ///< reports of good machines, or of these when they were good
  std::int64_t now = 0;
};

/// The verdict on a fleet. Throws Error{usage} for paths that are not there; a bad report costs only its node.
[[nodiscard]] std::unique_ptr<Fleet> merge(const MergeRequest& request);

}  // namespace goldseal::fleet

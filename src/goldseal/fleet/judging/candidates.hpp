// SPDX-License-Identifier: Apache-2.0
// Which of a node's reports can count: of each kind the newest that lies within the batch, of the seal, the policy and
// the goldseal that most nodes have.
#pragma once

#include <goldseal/fleet/judging/roster.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace goldseal::fleet {

/// A report that does not count, and why.
struct Apart {
  std::uint32_t report = 0;
  Trouble trouble = Trouble::stale;
  std::string message;
  std::string remedy;
  bool old = false;  ///< of an earlier batch
};

struct Candidates {
  std::vector<std::uint32_t> reports;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> twins;  ///< two of one moment; the first is the candidate
  std::vector<Apart> apart;
};

/// Fills Roster::earlier too, and tells of reports that lie in another node's directory.
[[nodiscard]] Candidates choose_candidates(const MergeRequest& request, Fleet& fleet, Roster& roster);

}  // namespace goldseal::fleet

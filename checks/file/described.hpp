// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/observation.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace goldseal {

/// The files that describe the network, sorted by what became of them.
struct Described {
  std::vector<const DescriptionObservation*> all;
  std::vector<const DescriptionObservation*> rewritten;
  std::vector<const DescriptionObservation*> changed;
  std::vector<const DescriptionObservation*> missing;
  std::vector<const DescriptionObservation*> added;
  std::vector<const DescriptionObservation*> unreadable;
};

/// The sources of its code, or its configuration. Borrows from the observation.
[[nodiscard]] Described described(const Observation& observed, bool code);

/// `, and 3 more` for 4; empty for 1.
[[nodiscard]] std::string and_more(std::size_t count);
/// `the file is`, `all 3 files are`.
[[nodiscard]] std::string counted_files(std::size_t count);

}  // namespace goldseal

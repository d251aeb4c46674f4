// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace torch::jit {
struct CompilationUnit;
}

namespace goldseal::worker {

/// While it lives, networks are built that nobody vouches for, if `restricted`: what is not interpreted is refused, and
/// so are operators that do more than compute. For the thread that serves the protocol.
class RestrictedBuild {
 public:
  explicit RestrictedBuild(bool restricted);
  ~RestrictedBuild();
  RestrictedBuild(const RestrictedBuild&) = delete;
  RestrictedBuild& operator=(const RestrictedBuild&) = delete;

  /// Whether the network that is being built is such a one.
  static bool in_force();
};

/// Throws Refusal (`unsupported`) for an operator that does more than compute (refused_operators.hpp). `name` is
/// qualified: `aten::save`.
void refuse_operator_of(const std::string& name, const std::string& where = {});

/// The same for every operator, and every class that a library registers, in the functions of an archive that was read.
void refuse_operators_in(torch::jit::CompilationUnit& unit, const std::string& where);

}  // namespace goldseal::worker

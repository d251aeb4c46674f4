// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/messages/error.hpp>

namespace goldseal {

/// The exit codes of the command; part of its interface.
enum class ExitCode {
  conforms = 0,      ///< every check passed; warnings allowed
  fails = 1,         ///< a check failed
  no_verdict = 2,    ///< usage, policy or seal cannot be read
  inconclusive = 3,  ///< a required check could not be judged, or none ran: fail closed
  integrity = 4,     ///< a digest or signature is broken, or a file malformed
  defect = 101,      ///< a bug in goldseal
};

/// For an error that ended the command before there was a verdict. An interrupt has no code here: the signal is raised
/// again.
[[nodiscard]] ExitCode exit_code(ErrorKind kind);

}  // namespace goldseal

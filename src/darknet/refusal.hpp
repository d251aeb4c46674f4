// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace goldseal::worker {

/// The kinds of refusal that the protocol knows; to_string gives their names.
enum class RefusalKind { usage, malformed, unsupported, runtime, memory };

const char* to_string(RefusalKind kind);

/// What a worker answers instead of doing what it was asked. `where` is a file with a line or an offset, or empty;
/// `remedy` says what to do, or is empty.
class Refusal : public std::runtime_error {
 public:
  Refusal(RefusalKind kind, const std::string& message, std::string where = {}, std::string remedy = {});

  RefusalKind kind;
  std::string where;
  std::string remedy;
};

}  // namespace goldseal::worker

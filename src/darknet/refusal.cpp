// SPDX-License-Identifier: Apache-2.0
// Apart from error.cpp, which knows LibTorch's exceptions: the command reads Darknet cfgs with the worker's reader.
#include "darknet/refusal.hpp"

#include <utility>

namespace goldseal::worker {

const char* to_string(RefusalKind kind) {
  switch (kind) {
    case RefusalKind::usage:
      return "usage";
    case RefusalKind::malformed:
      return "malformed";
    case RefusalKind::unsupported:
      return "unsupported";
    case RefusalKind::runtime:
      return "runtime";
    case RefusalKind::memory:
      return "memory";
  }
  return "runtime";
}

Refusal::Refusal(RefusalKind kind_, const std::string& message, std::string where_, std::string remedy_)
    : std::runtime_error(message), kind(kind_), where(std::move(where_)), remedy(std::move(remedy_)) {}

}  // namespace goldseal::worker

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace goldseal {

/// Why a tensor that a file names is left out of what was read.
enum class UnreadKind { sparse, nested, meta, view, other };

/// In words, with what to do where it is one step.
[[nodiscard]] constexpr std::string_view to_string(UnreadKind kind) {
  switch (kind) {
    case UnreadKind::sparse:
      return "sparse: save it with .to_dense()";
    case UnreadKind::nested:
      return "nested";
    case UnreadKind::meta:
      return "on the meta device: it never had values where it was saved";
    case UnreadKind::view:
      return "a conjugate or negative view: save it with .resolve_conj().resolve_neg()";
    case UnreadKind::other:
      break;
  }
  return "of another kind";
}

struct UnreadTensor {
  std::string name;
  UnreadKind kind = UnreadKind::other;
};

}  // namespace goldseal

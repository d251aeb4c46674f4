// SPDX-License-Identifier: Apache-2.0
// Which weights of a network a run computes with through stand-ins, and what is done where one
// cannot be: it is copied, and at last all are. The stand-ins themselves are stand_in.hpp's.
#pragma once

#include "networks/network.hpp"
#include "numerics/stand_in.hpp"
#include "numerics/transforms.hpp"

#include <set>
#include <string>

namespace goldseal::worker {

/// What was learned of one network's weights.
class Streaming {
 public:
  /// Calls `run` with the Transform of `conversion`: with stand-ins, with copies of those that cannot be stood in for,
  /// with copies of all. Throws what `run` throws with copies, or Refusal (unsupported) where those do not fit in the
  /// memory that is free.
  template <class Run>
  auto attempt(const Network& network, Conversion conversion, const Run& run) {
    for (;;) {
      conversion.streamed = names(network, conversion);
      if (conversion.streamed.empty()) return run(make_transform(conversion));
      try {
        return run(make_transform(conversion));
      } catch (...) {
        learn(network, conversion);
      }
    }
  }

 private:
  [[nodiscard]] std::set<std::string> names(const Network& network, const Conversion& conversion) const;
  void learn(const Network& network, const Conversion& conversion);

  bool m_streams = true;
  std::set<std::string> m_copied;
};

}  // namespace goldseal::worker

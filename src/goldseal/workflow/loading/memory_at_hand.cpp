// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/loading/memory_at_hand.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal {

std::string loading_step(std::uint64_t weights, const Environment& machine) {
  auto text = fmt::format("loading {} of weights", format_bytes(weights));
  auto at_hand = machine.integer("memory.available_bytes");
  if (const auto limit = machine.integer("memory.cgroup_limit_bytes"))
    at_hand = at_hand ? std::min(*at_hand, *limit) : *limit;
  if (at_hand && *at_hand >= 0)
    text += fmt::format(", {} of memory at hand", format_bytes(static_cast<std::uint64_t>(*at_hand)));
  return text;
}

}  // namespace goldseal

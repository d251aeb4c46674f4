// SPDX-License-Identifier: Apache-2.0
#include "facts/arch_list.hpp"

#include <algorithm>

namespace goldseal::worker {

std::vector<std::string> arch_list(const std::string& flags) {
  static const std::string lead = "code=";
  std::vector<std::string> list;
  for (auto at = flags.find(lead); at != std::string::npos; at = flags.find(lead, at)) {
    at += lead.size();
    // code=[sm_80,compute_80] names several.
    const bool several = at < flags.size() && flags[at] == '[';
    if (several) ++at;
    const auto end = std::min(flags.find_first_of(several ? "]" : "; ,", at), flags.size());
    for (auto begin = at; begin < end;) {
      const auto comma = std::min(flags.find(',', begin), end);
      auto name = flags.substr(begin, comma - begin);
      if (!name.empty() && std::find(list.begin(), list.end(), name) == list.end()) list.push_back(std::move(name));
      begin = comma + 1;
    }
    at = end;
  }
  return list;
}

}  // namespace goldseal::worker

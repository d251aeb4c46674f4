// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace goldseal::worker {

/// `name` if it is absolute, else `name` in `directory`.
inline std::string resolved(const std::string& name, const std::string& directory) {
  return !name.empty() && name.front() == '/' ? name : directory + "/" + name;
}

}  // namespace goldseal::worker

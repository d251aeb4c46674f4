// SPDX-License-Identifier: Apache-2.0
// Which elements of an output differ says what kind of fault it is: one element, a stride as wide as a warp, a whole
// row. Where two nodes kept their outputs, they are laid side by side.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace goldseal::fleet {

/// `12 of 4608 elements of yolo_3 differ, every 32nd from 64 on, by up to 3 ulp`; empty where the outputs are not kept,
/// or not below one of `roots`: a report must not make the deciding machine read other files.
[[nodiscard]] std::string differing_elements(const std::vector<std::filesystem::path>& roots, const std::string& results,
                                             const std::string& peer, const std::string& golden, bool float64);

}  // namespace goldseal::fleet

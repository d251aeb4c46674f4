// SPDX-License-Identifier: Apache-2.0
// A hundred missing keys mostly have one cause, and users need that cause. This file recognises the
// usual causes, such as another head or another code base. keys.hpp makes the match that it
// explains.
#pragma once

#include <goldseal/checkpoint/keys/keys.hpp>

#include <span>
#include <string>
#include <string_view>

namespace goldseal {

/// Fills in `cause` and `remedy` of a match whose other fields are final; leaves them empty where it is complete.
void explain(std::span<const Key> have, std::span<const Key> want, KeyMatch& match);

/// Which public code base names the parts of a YOLOv3 in this way: "PyTorch-YOLOv3 (eriklindernoren) and ultralytics
/// yolov3 of 2018-2019"; empty for none that is known.
[[nodiscard]] std::string_view naming_family(std::span<const Key> keys);

}  // namespace goldseal

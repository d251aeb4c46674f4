// SPDX-License-Identifier: Apache-2.0
// Wrong preprocessing is the most common fault of a deployed vision model, and outputs do not tell
// its kind. This file compares two input tensors and names the step that differs. It needs neither
// the picture nor the network.
#pragma once

#include <goldseal/golden/images/orientation.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace goldseal::golden {

/// How an input that a target's own preprocessing made differs from the sealed one.
struct InputDrift {
  enum class Kind {
    none,       ///< bit for bit the sealed one
    rounding,   ///< the same arithmetic in another order: below a hundredth of a grey level
    type,       ///< another element type or another shape altogether
    layout,     ///< HWC where CHW was sealed, or the reverse
    order,      ///< BGR where RGB was sealed, or the reverse
    scale,      ///< every value times a number, plus a number: 255 left out, 256 for 255
    normalise,  ///< channels scaled or shifted each in its own way: other means and deviations
    mirror,     ///< flipped left to right or top to bottom
    turn,       ///< turned, or rows and columns exchanged, as an EXIF orientation does
    shift,      ///< moved by whole pixels: another padding or crop
    decoder,    ///< off by a few grey levels all over: another decoder, or another version of it
    resize,     ///< off where the picture has edges: another interpolation, or another order of steps
    other,
  };
  Kind kind = Kind::none;
  std::string text;    ///< one sentence without a full stop
  std::string remedy;  ///< empty for none and rounding
  double max_abs = 0;
  double differing_share = 0;  ///< of the elements, where both have the same shape

  [[nodiscard]] bool agrees() const { return kind == Kind::none || kind == Kind::rounding; }
};

[[nodiscard]] std::string_view to_string(InputDrift::Kind kind);

/// A picture, or a stack of them, with its three channels in the reverse order: of rank 3 or 4, channels first (CHW) or
/// else last. Nothing for another tensor, and where that changes no bit (a grey picture).
[[nodiscard]] std::optional<HostTensor> channels_reversed(const HostTensor& picture);

/// Names the drift between `found` and `sealed`: what one changed step explains, or two (a changed order, mirror, scale
/// or normalisation, whose kind it has, beside a second one or another decoder or resize). Layout, channel order and
/// the like are told for tensors of rank 3 and 4 with three channels; for others scale and rounding alone. A grey level
/// is 1/255 of the sealed tensor's range.
/// `stated` is the orientation that the sealed picture's file states (orientation.hpp), where that is known.
[[nodiscard]] InputDrift diagnose_input(const HostTensor& found, const HostTensor& sealed,
                                        Orientation stated = k_as_stored);

/// The same, but for turned pictures.
[[nodiscard]] InputDrift diagnose_upright(const HostTensor& found, const HostTensor& sealed);

}  // namespace goldseal::golden

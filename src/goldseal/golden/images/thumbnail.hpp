// SPDX-License-Identifier: Apache-2.0
// A person sees a mirrored or recoloured input at once if a report shows it. This file draws a
// small picture of an input tensor. Encoding it is left to jpeg.hpp.
#pragma once

#include <goldseal/golden/images/picture.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>

#include <cstdint>
#include <optional>

namespace goldseal::golden {

/// The longest side of a thumbnail, in pixels: large enough to see a mirrored or recoloured picture, small enough for a
/// report.
inline constexpr std::uint32_t k_thumbnail_side = 240;

/// A tensor as a person sees it: the first of a batch of pictures (1 or 3 channels, first or last), values
/// clamped to 0 … 1 or, where the tensor goes beyond them, spread from its least to its greatest value; averaged down
/// to k_thumbnail_side. Nothing for other tensors.
[[nodiscard]] std::optional<Picture> thumbnail_of(const HostTensor& tensor);

}  // namespace goldseal::golden

// SPDX-License-Identifier: Apache-2.0
// Causes of tensors that have a name on both sides, and another shape or element type.
#pragma once

#include <goldseal/checkpoint/keys/key_case.hpp>

namespace goldseal {

/// Tensors of no size, which ZeRO-3 leaves where the weights were.
[[nodiscard]] KeyGuess placeholders(const KeyCase& c);
/// The same sizes in another order: a layer that keeps its weight the other way round.
[[nodiscard]] KeyGuess exchanged_axes(const KeyCase& c);
/// The same elements, with other dimensions of size 1.
[[nodiscard]] KeyGuess ones_in_shape(const KeyCase& c);
/// One convolution for another number of input channels.
[[nodiscard]] KeyGuess input_channels(const KeyCase& c);
/// A head for another number of classes.
[[nodiscard]] KeyGuess class_count(const KeyCase& c);
/// Each layer wider or narrower by the same factor, or smaller by various ones: pruned.
[[nodiscard]] KeyGuess other_widths(const KeyCase& c);
/// Any other shape.
[[nodiscard]] KeyGuess other_shapes(const KeyCase& c);
/// A few of another type than the rest: what was left in float32 on purpose, or converted by chance.
[[nodiscard]] KeyGuess odd_types(const KeyCase& c);
/// Any other element type.
[[nodiscard]] KeyGuess element_types(const KeyCase& c);

}  // namespace goldseal

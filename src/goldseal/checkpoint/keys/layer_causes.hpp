// SPDX-License-Identifier: Apache-2.0
// Causes that the kinds of layers give away: recurrent ones, vocabularies, heads, complex tables.
#pragma once

#include <goldseal/checkpoint/keys/key_case.hpp>

namespace goldseal {

/// nn.LSTM, nn.GRU and nn.RNN built with another number of layers, in one direction, of another kind or size.
[[nodiscard]] KeyGuess recurrent_layers(const KeyCase& c);
/// An embedding and its head for another number of words.
[[nodiscard]] KeyGuess vocabulary(const KeyCase& c);
/// Whole parts at the top that the file lacks, or has besides, while the rest of the network is there.
[[nodiscard]] KeyGuess another_head(const KeyCase& c);
/// A head that was tied to the embedding where it was saved, and is not where it is loaded.
[[nodiscard]] KeyGuess tied_where_saved(const KeyCase& c);
/// Complex numbers on one side, pairs of real ones on the other.
[[nodiscard]] KeyGuess complex_as_pairs(const KeyCase& c);

}  // namespace goldseal

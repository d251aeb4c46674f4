// SPDX-License-Identifier: Apache-2.0
// A weight's rows stand for something: words of a vocabulary, classes, heads, gates. Libraries keep
// them in orders of their own. This file finds the order by sums of the rows, which cost one look at
// the weight, and leaves the proof to the digest.
#pragma once

#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/golden/compare/weight_fingerprint.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>

#include <optional>
#include <string>

namespace goldseal::golden {

/// Where `found` has the rows of the sealed weight in an order that libraries are known to use, how: `with the rows of
/// each head of 64 …`. Rows are entries along the first axis. `digest` is the sealed one, and proves it.
[[nodiscard]] std::optional<std::string> known_row_order(const HostTensor& found, const WeightFingerprint& sealed,
                                                         const Digest& digest);

/// Whether the sealed sums are those of the rows of `found` in some order. Told for rows of at least 64 elements, by 13
/// bits and more; for others, false.
[[nodiscard]] bool are_sealed_rows(const HostTensor& found, const WeightFingerprint& sealed);

}  // namespace goldseal::golden

// SPDX-License-Identifier: Apache-2.0
// Code bases rename modules, and one renamed segment hides hundreds of tensors. This file finds the
// few renamings that map the leftover names onto each other. It only proposes them. Users apply
// them with `--rename`.
#pragma once

#include <goldseal/checkpoint/keys/keys.hpp>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal {

/// The name with the first run of segments `from` become `to` (empty: left out); as it is where it has none, or where
/// nothing would be left.
[[nodiscard]] std::string rename_segments(std::string_view name, std::string_view from, std::string_view to);

/// Looks for at most four changes of segments that map names of `unexpected` (indices into `have`) one to one onto names
/// of `missing` (into `want`) of the same shape. Only what covers more than one name, or all there is, counts.
[[nodiscard]] Renaming find_renaming(std::span<const Key> have, std::span<const std::size_t> unexpected,
                                     std::span<const Key> want, std::span<const std::size_t> missing);

/// "`embedding` in the file is `embeddings` in the network", "`language_model` stands after `model` in the file alone".
[[nodiscard]] std::string tell(std::span<const SegmentRename> renames, std::string_view whose);

/// `--rename a=b --rename c=d`
[[nodiscard]] std::string rename_options(std::span<const SegmentRename> renames);

}  // namespace goldseal

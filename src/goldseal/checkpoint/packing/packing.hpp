// SPDX-License-Identifier: Apache-2.0
// Quantization libraries store one weight as several entries, which match no plain network. This
// file recognises such groups by their names and dtypes. What to do about them is decided where a
// checkpoint is opened.
#pragma once

#include <goldseal/base/kinds/dtype.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// An entry of a checkpoint or of a network as the recogniser sees it. Text and shape are borrowed.
struct PackingEntry {
  std::string_view name;
  DType dtype = DType::float32;
  std::span<const std::int64_t> shape = {};
};

/// A way in which a library stores one weight as several entries, a row of the table in packing_schemes.cpp.
struct PackingScheme {
  std::string_view id;      ///< `bitsandbytes-nf4`
  std::string_view what;    ///< `4-bit weights (nf4) of bitsandbytes`
  std::string_view remedy;  ///< how the plain weights are had, or a network built that takes the packed ones
};

/// One weight that is stored as several entries.
struct PackedWeight {
  const PackingScheme* scheme = nullptr;
  std::string name;                ///< that the plain weight has: `fc.weight`
  std::vector<std::size_t> parts;  ///< indices of its entries, in the order of the scheme
};

/// The packed weights among the entries, in the order of each one's first part. An entry belongs to one at most. Only
/// names and element types are looked at; the cost is that of the names.
[[nodiscard]] std::vector<PackedWeight> find_packed_weights(std::span<const PackingEntry> entries);

/// One scheme's part in a checkpoint.
struct PackingGroup {
  const PackingScheme* scheme = nullptr;
  std::size_t weights = 0;  ///< that it packs
  std::size_t entries = 0;  ///< that it takes for them
  std::string first;        ///< name of its first weight
};

/// The packed weights by their schemes, in the order in which these first occur.
[[nodiscard]] std::vector<PackingGroup> group_by_scheme(std::span<const PackedWeight> weights);

}  // namespace goldseal

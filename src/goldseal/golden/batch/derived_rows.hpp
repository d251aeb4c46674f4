// SPDX-License-Identifier: Apache-2.0
// The rows of a batch that no golden case takes are made of the case itself, always alike, so that a seal needs to hold
// their names alone: its values at other places, floating ones of another size, and longer where padding is to be seen.
#pragma once

#include <goldseal/golden/tensors/host_tensor.hpp>
#include <goldseal/manifest/manifest.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::golden {

/// `~3`, or `~3+` for one that is half as long again (FORMAT.md, `beside`).
struct DerivedName {
  std::int64_t number = 0;
  bool longer = false;
};

[[nodiscard]] std::string to_text(const DerivedName& name);
/// Nothing for the name of a case. The manifest's reader has judged the digits.
[[nodiscard]] std::optional<DerivedName> parse_derived(std::string_view text);

/// The inputs of the row of that name, in the order of the case's.
[[nodiscard]] std::vector<HostTensor> derived_row(const BatchRecord& batch, std::span<const HostTensor> of,
                                                  const DerivedName& name);

}  // namespace goldseal::golden

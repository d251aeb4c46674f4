// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/check.hpp>

#include <map>
#include <string_view>

namespace goldseal {

/// What happened to tensors, in words, by name.
using TensorChanges = std::map<std::string, std::string>;

/// The finding on tensors' digests; `whose` says where they were taken: `in the file`, `as loaded`.
[[nodiscard]] Finding judge_digests(const Manifest& sealed, const std::map<std::string, Digest>& found,
                                    std::string_view whose, std::string_view remedy, const TensorChanges& changes = {});

}  // namespace goldseal

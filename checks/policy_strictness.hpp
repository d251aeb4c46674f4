// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/policy.hpp>

#include <string>

// A policy that merely lies about may ask for more than the user's, never for less: goldseal.toml comes along with a
// stranger's directory, and a verdict by its rules would say PASS of what nobody here has agreed to.
namespace goldseal {

/// In what `policy` asks less than `base`, in the order of the catalogue, then of precision, device and waivers:
/// `env.torch.abi is info, not fail`. Empty where it asks as much or more. A rule counts as less unless it is the same, or
/// holds the machine to exactly what was sealed; what is of no consequence in `base` (info) cannot be lessened.
[[nodiscard]] std::string weakening(const Policy& policy, const Policy& base);

}  // namespace goldseal

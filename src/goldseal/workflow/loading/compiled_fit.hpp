// SPDX-License-Identifier: Apache-2.0
// A compiled package crashes on a machine that it was not compiled for. This file refuses such a
// package before a worker opens it. Reading the package belongs to
// checkpoint/formats/compiled_package.hpp.
#pragma once

#include <goldseal/base/kinds/device.hpp>
#include <goldseal/checkpoint/formats/compiled_package.hpp>
#include <goldseal/manifest/environment.hpp>

#include <span>
#include <string>

namespace goldseal {

/// Holds what a package was compiled for against this machine and the devices that the runtime offers. Throws
/// Error{unsupported} where its code cannot run here: another device, platform or architecture, a processor that lacks
/// an instruction set (one with more is fine), a GPU of another compute capability. What is not known is let through.
void require_fit(const CompiledPackage& package, const Environment& found, std::span<const Device> devices);

}  // namespace goldseal

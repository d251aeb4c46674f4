// SPDX-License-Identifier: Apache-2.0
#pragma once

// A child that goldseal forks must not hold what its parent has open: a pipe held by one that hangs never ends. Kernels
// before 5.9 (RHEL 8, Ubuntu 20.04) and some containers' filters have no close_range.
namespace goldseal {

enum class Closing { now, at_exec };

/// Closes the open descriptors from `first` to `last`, or has exec close them. Where the kernel cannot do so in one call,
/// one after the other: those that /proc/self/fd lists, or without /proc all numbers up to the limit of descriptors.
/// Uses system calls and its stack alone, so that a child of a program with threads may call it before exec.
void close_descriptors(unsigned first, unsigned last, Closing closing) noexcept;

}  // namespace goldseal

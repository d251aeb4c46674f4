// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// The instruction sets among the words of /proc/cpuinfo (`flags` on x86, `Features` on Arm) that decide which kernels
/// PyTorch and its libraries pick, under one name each (`sse4_2`, `avx512_vnni`, `sve2`), sorted. The kernel lists a
/// set only where it also saves its registers.
[[nodiscard]] std::vector<std::string> normalised_isa(std::string_view words);

/// The kernels that ATen picks by itself on an x86 processor with these sets: `AVX512`, `AVX2` or `DEFAULT`
/// (aten/src/ATen/native/DispatchStub.cpp, compute_cpu_capability; ATEN_CPU_CAPABILITY can only name a lower one).
[[nodiscard]] std::string aten_capability(const std::vector<std::string>& isa);

}  // namespace goldseal

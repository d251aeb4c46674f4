// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/host/isa.hpp>

#include <goldseal/base/messages/text.hpp>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

namespace goldseal {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

// The kernel's word and ours, sorted by the kernel's. x86: arch/x86/include/asm/cpufeatures.h; Arm:
// Documentation/arch/arm64/elf_hwcaps.rst.
constexpr std::array k_names{
    Pair{"amx_bf16", "amx_bf16"},
    Pair{"amx_complex", "amx_complex"},
    Pair{"amx_fp16", "amx_fp16"},
    Pair{"amx_int8", "amx_int8"},
    Pair{"amx_tile", "amx_tile"},
    Pair{"asimd", "neon"},
    Pair{"asimddp", "dotprod"},
    Pair{"asimdfhm", "fhm"},
    Pair{"asimdhp", "fp16"},
    Pair{"avx", "avx"},
    Pair{"avx10_1", "avx10_1"},
    Pair{"avx10_2", "avx10_2"},
    Pair{"avx2", "avx2"},
    Pair{"avx512_4fmaps", "avx512_4fmaps"},
    Pair{"avx512_4vnniw", "avx512_4vnniw"},
    Pair{"avx512_bf16", "avx512_bf16"},
    Pair{"avx512_bitalg", "avx512_bitalg"},
    Pair{"avx512_fp16", "avx512_fp16"},
    Pair{"avx512_vbmi2", "avx512_vbmi2"},
    Pair{"avx512_vnni", "avx512_vnni"},
    Pair{"avx512_vp2intersect", "avx512_vp2intersect"},
    Pair{"avx512_vpopcntdq", "avx512_vpopcntdq"},
    Pair{"avx512bw", "avx512bw"},
    Pair{"avx512cd", "avx512cd"},
    Pair{"avx512dq", "avx512dq"},
    Pair{"avx512er", "avx512er"},
    Pair{"avx512f", "avx512f"},
    Pair{"avx512ifma", "avx512ifma"},
    Pair{"avx512pf", "avx512pf"},
    Pair{"avx512vbmi", "avx512_vbmi"},
    Pair{"avx512vl", "avx512vl"},
    Pair{"avx_ifma", "avx_ifma"},
    Pair{"avx_ne_convert", "avx_ne_convert"},
    Pair{"avx_vnni", "avx_vnni"},
    Pair{"avx_vnni_int16", "avx_vnni_int16"},
    Pair{"avx_vnni_int8", "avx_vnni_int8"},
    Pair{"bf16", "bf16"},
    Pair{"bmi1", "bmi1"},
    Pair{"bmi2", "bmi2"},
    Pair{"f16c", "f16c"},
    Pair{"fma", "fma"},
    Pair{"fphp", "fp16_scalar"},
    Pair{"i8mm", "i8mm"},
    Pair{"lse", "lse"},
    Pair{"pni", "sse3"},
    Pair{"sme", "sme"},
    Pair{"sme2", "sme2"},
    Pair{"sse2", "sse2"},
    Pair{"sse4_1", "sse4_1"},
    Pair{"sse4_2", "sse4_2"},
    Pair{"ssse3", "ssse3"},
    Pair{"sve", "sve"},
    Pair{"sve2", "sve2"},
    Pair{"svebf16", "sve_bf16"},
    Pair{"svei8mm", "sve_i8mm"},
};
static_assert(std::ranges::is_sorted(k_names, {}, &Pair::first));

}  // namespace

std::vector<std::string> normalised_isa(std::string_view words) {
  std::vector<std::string> isa;
  for (const auto word : split(words, ' ')) {
    const auto found = std::ranges::lower_bound(k_names, word, {}, &Pair::first);
    if (found != k_names.end() && found->first == word) isa.emplace_back(found->second);
  }
  std::ranges::sort(isa);
  isa.erase(std::unique(isa.begin(), isa.end()), isa.end());  // std::ranges::unique needs more than Clang 14 knows
  return isa;
}

std::string aten_capability(const std::vector<std::string>& isa) {
  const auto has_all = [&](std::initializer_list<std::string_view> sets) {
    return std::ranges::all_of(sets, [&](auto set) { return std::ranges::find(isa, set) != isa.end(); });
  };
  if (has_all({"avx512vl", "avx512bw", "avx512dq", "fma"})) return "AVX512";
  if (has_all({"avx2", "fma"})) return "AVX2";
  return "DEFAULT";
}

}  // namespace goldseal

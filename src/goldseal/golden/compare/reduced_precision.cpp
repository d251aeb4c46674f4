// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/compare/reduced_precision.hpp>

#include <algorithm>
#include <array>

namespace goldseal::golden {
namespace {

constexpr std::string_view k_namespace = "aten::";

// Their results hold the very elements that they are given, or constants. Sorted.
constexpr std::array k_exact = std::to_array<std::string_view>({
    "arange",   "cat",           "constant_pad_nd", "empty", "eye",          "fill",       "flip",
    "full",     "full_like",     "gather",          "index", "index_select", "lift_fresh", "masked_fill",
    "new_full", "new_ones",      "new_zeros",       "ones",  "ones_like",    "pad",        "repeat",
    "roll",     "scalar_tensor", "stack",           "take",  "tril",         "triu",       "where",
    "zero",     "zeros",         "zeros_like",
});

}  // namespace

bool computes(std::string_view op) {
  if (op.starts_with(k_namespace)) op.remove_prefix(k_namespace.size());
  if (op.ends_with('_')) op.remove_suffix(1);
  return !std::ranges::binary_search(k_exact, op);
}

bool rounds_narrower(std::string_view op, DType result) {
  // Its scale is a float32 inside, and some versions of PyTorch divide by it in float32, whatever the type around it.
  if (op.find("fake_quantize") != std::string_view::npos) return true;
  return result != DType::float64 && is_floating(result) && computes(op);
}

}  // namespace goldseal::golden

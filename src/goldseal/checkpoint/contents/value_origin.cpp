// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/contents/value_origin.hpp>

#include <goldseal/checkpoint/tensors/axes.hpp>
#include <goldseal/checkpoint/tensors/element.hpp>
#include <goldseal/checkpoint/tensors/half.hpp>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

namespace goldseal {
namespace {

constexpr std::size_t k_widened = 16'384;       // elements that are widened at a time
constexpr std::int64_t k_most_rows = 4'000'000;  // that are sorted: more take more memory than the tensor

// Bit for bit.
std::string exchanged_axes(const GatheredTensor& a, const GatheredTensor& b) {
  const auto orders = axis_orders(a.shape, b.shape);
  if (a.dtype != b.dtype) return {};
  for (const auto& order : orders)
    if (std::ranges::equal(with_axes(a.bytes, item_size(a.dtype), a.shape, order), b.bytes)) return describe(order);
  return {};
}

bool is_same(double one, double other) { return one == other || (std::isnan(one) && std::isnan(other)); }

std::string rounding(const GatheredTensor& a, const GatheredTensor& b) {
  if (!is_floating(a.dtype) || !is_floating(b.dtype) || !is_numeric(a.dtype) || !is_numeric(b.dtype)) return {};
  const auto count = a.bytes.size() / item_size(a.dtype);
  bool half = true;
  bool brain = true;
  bool changed = false;
  std::vector<double> from;
  std::vector<double> to;
  for (std::size_t i = 0; i < count && (half || brain); i += k_widened) {
    const auto some = std::min(k_widened, count - i);
    from.clear();
    to.clear();
    to_doubles(a.bytes.subspan(i * item_size(a.dtype), some * item_size(a.dtype)), a.dtype, from);
    to_doubles(b.bytes.subspan(i * item_size(b.dtype), some * item_size(b.dtype)), b.dtype, to);
    if (from.size() != to.size()) return {};  // complex on one side
    for (std::size_t k = 0; k < to.size(); ++k) {
      const auto value = static_cast<float>(from[k]);
      half = half && is_same(round_to_float16(value), to[k]);
      brain = brain && is_same(round_to_bfloat16(value), to[k]);
      changed = changed || !is_same(from[k], to[k]);
    }
  }
  if (!changed) return {};
  return half ? "rounded to float16" : brain ? "rounded to bfloat16" : "";
}

std::vector<std::string_view> sorted_rows(const GatheredTensor& tensor) {
  const auto rows = static_cast<std::size_t>(tensor.shape.front());
  const auto bytes = tensor.bytes.size() / rows;
  std::vector<std::string_view> result(rows);
  for (std::size_t i = 0; i < rows; ++i)
    result[i] = {reinterpret_cast<const char*>(tensor.bytes.data()) + i * bytes, bytes};
  std::ranges::sort(result);
  return result;
}

std::string row_order(const GatheredTensor& a, const GatheredTensor& b) {
  if (a.dtype != b.dtype || a.shape.empty() || a.shape.front() < 2 || a.shape.front() > k_most_rows || a.bytes.empty()) return {};
  return sorted_rows(a) == sorted_rows(b) ? "its rows in another order" : "";
}

}  // namespace

std::string value_origin(const GatheredTensor& a, const GatheredTensor& b) {
  if (auto order = exchanged_axes(a, b); !order.empty()) return order;
  if (!std::ranges::equal(a.shape, b.shape)) return {};
  if (auto rounded = rounding(a, b); !rounded.empty()) return rounded;
  return row_order(a, b);
}

}  // namespace goldseal

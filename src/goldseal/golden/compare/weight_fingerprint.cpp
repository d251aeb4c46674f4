// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/compare/weight_fingerprint.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/tensors/axes.hpp>
#include <goldseal/checkpoint/tensors/half.hpp>
#include <goldseal/golden/compare/row_orders.hpp>
#include <goldseal/golden/compare/value_grid.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

namespace goldseal::golden {
namespace {

using Kind = WeightChange::Kind;

constexpr std::size_t k_words = 5;
constexpr std::size_t k_most_axes = 4;

std::uint64_t bits_at(const HostTensor& tensor, std::size_t index) {
  const std::size_t size = std::min<std::size_t>(item_size(tensor.dtype), sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, tensor.bytes.data() + index * item_size(tensor.dtype), size);
  return bits;
}

double value_of(std::uint64_t bits, DType dtype) {
  const auto* const raw = reinterpret_cast<const std::byte*>(&bits);
  return element_as_double({"", dtype, {}, nullptr, {raw, item_size(dtype)}}, 0);
}

struct Change {
  std::size_t index = 0;
  std::uint64_t before = 0;
  std::uint64_t after = 0;
};

// The one changed element that would shift the three sums as they are shifted, if there is such.
std::optional<Change> single_change(const HostTensor& found, const WeightFingerprint& now,
                                    const WeightFingerprint& sealed) {
  if (item_size(found.dtype) > sizeof(std::uint64_t)) return std::nullopt;
  const auto shift = static_cast<std::int64_t>(now.sum - sealed.sum);
  const auto weighted = static_cast<std::int64_t>(now.weighted - sealed.weighted);
  // The shifts of 64-bit elements may wrap round; then no place is found, and the change is told in another way.
  if (shift == 0 || weighted % shift != 0) return std::nullopt;
  const auto place = weighted / shift;
  if (place < 1 || static_cast<std::uint64_t>(place) > found.numel()) return std::nullopt;
  const auto factor = static_cast<std::uint64_t>(place);
  if (factor * factor * static_cast<std::uint64_t>(shift) != now.squared - sealed.squared) return std::nullopt;
  const auto index = static_cast<std::size_t>(place) - 1;
  const auto after = bits_at(found, index);
  return Change{index, after - static_cast<std::uint64_t>(shift), after};
}

std::int64_t as_integer(std::uint64_t bits, DType dtype) { return static_cast<std::int64_t>(value_of(bits, dtype)); }

// Of the bits of one element: whether all that differ lie in one byte.
bool within_one_byte(std::uint64_t flipped) {
  return flipped >> (8U * (static_cast<unsigned>(std::countr_zero(flipped)) / 8U)) <= 0xFFU;
}

bool is_integer(DType dtype) { return !is_floating(dtype) && converts_to_double(dtype); }

std::string describe(const Change& change, const HostTensor& found) {
  const auto place = found.numel() == 1 ? std::string() : format_shape(unravel(change.index, found.shape)) + ": ";
  if (is_integer(found.dtype)) {
    return fmt::format("{}{} became {}", found.numel() == 1 ? "" : "element " + place,
                       as_integer(change.before, found.dtype), as_integer(change.after, found.dtype));
  }
  if (found.numel() == 1 && converts_to_double(found.dtype)) {
    return fmt::format("{:.9g} became {:.9g}", value_of(change.before, found.dtype),
                       value_of(change.after, found.dtype));
  }
  const auto flipped = change.before ^ change.after;
  const auto count = std::popcount(flipped);
  const auto what = count == 1 ? fmt::format("bit {} of element", std::countr_zero(flipped))
                               : fmt::format("{} bits of element", count);
  const auto values = converts_to_double(found.dtype)
                          ? fmt::format(": {:.9g} became {:.9g}", value_of(change.before, found.dtype),
                                        value_of(change.after, found.dtype))
                          : std::string();
  return fmt::format("{} {} flipped{}", what, format_shape(unravel(change.index, found.shape)), values);
}

bool all_same(const HostTensor& tensor) {
  for (std::size_t i = 1; i < tensor.numel(); ++i) {
    if (bits_at(tensor, i) != bits_at(tensor, 0)) return false;
  }
  return true;
}

std::size_t count_not_finite(const HostTensor& tensor) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < tensor.numel(); ++i) count += std::isfinite(element_as_double(tensor, i)) ? 0U : 1U;
  return count;
}

// The sums over words of one type; `rounded` tells whether the two last ones are kept.
template <typename T>
WeightFingerprint sum_words(std::span<const std::byte> bytes, bool rounded) {
  WeightFingerprint result;
  for (std::size_t i = 0; i < bytes.size() / sizeof(T); ++i) {
    T word;
    std::memcpy(&word, bytes.data() + i * sizeof(T), sizeof(T));
    const std::uint64_t place = i + 1;
    result.sum += word;
    result.weighted += place * word;
    result.squared += place * place * word;
    if constexpr (sizeof(T) == sizeof(float)) {
      if (!rounded) continue;
      const auto value = std::bit_cast<float>(word);
      result.half += place * std::bit_cast<std::uint32_t>(round_to_float16(value));
      result.brain += place * std::bit_cast<std::uint32_t>(round_to_bfloat16(value));
    }
  }
  return result;
}

WeightChange told(Kind kind, std::string text) { return {.kind = kind, .text = std::move(text)}; }

WeightChange explain(const Change& change, const HostTensor& found) {
  auto result = told(Kind::one_element, describe(change, found));
  result.one_byte = found.numel() > 1 && within_one_byte(change.before ^ change.after);
  if (found.numel() > 1 || !is_integer(found.dtype)) return result;
  result.kind = Kind::counted;
  result.before = as_integer(change.before, found.dtype);
  result.after = as_integer(change.after, found.dtype);
  return result;
}

// The same elements in another place each: with axes in another order, or one of them run backwards.
std::optional<std::string> rearrangement(const HostTensor& found, const Digest& digest) {
  if (auto text = exchanged_axes(found, found.shape, digest)) return text;
  for (std::size_t axis = 0; axis < found.shape.size() && found.shape.size() <= k_most_axes; ++axis) {
    if (found.shape[axis] < 2) continue;
    if (sha256(with_axis_reversed(found.bytes, item_size(found.dtype), found.shape, axis)) == digest)
      return fmt::format("with axis {} run backwards{}", axis,
                         axis == 1 && found.shape[axis] == 3 ? " (the channels: BGR for RGB)" : "");
  }
  return std::nullopt;
}

// Whose sum is the sealed one.
WeightChange explain_moved(const HostTensor& found, const WeightFingerprint& sealed, const std::optional<Digest>& digest) {
  if (digest) {
    if (auto text = rearrangement(found, *digest)) return told(Kind::exchanged, "the sealed values " + *text);
    if (auto text = known_row_order(found, sealed, *digest)) return told(Kind::rows, "the sealed values " + *text);
  }
  if (are_sealed_rows(found, sealed)) return told(Kind::rows, "the same rows in another order");
  return told(Kind::permuted, "the same values in another order");
}

}  // namespace

WeightFingerprint trace(const HostTensor& weight) {
  switch (item_size(weight.dtype)) {
    case 1:
      return sum_words<std::uint8_t>(weight.bytes, false);
    case 2:
      return sum_words<std::uint16_t>(weight.bytes, false);
    case 4:
      return sum_words<std::uint32_t>(weight.bytes, weight.dtype == DType::float32);
    default:
      return sum_words<std::uint64_t>(weight.bytes, false);  // complex128 as its two halves
  }
}

HostTensor pack_traces(std::span<const WeightFingerprint> traces) {
  std::vector<std::uint64_t> words;
  words.reserve(traces.size() * k_words);
  for (const auto& one : traces) words.insert(words.end(), {one.sum, one.weighted, one.squared, one.half, one.brain});
  return make_tensor("", DType::uint64, {static_cast<std::int64_t>(traces.size()), k_words}, std::move(words));
}

std::vector<WeightFingerprint> unpack_traces(const HostTensor& packed) {
  if (packed.dtype != DType::uint64 || packed.shape.size() != 2 || packed.shape[1] != k_words) {
    throw Error(ErrorKind::malformed, packed.name,
                fmt::format("expected uint64 [n, {}], found {} {}", k_words, to_string(packed.dtype),
                            format_shape(packed.shape)),
                "the seal is damaged: copy it again");
  }
  std::vector<WeightFingerprint> traces(static_cast<std::size_t>(packed.shape[0]));
  for (std::size_t i = 0; i < traces.size(); ++i) {
    const auto word = [&](std::size_t k) { return bits_at(packed, i * k_words + k); };
    traces[i] = {word(0), word(1), word(2), word(3), word(4)};
  }
  return traces;
}

std::optional<std::string> exchanged_axes(const HostTensor& found, std::span<const std::int64_t> sealed_shape,
                                          const Digest& digest) {
  for (const auto& order : axis_orders(found.shape, sealed_shape)) {
    if (sha256(with_axes(found.bytes, item_size(found.dtype), found.shape, order)) == digest)
      return goldseal::describe(order);
  }
  return std::nullopt;
}

WeightChange explain_change(const HostTensor& found, const WeightFingerprint& sealed,
                            const std::optional<Digest>& digest) {
  const auto now = trace(found);
  if (now == sealed) return told(Kind::none, "the same");
  if (const auto change = single_change(found, now, sealed)) return explain(*change, found);
  if (found.dtype == DType::float32) {
    if (now.weighted == sealed.half) return told(Kind::to_float16, "rounded to float16");
    if (now.weighted == sealed.brain) return told(Kind::to_bfloat16, "rounded to bfloat16");
  }
  if (found.numel() > 1 && all_same(found)) {
    if (bits_at(found, 0) == 0) return told(Kind::zero, "all zero: it was never loaded");
    return told(Kind::constant, "one value throughout, as after initialisation: it was never loaded");
  }
  if (converts_to_double(found.dtype)) {
    if (const auto count = count_not_finite(found); count > 0) {
      return told(Kind::not_finite, fmt::format("{} of {} elements are NaN or infinite", count, found.numel()));
    }
  }
  if (now.sum == sealed.sum) return explain_moved(found, sealed, digest);
  if (const auto grid = value_grid(found)) return told(Kind::other, *grid);
  return told(Kind::other, "other values throughout");
}

}  // namespace goldseal::golden

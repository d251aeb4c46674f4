// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/tensors/element.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/tensors/half.hpp>

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace goldseal {
namespace {

/// A binary floating format smaller than double. `finite_only`: without infinities, all ones being NaN (the "fn"
/// types).
struct Format {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  bool finite_only;
};

// OCP 8-bit Floating Point Specification (e4m3fn, e5m2), IEEE 754 (half), Google (bfloat16).
constexpr Format k_half{5, 10, 15, false};
constexpr Format k_bfloat16{8, 7, 127, false};
constexpr Format k_float32{8, 23, 127, false};
constexpr Format k_e4m3fn{4, 3, 7, true};
constexpr Format k_e5m2{5, 2, 15, false};

std::optional<Format> format_of(DType dtype) {
  switch (dtype) {
    case DType::float32:
    case DType::complex64:
      return k_float32;
    case DType::float16:
    case DType::complex32:
      return k_half;
    case DType::bfloat16:
      return k_bfloat16;
    case DType::float8_e4m3fn:
      return k_e4m3fn;
    case DType::float8_e5m2:
      return k_e5m2;
    default:
      return std::nullopt;
  }
}

double decode(std::uint32_t bits, const Format& format) {
  const auto mantissa_mask = (1U << format.mantissa_bits) - 1;
  const auto exponent_mask = (1U << format.exponent_bits) - 1;
  const auto mantissa = bits & mantissa_mask;
  const auto exponent = (bits >> format.mantissa_bits) & exponent_mask;
  const bool negative = ((bits >> (format.mantissa_bits + format.exponent_bits)) & 1U) != 0;
  double value = 0;
  if (exponent == exponent_mask && (!format.finite_only || mantissa == mantissa_mask)) {
    value = mantissa != 0 ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  } else if (exponent == 0) {
    value = std::ldexp(mantissa, 1 - format.bias - format.mantissa_bits);
  } else {
    value = std::ldexp(mantissa + (1U << format.mantissa_bits),
                       static_cast<int>(exponent) - format.bias - format.mantissa_bits);
  }
  return negative ? -value : value;
}

/// Rounds once, from double to the format: to nearest, ties to even, beyond the largest value to infinity where it has
/// one.
std::uint32_t encode(double value, const Format& format) {
  const auto sign = static_cast<std::uint32_t>(std::signbit(value)) << (format.mantissa_bits + format.exponent_bits);
  const auto top = ((1U << format.exponent_bits) - 1) << format.mantissa_bits;
  const auto all_ones = (1U << (format.exponent_bits + format.mantissa_bits)) - 1;
  // The greatest value stands where infinity would, or just below NaN in types without infinity.
  const auto greatest = format.finite_only ? all_ones - 1 : top;
  if (std::isnan(value)) return sign | (format.finite_only ? all_ones : top | (1U << (format.mantissa_bits - 1)));
  const double magnitude = std::fabs(value);
  if (magnitude == 0) return sign;
  if (std::isinf(magnitude)) return sign | greatest;
  const int exponent = std::max(std::ilogb(magnitude), 1 - format.bias);
  // In units of the last place; nearbyint rounds ties to even in the default mode.
  const auto units = static_cast<std::uint64_t>(std::nearbyint(std::ldexp(magnitude, format.mantissa_bits - exponent)));
  // A subnormal has exponent field 0 and no hidden bit; a carry out of the mantissa moves into the exponent by itself.
  const auto base = static_cast<std::uint64_t>(exponent + format.bias - 1) << format.mantissa_bits;
  const auto bits = base + units;
  return sign | static_cast<std::uint32_t>(std::min<std::uint64_t>(bits, greatest));
}

template <class T, class Decode>
void widen_with(std::span<const std::byte> bytes, Decode decode_one, std::vector<double>& out) {
  for (std::size_t i = 0; i + sizeof(T) <= bytes.size(); i += sizeof(T)) {
    T bits;
    std::memcpy(&bits, bytes.data() + i, sizeof(T));
    out.push_back(static_cast<double>(decode_one(bits)));
  }
}

template <class T>
void widen(std::span<const std::byte> bytes, std::vector<double>& out) {
  widen_with<T>(
      bytes, [](T value) { return value; }, out);
}

template <class T>
void append(std::vector<std::byte>& out, T value) {
  const auto at = out.size();
  out.resize(at + sizeof(T));
  std::memcpy(out.data() + at, &value, sizeof(T));
}

/// The value's place on the format's grid, negative ones below zero.
std::int64_t grid_place(double value, DType dtype) {
  std::int64_t magnitude = 0;
  if (const auto format = format_of(dtype)) {
    magnitude = encode(std::fabs(value), *format);
  } else {
    magnitude = std::bit_cast<std::int64_t>(std::fabs(value));
  }
  return std::signbit(value) ? -magnitude : magnitude;
}

}  // namespace

bool is_numeric(DType dtype) {
  switch (dtype) {
    case DType::float8_e4m3fnuz:
    case DType::float8_e5m2fnuz:
    case DType::float8_e8m0fnu:
      return false;
    default:
      return dtype < DType::quint4x2;  // what follows is packed, or PyTorch computes with none of it
  }
}

std::size_t parts_of(DType dtype) {
  return dtype == DType::complex128 || dtype == DType::complex64 || dtype == DType::complex32 ? 2 : 1;
}

void to_doubles(std::span<const std::byte> bytes, DType dtype, std::vector<double>& out) {
  switch (dtype) {
    case DType::float64:
    case DType::complex128:
      return widen<double>(bytes, out);
    case DType::float32:
    case DType::complex64:
      return widen<float>(bytes, out);
    case DType::float16:
    case DType::complex32:
      return widen_with<std::uint16_t>(bytes, float16_to_float, out);
    case DType::bfloat16:
      return widen_with<std::uint16_t>(bytes, bfloat16_to_float, out);
    case DType::float8_e4m3fn:
      return widen_with<std::uint8_t>(
          bytes, [](std::uint8_t bits) { return decode(bits, k_e4m3fn); }, out);
    case DType::float8_e5m2:
      return widen_with<std::uint8_t>(
          bytes, [](std::uint8_t bits) { return decode(bits, k_e5m2); }, out);
    case DType::int64:
      return widen<std::int64_t>(bytes, out);
    case DType::int32:
    case DType::qint32:
      return widen<std::int32_t>(bytes, out);
    case DType::int16:
      return widen<std::int16_t>(bytes, out);
    case DType::int8:
    case DType::qint8:
      return widen<std::int8_t>(bytes, out);
    case DType::uint64:
      return widen<std::uint64_t>(bytes, out);
    case DType::uint32:
      return widen<std::uint32_t>(bytes, out);
    case DType::uint16:
      return widen<std::uint16_t>(bytes, out);
    case DType::uint8:
    case DType::boolean:
    case DType::quint8:
      return widen<std::uint8_t>(bytes, out);
    default:
      throw Error(ErrorKind::unsupported, "", fmt::format("the values of {} are not known here", to_string(dtype)));
  }
}

void from_doubles(std::span<const double> values, DType dtype, std::vector<std::byte>& out) {
  out.reserve(out.size() + values.size() * item_size(dtype));
  switch (dtype) {
    case DType::float64:
      for (const auto value : values) append(out, value);
      return;
    case DType::float32:
      for (const auto value : values) append(out, static_cast<float>(value));
      return;
    case DType::float16:
      for (const auto value : values) append(out, static_cast<std::uint16_t>(encode(value, k_half)));
      return;
    case DType::bfloat16:
      for (const auto value : values) append(out, static_cast<std::uint16_t>(encode(value, k_bfloat16)));
      return;
    default:
      throw Error(ErrorKind::unsupported, "", fmt::format("weights are not converted to {}", to_string(dtype)),
                  "float64, float32, float16 and bfloat16 are possible");
  }
}

std::optional<std::uint64_t> ulp_distance(double a, double b, DType dtype) {
  if (!is_floating(dtype) || !is_numeric(dtype) || std::isnan(a) || std::isnan(b)) return std::nullopt;
  const auto x = grid_place(a, dtype);
  const auto y = grid_place(b, dtype);
  // Modulo 2^64 the difference of two places is right even where it does not fit in 63 bits.
  return x > y ? static_cast<std::uint64_t>(x) - static_cast<std::uint64_t>(y)
               : static_cast<std::uint64_t>(y) - static_cast<std::uint64_t>(x);
}

}  // namespace goldseal

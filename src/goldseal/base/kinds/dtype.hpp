// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// Element types, under PyTorch's names without `torch.`.
enum class DType : std::uint8_t {
  float64,
  float32,
  float16,
  bfloat16,
  float8_e4m3fn,
  float8_e4m3fnuz,
  float8_e5m2,
  float8_e5m2fnuz,
  float8_e8m0fnu,
  int64,
  int32,
  int16,
  int8,
  uint64,
  uint32,
  uint16,
  uint8,
  boolean,  ///< printed `bool`
  complex128,
  complex64,
  complex32,
  qint8,
  quint8,
  qint32,
  quint4x2,  ///< two elements a byte
  quint2x4,  ///< four elements a byte
  float4_e2m1fn_x2,  ///< PyTorch's pairs of 4-bit numbers: one element is a byte that holds two
  float6_e2m3fn,     ///< safetensors alone has it: four elements in three bytes
  float6_e3m2fn,     ///< likewise
  uint1,             ///< this and the following: PyTorch keeps them unpacked, a byte each
  uint2,
  uint3,
  uint4,
  uint5,
  uint6,
  uint7,
  int1,
  int2,
  int3,
  int4,
  int5,
  int6,
  int7,
  bits1x8,  ///< PyTorch's opaque bits, a byte each but for bits16
  bits2x4,
  bits4x2,
  bits8,
  bits16,
};

/// PyTorch's name: `float32`, `bool`.
[[nodiscard]] std::string_view to_string(DType dtype);
[[nodiscard]] std::optional<DType> parse_dtype(std::string_view name);

/// safetensors' name, such as `F32`; nothing for a type that the format lacks.
[[nodiscard]] std::optional<std::string_view> safetensors_name(DType dtype);
[[nodiscard]] std::optional<DType> parse_safetensors_dtype(std::string_view name);

/// Bytes an element takes; for the packed quint and float6 types, those of the smallest addressable unit: 1.
[[nodiscard]] std::size_t item_size(DType dtype);
[[nodiscard]] bool is_floating(DType dtype);
/// One of the floating types of eight bits, which PyTorch 2.1 brought.
[[nodiscard]] bool is_float8(DType dtype);

/// The numbers that a tensor of that shape holds, as safetensors counts them: the last size doubled where an element
/// is a pair (float4_e2m1fn_x2), else the shape itself.
[[nodiscard]] std::vector<std::int64_t> logical_shape(DType dtype, std::span<const std::int64_t> shape);

/// `[32, 3, 3, 3]`, as PyTorch prints a shape; `[]` for a scalar.
[[nodiscard]] std::string format_shape(std::span<const std::int64_t> shape);

}  // namespace goldseal

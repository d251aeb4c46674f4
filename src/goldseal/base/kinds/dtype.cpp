// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/kinds/dtype.hpp>

#include <goldseal/base/kinds/kind_table.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace goldseal {
namespace {

struct Row {
  DType kind;
  std::string_view name;
  std::string_view safetensors;  // empty: not in the format
  std::size_t size;
  bool floating;
};

// safetensors' names are those of its enumeration Dtype (0.8.0); the types that it lacks are left empty.
constexpr std::array k_rows{
    Row{DType::float64, "float64", "F64", 8, true},
    Row{DType::float32, "float32", "F32", 4, true},
    Row{DType::float16, "float16", "F16", 2, true},
    Row{DType::bfloat16, "bfloat16", "BF16", 2, true},
    Row{DType::float8_e4m3fn, "float8_e4m3fn", "F8_E4M3", 1, true},
    Row{DType::float8_e4m3fnuz, "float8_e4m3fnuz", "F8_E4M3FNUZ", 1, true},
    Row{DType::float8_e5m2, "float8_e5m2", "F8_E5M2", 1, true},
    Row{DType::float8_e5m2fnuz, "float8_e5m2fnuz", "F8_E5M2FNUZ", 1, true},
    Row{DType::float8_e8m0fnu, "float8_e8m0fnu", "F8_E8M0", 1, true},
    Row{DType::int64, "int64", "I64", 8, false},
    Row{DType::int32, "int32", "I32", 4, false},
    Row{DType::int16, "int16", "I16", 2, false},
    Row{DType::int8, "int8", "I8", 1, false},
    Row{DType::uint64, "uint64", "U64", 8, false},
    Row{DType::uint32, "uint32", "U32", 4, false},
    Row{DType::uint16, "uint16", "U16", 2, false},
    Row{DType::uint8, "uint8", "U8", 1, false},
    Row{DType::boolean, "bool", "BOOL", 1, false},
    Row{DType::complex128, "complex128", "", 16, true},
    Row{DType::complex64, "complex64", "C64", 8, true},
    Row{DType::complex32, "complex32", "", 4, true},
    Row{DType::qint8, "qint8", "", 1, false},
    Row{DType::quint8, "quint8", "", 1, false},
    Row{DType::qint32, "qint32", "", 4, false},
    Row{DType::quint4x2, "quint4x2", "", 1, false},
    Row{DType::quint2x4, "quint2x4", "", 1, false},
    Row{DType::float4_e2m1fn_x2, "float4_e2m1fn_x2", "F4", 1, true},
    Row{DType::float6_e2m3fn, "float6_e2m3fn", "F6_E2M3", 1, true},
    Row{DType::float6_e3m2fn, "float6_e3m2fn", "F6_E3M2", 1, true},
    Row{DType::uint1, "uint1", "", 1, false},
    Row{DType::uint2, "uint2", "", 1, false},
    Row{DType::uint3, "uint3", "", 1, false},
    Row{DType::uint4, "uint4", "", 1, false},
    Row{DType::uint5, "uint5", "", 1, false},
    Row{DType::uint6, "uint6", "", 1, false},
    Row{DType::uint7, "uint7", "", 1, false},
    Row{DType::int1, "int1", "", 1, false},
    Row{DType::int2, "int2", "", 1, false},
    Row{DType::int3, "int3", "", 1, false},
    Row{DType::int4, "int4", "", 1, false},
    Row{DType::int5, "int5", "", 1, false},
    Row{DType::int6, "int6", "", 1, false},
    Row{DType::int7, "int7", "", 1, false},
    Row{DType::bits1x8, "bits1x8", "", 1, false},
    Row{DType::bits2x4, "bits2x4", "", 1, false},
    Row{DType::bits4x2, "bits4x2", "", 1, false},
    Row{DType::bits8, "bits8", "", 1, false},
    Row{DType::bits16, "bits16", "", 2, false},
};

static_assert(is_indexed_by_kind(k_rows));

constexpr const Row& row(DType dtype) { return row_of(k_rows, dtype); }

}  // namespace

std::string_view to_string(DType dtype) { return row(dtype).name; }

std::optional<DType> parse_dtype(std::string_view name) { return kind_named(k_rows, name); }

std::optional<std::string_view> safetensors_name(DType dtype) {
  if (row(dtype).safetensors.empty()) return std::nullopt;
  return row(dtype).safetensors;
}

std::optional<DType> parse_safetensors_dtype(std::string_view name) {
  const auto* const found = std::ranges::find(k_rows, name, &Row::safetensors);
  if (name.empty() || found == k_rows.end()) return std::nullopt;
  return found->kind;
}

std::size_t item_size(DType dtype) { return row(dtype).size; }
bool is_floating(DType dtype) { return row(dtype).floating; }
bool is_float8(DType dtype) { return dtype >= DType::float8_e4m3fn && dtype <= DType::float8_e8m0fnu; }

std::vector<std::int64_t> logical_shape(DType dtype, std::span<const std::int64_t> shape) {
  std::vector<std::int64_t> result(shape.begin(), shape.end());
  if (dtype == DType::float4_e2m1fn_x2 && !result.empty()) result.back() *= 2;
  return result;
}

std::string format_shape(std::span<const std::int64_t> shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

}  // namespace goldseal

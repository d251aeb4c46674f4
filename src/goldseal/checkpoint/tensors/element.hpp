// SPDX-License-Identifier: Apache-2.0
// Comparing and converting checkpoints needs the values of every dtype, down to float8. This file
// converts elements to and from double without PyTorch. Layout and strides are left to
// tensor_view.hpp.
#pragma once

#include <goldseal/base/kinds/dtype.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace goldseal {

/// True for the element types whose values these functions know: integers, bool, float64 to float8. Complex elements
/// count as two.
[[nodiscard]] bool is_numeric(DType dtype);

/// Numbers in an element: 2 for complex types, else 1.
[[nodiscard]] std::size_t parts_of(DType dtype);

/// The elements as doubles, exactly but for 64-bit integers beyond 2^53. `bytes` holds whole little-endian elements.
void to_doubles(std::span<const std::byte> bytes, DType dtype, std::vector<double>& out);

/// The doubles as float64, float32, float16 or bfloat16, rounded to nearest, ties to even, as PyTorch does; appended to
/// `out`. Throws Error{unsupported} for another type.
void from_doubles(std::span<const double> values, DType dtype, std::vector<std::byte>& out);

/// Steps of the type's own grid between two values of a floating type: 1 for neighbours. Nothing where one is NaN or
/// the type is not a floating one.
[[nodiscard]] std::optional<std::uint64_t> ulp_distance(double a, double b, DType dtype);

}  // namespace goldseal

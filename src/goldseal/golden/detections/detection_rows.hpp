// SPDX-License-Identifier: Apache-2.0
// Detections arrive as several outputs whose rows belong together. These helpers read and cut
// outputs by rows, so that the rest need not know shapes. They decide nothing.
#pragma once

#include <goldseal/golden/tensors/host_tensor.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace goldseal::golden {

/// Outputs as tables: the first dimension counts rows, whatever is left of the shape are a row's columns. 0 of a tensor
/// without dimensions or rows.
[[nodiscard]] std::size_t rows_of(const HostTensor& tensor);
[[nodiscard]] std::size_t columns_of(const HostTensor& tensor);

/// The outputs of these names, in the names' order; nothing where one is missing.
[[nodiscard]] std::optional<std::vector<HostTensor>> select(std::span<const HostTensor> outputs,
                                                            std::span<const std::string> names);

/// A copy whose rows of these numbers are NaN, or 0 for integers and bools.
[[nodiscard]] HostTensor without_rows(const HostTensor& tensor, std::span<const std::size_t> rows);
/// A copy of these rows alone.
[[nodiscard]] HostTensor only_rows(const HostTensor& tensor, std::span<const std::size_t> rows);

}  // namespace goldseal::golden

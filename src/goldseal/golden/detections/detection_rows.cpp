// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/detections/detection_rows.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

namespace goldseal::golden {

std::size_t rows_of(const HostTensor& tensor) {
  return tensor.shape.empty() ? 0 : static_cast<std::size_t>(tensor.shape.front());
}

std::size_t columns_of(const HostTensor& tensor) {
  const auto rows = rows_of(tensor);
  return rows == 0 ? 0 : tensor.numel() / rows;
}

std::optional<std::vector<HostTensor>> select(std::span<const HostTensor> outputs, std::span<const std::string> names) {
  std::vector<HostTensor> selected;
  for (const auto& name : names) {
    const auto* const output = find_tensor(outputs, name);
    if (output == nullptr) return std::nullopt;
    selected.push_back(*output);
  }
  return selected;
}

HostTensor without_rows(const HostTensor& tensor, std::span<const std::size_t> rows) {
  std::vector<std::byte> bytes(tensor.bytes.begin(), tensor.bytes.end());
  const auto columns = columns_of(tensor);
  const auto size = item_size(tensor.dtype);
  std::vector<std::byte> blank(columns * size);
  if (is_floating(tensor.dtype)) {
    const std::vector<double> nans(columns, std::numeric_limits<double>::quiet_NaN());
    const auto narrow = narrowed("", tensor.dtype, {static_cast<std::int64_t>(columns)}, nans);
    blank.assign(narrow.bytes.begin(), narrow.bytes.end());
  }
  for (const auto row : rows) std::ranges::copy(blank, bytes.begin() + static_cast<std::ptrdiff_t>(row * blank.size()));
  return make_tensor(tensor.name, tensor.dtype, tensor.shape, std::move(bytes));
}

HostTensor only_rows(const HostTensor& tensor, std::span<const std::size_t> rows) {
  const auto size = columns_of(tensor) * item_size(tensor.dtype);
  std::vector<std::byte> bytes;
  bytes.reserve(rows.size() * size);
  for (const auto row : rows) {
    const auto source = tensor.bytes.subspan(row * size, size);
    bytes.insert(bytes.end(), source.begin(), source.end());
  }
  auto shape = tensor.shape;
  shape.front() = static_cast<std::int64_t>(rows.size());
  return make_tensor(tensor.name, tensor.dtype, std::move(shape), std::move(bytes));
}

}  // namespace goldseal::golden

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/batch/block.hpp>

#include <goldseal/base/bytes/checked.hpp>
#include <goldseal/base/messages/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace goldseal::golden {
namespace {

// Calls `row` with the place of the first element of each row (of the last dimension) of a box, as counted in the whole
// tensor and in the box.
template <typename Row>
void for_each_row(std::span<const std::int64_t> begin, std::span<const std::int64_t> size,
                  std::span<const std::int64_t> shape, Row row) {
  const auto rank = shape.size();
  if (std::ranges::any_of(size, [](std::int64_t count) { return count == 0; })) return;
  std::vector<std::int64_t> at(rank, 0);
  std::size_t inner = 0;
  for (;;) {
    std::int64_t outer = 0;
    for (std::size_t d = 0; d < rank; ++d) outer = outer * shape[d] + begin[d] + at[d];
    row(static_cast<std::size_t>(outer), inner);
    inner += rank == 0 ? 1 : static_cast<std::size_t>(size[rank - 1]);
    auto d = static_cast<std::int64_t>(rank) - 2;
    for (; d >= 0; --d) {
      const auto place = static_cast<std::size_t>(d);
      if (++at[place] < size[place]) break;
      at[place] = 0;
    }
    if (d < 0) return;
  }
}

void require_inside(const std::string& name, std::span<const std::int64_t> begin, std::span<const std::int64_t> size,
                    std::span<const std::int64_t> shape) {
  bool fits = begin.size() == shape.size() && size.size() == shape.size();
  for (std::size_t d = 0; fits && d < shape.size(); ++d)
    fits = begin[d] >= 0 && size[d] >= 0 && begin[d] <= shape[d] && size[d] <= shape[d] - begin[d];
  if (!fits)
    throw Error(ErrorKind::usage, name,
                fmt::format("expected a part of shape {} in a tensor of shape {}, found none", format_shape(size),
                            format_shape(shape)));
}

std::size_t row_bytes(std::span<const std::int64_t> size, std::size_t item) {
  return (size.empty() ? 1 : static_cast<std::size_t>(size.back())) * item;
}

template <typename T>
std::vector<std::byte> whole_number(DType dtype, double value) {
  const bool fits = value == std::floor(value) && value >= static_cast<double>(std::numeric_limits<T>::min()) &&
                    value <= static_cast<double>(std::numeric_limits<T>::max()) && std::abs(value) < 0x1p53;
  if (!fits)
    throw Error(ErrorKind::usage, "--pad", fmt::format("expected a value that {} holds, found {}", to_string(dtype), value),
                "give a whole number in its range");
  const auto number = static_cast<T>(value);
  std::vector<std::byte> bytes(sizeof number);
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

}  // namespace

void put_block(const HostTensor& block, std::span<const std::int64_t> begin, std::span<const std::int64_t> shape,
               std::span<std::byte> to) {
  require_inside(block.name, begin, block.shape, shape);
  const auto item = item_size(block.dtype);
  const auto count = row_bytes(block.shape, item);
  for_each_row(begin, block.shape, shape, [&](std::size_t outer, std::size_t inner) {
    std::memcpy(to.data() + outer * item, block.bytes.data() + inner * item, count);
  });
}

HostTensor cut_block(const HostTensor& tensor, std::span<const std::int64_t> begin,
                     std::span<const std::int64_t> size) {
  require_inside(tensor.name, begin, size, tensor.shape);
  const auto item = item_size(tensor.dtype);
  const auto count = row_bytes(size, item);
  std::vector<std::byte> bytes(static_cast<std::size_t>(checked_numel(size).value()) * item);
  for_each_row(begin, size, tensor.shape, [&](std::size_t outer, std::size_t inner) {
    std::memcpy(bytes.data() + inner * item, tensor.bytes.data() + outer * item, count);
  });
  return make_tensor(tensor.name, tensor.dtype, {size.begin(), size.end()}, std::move(bytes));
}

std::vector<std::byte> element_of(DType dtype, double value) {
  switch (dtype) {
    case DType::int64: return whole_number<std::int64_t>(dtype, value);
    case DType::int32: return whole_number<std::int32_t>(dtype, value);
    case DType::int16: return whole_number<std::int16_t>(dtype, value);
    case DType::int8: return whole_number<std::int8_t>(dtype, value);
    case DType::uint8: return whole_number<std::uint8_t>(dtype, value);
    case DType::boolean: return {static_cast<std::byte>(value != 0 ? 1 : 0)};
    case DType::float64:
    case DType::float32:
    case DType::float16:
    case DType::bfloat16: {
      const auto one = narrowed("pad", dtype, {1}, std::span(&value, 1));
      return {one.bytes.begin(), one.bytes.end()};
    }
    default:
      throw Error(ErrorKind::unsupported, "--pad", fmt::format("no value fills up a tensor of {}", to_string(dtype)),
                  "give cases of one size");
  }
}

}  // namespace goldseal::golden

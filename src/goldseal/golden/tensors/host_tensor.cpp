// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/tensors/host_tensor.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/tensors/element.hpp>
#include <goldseal/checkpoint/tensors/half.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace goldseal {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are little-endian and read in place");

struct Float16 {
  std::uint16_t bits;
};
struct BFloat16 {
  std::uint16_t bits;
};

template <typename T>
double widen(T value) {
  return static_cast<double>(value);
}
template <>
double widen(Float16 value) {
  return static_cast<double>(float16_to_float(value.bits));
}
template <>
double widen(BFloat16 value) {
  return static_cast<double>(bfloat16_to_float(value.bits));
}

template <typename T>
void widen_all(const std::byte* from, std::span<double> out) {
  for (auto& value : out) {
    T raw;
    std::memcpy(&raw, from, sizeof(T));
    value = widen(raw);
    from += sizeof(T);
  }
}

// Calls `action.template operator()<T>()` for the C++ type of `dtype`; false where it has none.
template <typename Action>
bool with_type(DType dtype, const Action& action) {
  switch (dtype) {
    case DType::float64:
      return action.template operator()<double>(), true;
    case DType::float32:
      return action.template operator()<float>(), true;
    case DType::float16:
      return action.template operator()<Float16>(), true;
    case DType::bfloat16:
      return action.template operator()<BFloat16>(), true;
    case DType::int64:
      return action.template operator()<std::int64_t>(), true;
    case DType::int32:
      return action.template operator()<std::int32_t>(), true;
    case DType::int16:
      return action.template operator()<std::int16_t>(), true;
    case DType::int8:
      return action.template operator()<std::int8_t>(), true;
    case DType::uint64:
      return action.template operator()<std::uint64_t>(), true;
    case DType::uint32:
      return action.template operator()<std::uint32_t>(), true;
    case DType::uint16:
      return action.template operator()<std::uint16_t>(), true;
    case DType::uint8:
    case DType::boolean:
      return action.template operator()<std::uint8_t>(), true;
    default:
      return false;
  }
}

}  // namespace

const HostTensor* find_tensor(std::span<const HostTensor> tensors, std::string_view name) {
  const auto found = std::ranges::find(tensors, name, &HostTensor::name);
  return found == tensors.end() ? nullptr : &*found;
}

bool converts_to_double(DType dtype) {
  return with_type(dtype, []<typename T>() {});
}

void copy_as_double(const HostTensor& tensor, std::size_t begin, std::span<double> out) {
  const std::byte* const from = tensor.bytes.data() + begin * item_size(tensor.dtype);
  const bool known = with_type(tensor.dtype, [&]<typename T>() { widen_all<T>(from, out); });
  if (known) return;
  throw Error(ErrorKind::unsupported, tensor.name,
              fmt::format("expected a tensor of real numbers, found {}", to_string(tensor.dtype)),
              "convert it inside the model to a float, integer or bool tensor");
}

HostTensor narrowed(std::string name, DType dtype, std::vector<std::int64_t> shape, std::span<const double> values) {
  if (!is_floating(dtype) || !converts_to_double(dtype))
    throw Error(ErrorKind::unsupported, name, fmt::format("expected a floating type, found {}", to_string(dtype)));
  std::vector<std::byte> bytes;
  from_doubles(values, dtype, bytes);
  return make_tensor(std::move(name), dtype, std::move(shape), std::move(bytes));
}

double element_as_double(const HostTensor& tensor, std::size_t index) {
  double value = 0;
  copy_as_double(tensor, index, {&value, 1});
  return value;
}

std::vector<std::int64_t> unravel(std::size_t index, std::span<const std::int64_t> shape) {
  std::vector<std::int64_t> result(shape.size());
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    const auto size = static_cast<std::size_t>(std::max<std::int64_t>(shape[axis], 1));
    result[axis] = static_cast<std::int64_t>(index % size);
    index /= size;
  }
  return result;
}

double ulp_error(double found, double reference, DType dtype) {
  if (std::isnan(found) && std::isnan(reference)) return 0;
  if (found == reference) return 0;
  if (!std::isfinite(found) || !std::isfinite(reference)) return std::numeric_limits<double>::infinity();
  return static_cast<double>(ulp_distance(found, reference, dtype).value_or(0));
}

}  // namespace goldseal

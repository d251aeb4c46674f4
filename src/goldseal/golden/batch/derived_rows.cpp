// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/batch/derived_rows.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

namespace goldseal::golden {
namespace {

// Values of a row that is made of a case: by how much each further one is wider, or less.
constexpr double k_step = 1.0 / 16;
// The point about which a row is spread, from the least to the greatest value: not the middle, so that the mean moves too.
constexpr double k_pivot = 0.625;
// The highest rank of an input whose first dimension behind the rows is a length: [rows, tokens, features].
constexpr std::size_t k_sequence_rank = 3;

// The first dimension behind that of the rows which has several places; nothing where there is none.
std::optional<std::size_t> moving_dimension(const HostTensor& input, std::int64_t rows) {
  for (std::size_t d = 0; d < input.shape.size(); ++d)
    if (std::cmp_not_equal(d, rows) && input.shape[d] > 1) return d;
  return std::nullopt;
}

// The dimension that is a length.
std::optional<std::size_t> length_dimension(const HostTensor& input, const BatchInput& how) {
  if (!how.pad || !how.dimension || input.shape.size() > k_sequence_rank) return std::nullopt;
  for (std::size_t d = 0; d < input.shape.size(); ++d)
    if (std::cmp_not_equal(d, *how.dimension)) return d;
  return std::nullopt;
}

// Takes the places of one dimension in another order: place j of the result is place `from(j)`.
template <typename From>
HostTensor reordered(const HostTensor& input, std::size_t dimension, std::int64_t count, From from) {
  auto shape = input.shape;
  shape[dimension] = count;
  std::size_t outer = 1;
  std::size_t inner = item_size(input.dtype);
  for (std::size_t d = 0; d < dimension; ++d) outer *= static_cast<std::size_t>(shape[d]);
  for (std::size_t d = dimension + 1; d < shape.size(); ++d) inner *= static_cast<std::size_t>(shape[d]);
  const auto places = static_cast<std::size_t>(input.shape[dimension]);
  std::vector<std::byte> bytes(outer * static_cast<std::size_t>(count) * inner);
  auto* to = bytes.data();
  for (std::size_t i = 0; i < outer; ++i) {
    for (std::int64_t j = 0; j < count; ++j, to += inner)
      std::memcpy(to, input.bytes.data() + (i * places + static_cast<std::size_t>(from(j))) * inner, inner);
  }
  return make_tensor(input.name, input.dtype, std::move(shape), std::move(bytes));
}

// The least rank of pictures, whose whole numbers are grey levels.
constexpr std::size_t k_picture_rank = 4;

// Other whole numbers may be indices or counts, and infinite ones a mask: these are made no greater.
bool may_be_spread(std::span<const double> values, std::size_t rank) {
  return std::ranges::all_of(values, [](double value) { return std::isfinite(value); }) &&
         (rank >= k_picture_rank || !std::ranges::all_of(values, [](double value) { return value == std::trunc(value); }));
}

// Every second row reaches beyond the least and the greatest value of the case: what is divided by a maximum of the whole
// batch shows by no row that lies within. The others are smaller.
HostTensor of_another_size(const HostTensor& input, std::int64_t number) {
  std::vector<double> values(input.numel());
  copy_as_double(input, 0, values);
  if (values.empty()) return input;
  const double factor = 1 + k_step * static_cast<double>(number);
  const auto [least, greatest] = std::ranges::minmax(values);
  if (number % 2 == 1 && least < greatest && may_be_spread(values, input.shape.size())) {
    const double pivot = least + k_pivot * (greatest - least);
    for (auto& value : values) value = pivot + factor * (value - pivot);
  } else {
    for (auto& value : values) value /= factor;
  }
  return narrowed(input.name, input.dtype, input.shape, values);
}

// A row like that of the case, with its values at other places and floating ones of another size.
HostTensor derived(const HostTensor& input, const BatchInput& how, std::int64_t number) {
  auto result = input;
  if (const auto moved = moving_dimension(input, *how.dimension)) {
    const auto count = input.shape[*moved];
    result = reordered(input, *moved, count, [&](std::int64_t j) { return (2 * count - 1 - j + number) % count; });
  }
  if (converts_to_double(input.dtype) && is_floating(input.dtype))
    result = of_another_size(result, number);
  return result;
}

HostTensor lengthened(const HostTensor& input, std::size_t dimension) {
  const auto count = input.shape[dimension];
  return reordered(input, dimension, count + (count + 1) / 2, [&](std::int64_t j) { return j % count; });
}

}  // namespace

std::string to_text(const DerivedName& name) { return fmt::format("~{}{}", name.number, name.longer ? "+" : ""); }

std::optional<DerivedName> parse_derived(std::string_view text) {
  if (!text.starts_with('~')) return std::nullopt;
  DerivedName name{0, text.ends_with('+')};
  text = text.substr(1, text.size() - (name.longer ? 2 : 1));
  std::from_chars(text.data(), text.data() + text.size(), name.number);
  return name;
}

std::vector<HostTensor> derived_row(const BatchRecord& batch, std::span<const HostTensor> of, const DerivedName& name) {
  std::vector<HostTensor> row;
  for (const auto& input : of) {
    const auto* const how = batch.find_input(input.name);
    if (how == nullptr || !how->dimension) {
      row.push_back(input);
      continue;
    }
    // A filled-up mask is read by its places.
    auto made = how->pad && !is_floating(input.dtype) && input.numel() > 0 && element_as_double(input, 0) == 1 &&
                        element_as_double(input, input.numel() - 1) == 1
                    ? input
                    : derived(input, *how, name.number);
    const auto length = name.longer ? length_dimension(input, *how) : std::nullopt;
    row.push_back(length ? lengthened(made, *length) : std::move(made));
  }
  return row;
}

}  // namespace goldseal::golden

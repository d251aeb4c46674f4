// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/batch/batch.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/golden/batch/block.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

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

using Inputs = std::vector<HostTensor>;

const BatchInput* find_input(const BatchRecord& batch, std::string_view name) {
  const auto found = std::ranges::find(batch.inputs, name, &BatchInput::name);
  return found == batch.inputs.end() ? nullptr : &*found;
}

std::string shown(const std::string& name) { return escape_unprintable(name); }

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

struct DerivedName {
  std::int64_t number = 0;
  bool longer = false;
};

std::string to_text(const DerivedName& name) { return fmt::format("~{}{}", name.number, name.longer ? "+" : ""); }

std::optional<DerivedName> parse_derived(std::string_view text) {
  if (!text.starts_with('~')) return std::nullopt;
  DerivedName name{0, text.ends_with('+')};
  text = text.substr(1, text.size() - (name.longer ? 2 : 1));
  std::from_chars(text.data(), text.data() + text.size(), name.number);
  return name;
}

Inputs derived_row(const BatchRecord& batch, std::span<const HostTensor> of, const DerivedName& name) {
  Inputs row;
  for (const auto& input : of) {
    const auto* const how = find_input(batch, input.name);
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

// Whether two inputs can stand in one batch.
bool fit_together(const HostTensor& a, const HostTensor& b, const BatchInput& how) {
  if (a.dtype != b.dtype || a.shape.size() != b.shape.size()) return false;
  if (!how.dimension) return std::ranges::equal(a.shape, b.shape) && std::ranges::equal(a.bytes, b.bytes);
  for (std::size_t d = 0; d < a.shape.size(); ++d) {
    const bool fills = how.pad && std::cmp_not_equal(d, *how.dimension);
    if (a.shape[d] != b.shape[d] && !fills) return false;
  }
  return true;
}

bool fit_together(const BatchRecord& batch, std::span<const HostTensor> a, std::span<const HostTensor> b) {
  if (a.size() != b.size()) return false;
  return std::ranges::all_of(batch.inputs, [&](const BatchInput& how) {
    if (how.made) return true;
    const auto* const one = find_tensor(a, how.name);
    const auto* const other = find_tensor(b, how.name);
    if (one == nullptr || other == nullptr) return one == other;
    return fit_together(*one, *other, how);
  });
}

bool is_longer(const BatchRecord& batch, std::span<const HostTensor> a, std::span<const HostTensor> than) {
  return std::ranges::any_of(batch.inputs, [&](const BatchInput& how) {
    const auto* const one = how.made ? nullptr : find_tensor(a, how.name);
    const auto* const other = how.made ? nullptr : find_tensor(than, how.name);
    if (one == nullptr || other == nullptr || !how.pad) return false;
    for (std::size_t d = 0; d < one->shape.size(); ++d)
      if (one->shape[d] > other->shape[d]) return true;
    return false;
  });
}

bool pads(const BatchRecord& batch) {
  return std::ranges::any_of(batch.inputs, [](const BatchInput& how) { return how.pad && !how.made; });
}

std::vector<std::int64_t> greatest_shape(std::span<const HostTensor* const> rows, std::size_t dimension) {
  auto shape = rows.front()->shape;
  for (const auto* const row : rows)
    for (std::size_t d = 0; d < shape.size(); ++d) shape[d] = std::max(shape[d], row->shape[d]);
  shape[dimension] *= static_cast<std::int64_t>(rows.size());
  return shape;
}

// Where a row begins in its batch.
std::vector<std::int64_t> begin_of(const HostTensor& row, std::span<const std::int64_t> shape, std::size_t dimension,
                                   std::size_t place, bool left) {
  std::vector<std::int64_t> begin(shape.size(), 0);
  for (std::size_t d = 0; left && d < shape.size(); ++d) begin[d] = shape[d] - row.shape[d];
  begin[dimension] = static_cast<std::int64_t>(place) * row.shape[dimension];
  return begin;
}

HostTensor joined(std::span<const HostTensor* const> rows, const BatchInput& how, bool left) {
  const auto& first = *rows.front();
  const auto dimension = static_cast<std::size_t>(*how.dimension);
  auto shape = greatest_shape(rows, dimension);
  const auto filling = element_of(first.dtype, how.pad.value_or(0));
  std::size_t count = 1;
  for (const auto extent : shape) count *= static_cast<std::size_t>(extent);
  std::vector<std::byte> bytes;
  bytes.reserve(count * filling.size());
  for (std::size_t i = 0; i < count; ++i) bytes.insert(bytes.end(), filling.begin(), filling.end());
  for (std::size_t r = 0; r < rows.size(); ++r)
    put_block(*rows[r], begin_of(*rows[r], shape, dimension, r, left), shape, bytes);
  return make_tensor(first.name, first.dtype, std::move(shape), std::move(bytes));
}

// 1 where a row has values of the first input that is filled up.
HostTensor mask_of(const std::string& name, std::span<const HostTensor* const> rows, const BatchInput& how, bool left) {
  const auto dimension = static_cast<std::size_t>(*how.dimension);
  std::vector<HostTensor> ones;
  for (const auto* const row : rows) {
    std::vector<std::int64_t> shape(row->shape.begin(), row->shape.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(2, row->shape.size())));
    std::size_t count = 1;
    for (const auto extent : shape) count *= static_cast<std::size_t>(extent);
    ones.push_back(make_tensor(name, DType::int64, std::move(shape), std::vector<std::int64_t>(count, 1)));
  }
  std::vector<const HostTensor*> pointers;
  for (const auto& one : ones) pointers.push_back(&one);
  return joined(pointers, {name, static_cast<std::int64_t>(dimension), 0.0}, left);
}

std::vector<const HostTensor*> of_each(std::span<const Inputs> rows, const std::string& name) {
  std::vector<const HostTensor*> tensors;
  for (const auto& row : rows) tensors.push_back(find_tensor(row, name));
  return tensors;
}

Inputs join(const BatchRecord& batch, std::span<const Inputs> rows) {
  Inputs inputs;
  for (const auto& how : batch.inputs) {
    if (how.made) continue;
    const auto tensors = of_each(rows, how.name);
    if (tensors.front() == nullptr) continue;
    inputs.push_back(how.dimension ? joined(tensors, how, batch.pad_left) : *tensors.front());
  }
  for (const auto& how : batch.inputs) {
    if (!how.made) continue;
    const auto filled = std::ranges::find_if(batch.inputs, [](const BatchInput& input) { return input.pad && !input.made; });
    if (filled == batch.inputs.end()) continue;
    inputs.push_back(mask_of(how.name, of_each(rows, filled->name), *filled, batch.pad_left));
  }
  return inputs;
}

const BatchCase& find_case(std::span<const BatchCase> cases, const std::string& name) {
  const auto found = std::ranges::find(cases, name, &BatchCase::name);
  if (found == cases.end()) throw Error(ErrorKind::malformed, name, "expected a golden case of this name, found none");
  return *found;
}

Inputs row_called(const BatchRecord& batch, const std::string& name, std::size_t place,
                  std::span<const HostTensor> of, std::span<const BatchCase> cases, Beside beside) {
  const auto number = static_cast<std::int64_t>(place) + 1;
  if (beside == Beside::plain) return derived_row(batch, of, {number, false});
  const auto made = parse_derived(name);
  const auto sealed = made ? derived_row(batch, of, *made) : Inputs();
  const auto row = made ? std::span<const HostTensor>(sealed) : find_case(cases, name).inputs;
  if (beside == Beside::sealed) return {row.begin(), row.end()};
  return derived_row(batch, row, {number, false});  // turned round once more
}

[[noreturn]] void refuse(const std::string& where, const std::string& what, const std::string& remedy) {
  throw Error(ErrorKind::usage, where, what, remedy);
}

// How many rows a case has, by its first input that has any.
std::int64_t rows_of(const BatchRecord& batch, const BatchCase& of) {
  std::optional<std::int64_t> rows;
  std::string first;
  for (const auto& input : of.inputs) {
    const auto* const how = find_input(batch, input.name);
    if (how == nullptr || !how->dimension) continue;
    if (std::cmp_greater_equal(*how->dimension, input.shape.size()))
      refuse("--batch-dim", fmt::format("expected a dimension of {}, which has {}, found {}", shown(input.name),
                                        input.shape.size(), *how->dimension),
             "count from 0; or none, where a batch has one of it for all of its cases");
    const auto found = input.shape[static_cast<std::size_t>(*how->dimension)];
    if (rows && *rows != found)
      refuse("--batch", fmt::format("expected as many rows in each input of {}, found {} in {} and {} in {}", of.name,
                                    *rows, shown(first), found, shown(input.name)),
             fmt::format("say where its rows are: --batch-dim {}=1; or --batch-dim {}=none, where a batch has one of it "
                         "for all of its cases",
                         shown(input.name), shown(input.name)));
    rows = found;
    first = input.name;
  }
  if (!rows)
    refuse("--batch", fmt::format("expected an input of {} with a dimension for its rows, found none", of.name),
           "give each input with a batch dimension: array[None]");
  return *rows;
}

template <typename Value>
void require_known(const char* option, const std::map<std::string, Value>& given, const BatchRecord& batch) {
  for (const auto& [name, value] : given) {
    if (find_input(batch, name) != nullptr) continue;
    std::vector<std::string> names;
    for (const auto& input : batch.inputs) names.push_back(input.name);
    const auto near = did_you_mean(name, names);
    refuse(option, fmt::format("expected the name of an input, found {}", shown(name)),
           near ? fmt::format("did you mean {}?", *near)
                : fmt::format("the cases have {}", fmt::join(names, ", ")));
  }
}

}  // namespace

std::pair<std::string, double> parse_pad(std::string_view text) {
  const auto equals = text.rfind('=');
  double value = 0;
  bool reads = equals != std::string_view::npos && equals > 0;
  if (reads) {
    const auto number = text.substr(equals + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    reads = error == std::errc() && end == number.data() + number.size() && std::isfinite(value);
  }
  if (!reads)
    refuse("--pad", fmt::format("expected NAME=VALUE, found {}", escape_unprintable(text)),
           "name the input and what fills it up: --pad input_ids=0");
  return {std::string(text.substr(0, equals)), value};
}

std::pair<std::string, std::optional<std::int64_t>> parse_batch_dimension(std::string_view text) {
  const auto equals = text.rfind('=');
  const auto given = equals == std::string_view::npos ? std::string_view() : text.substr(equals + 1);
  std::int64_t dimension = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), dimension);
  const bool is_number = error == std::errc() && end == given.data() + given.size() && dimension >= 0 && dimension < 64;
  if (equals == 0 || equals == std::string_view::npos || (!is_number && given != "none"))
    refuse("--batch-dim", fmt::format("expected NAME=DIMENSION or NAME=none, found {}", escape_unprintable(text)),
           "count dimensions from 0: --batch-dim hidden=1");
  return {std::string(text.substr(0, equals)), is_number ? std::optional(dimension) : std::nullopt};
}

BatchRecord plan_batch(const BatchRequest& request, std::span<const BatchCase> cases) {
  BatchRecord batch{request.size, request.pad_left, {}};
  for (const auto& one : cases) {
    for (const auto& input : one.inputs) {
      if (find_input(batch, input.name) != nullptr) continue;
      BatchInput how{input.name, input.shape.empty() ? std::nullopt : std::optional<std::int64_t>(0)};
      if (const auto told = request.dimensions.find(input.name); told != request.dimensions.end())
        how.dimension = told->second;
      if (const auto pad = request.pads.find(input.name); pad != request.pads.end()) how.pad = pad->second;
      batch.inputs.push_back(std::move(how));
    }
  }
  require_known("--pad", request.pads, batch);
  require_known("--batch-dim", request.dimensions, batch);
  for (const auto& one : cases) static_cast<void>(rows_of(batch, one));
  if (request.mask.empty()) return batch;
  if (find_input(batch, request.mask) != nullptr)
    refuse("--pad-mask", fmt::format("expected an input that the cases lack, found {}, which they have", shown(request.mask)),
           fmt::format("fill it up like the others: --pad {}=0", shown(request.mask)));
  if (!pads(batch))
    refuse("--pad-mask", "expected --pad beside it, found none", "name what is filled up: --pad input_ids=0");
  batch.inputs.push_back({request.mask, 0, 0.0, true});
  return batch;
}

std::vector<std::string> choose_beside(const BatchRecord& batch, std::size_t of, std::span<const BatchCase> cases) {
  const auto wanted = static_cast<std::size_t>(batch.size - 1);
  std::vector<std::string> names;
  bool longer = false;
  for (std::size_t step = 1; step < cases.size() && names.size() < wanted; ++step) {
    const auto& other = cases[(of + step) % cases.size()];
    if (!fit_together(batch, cases[of].inputs, other.inputs)) continue;
    names.push_back(other.name);
    longer = longer || is_longer(batch, other.inputs, cases[of].inputs);
  }
  // The longest case of all is filled up by nothing: others are, beside it.
  const bool shorter = std::ranges::any_of(cases, [&](const BatchCase& other) {
    return fit_together(batch, cases[of].inputs, other.inputs) && is_longer(batch, cases[of].inputs, other.inputs);
  });
  bool lengthen = pads(batch) && !longer && !shorter;
  if (lengthen && names.size() == wanted) names.pop_back();
  for (std::int64_t number = 1; names.size() < wanted; ++number) {
    names.push_back(to_text({number, lengthen}));
    lengthen = false;
  }
  return names;
}

std::vector<std::vector<std::size_t>> arrangements(std::int64_t size) {
  const auto count = static_cast<std::size_t>(size);
  std::vector<std::vector<std::size_t>> sets{{0}, {count - 1}};
  for (std::size_t first = 1; first <= 2; ++first) {
    std::vector<std::size_t> between;
    for (auto row = first; row + 1 < count; row += 2) between.push_back(row);
    if (!between.empty()) sets.push_back(std::move(between));
  }
  return sets;
}

Batch make_batch(const BatchRecord& batch, const GoldenCase& of, std::span<const BatchCase> cases,
                 std::span<const std::size_t> rows, Beside beside) {
  const auto& own = find_case(cases, of.name).inputs;
  for (const auto& name : of.beside)
    if (!parse_derived(name) && !fit_together(batch, own, find_case(cases, name).inputs))
      throw Error(ErrorKind::malformed, of.name, fmt::format("expected beside it a case that fits, found {}", name),
                  "do not use this seal: no goldseal writes it so");
  std::vector<Inputs> all;
  std::size_t next = 0;
  for (std::size_t row = 0; std::cmp_less(row, batch.size); ++row) {
    if (std::ranges::find(rows, row) != rows.end()) {
      all.emplace_back(own.begin(), own.end());
      continue;
    }
    const auto place = next++ % of.beside.size();
    all.push_back(row_called(batch, of.beside[place], place, own, cases, beside));
  }
  const bool padded = std::ranges::any_of(all, [&](const Inputs& row) { return is_longer(batch, row, own); });
  return {join(batch, all), padded};
}

}  // namespace goldseal::golden

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/batch/batch.hpp>

#include <goldseal/base/bytes/checked.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/golden/batch/block.hpp>
#include <goldseal/golden/batch/derived_rows.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace goldseal::golden {
namespace {

using Inputs = std::vector<HostTensor>;

std::string shown(const std::string& name) { return escape_unprintable(name); }

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
  const auto count = static_cast<std::size_t>(checked_numel(shape).value());
  std::vector<std::byte> bytes;
  bytes.reserve(count * filling.size());
  for (std::size_t i = 0; i < count; ++i) bytes.insert(bytes.end(), filling.begin(), filling.end());
  for (std::size_t r = 0; r < rows.size(); ++r)
    put_block(*rows[r], begin_of(*rows[r], shape, dimension, r, left), shape, bytes);
  return make_tensor(first.name, first.dtype, std::move(shape), std::move(bytes));
}

// 1 where a row has values of the first input that is filled up.
HostTensor mask_of(const std::string& name, std::span<const HostTensor* const> rows, const BatchInput& how, bool left) {
  std::vector<HostTensor> ones;
  for (const auto* const row : rows) {
    const auto of_row = std::span(row->shape).first(std::min<std::size_t>(2, row->shape.size()));
    const auto count = static_cast<std::size_t>(checked_numel(of_row).value());
    ones.push_back(make_tensor(name, DType::int64, {of_row.begin(), of_row.end()}, std::vector<std::int64_t>(count, 1)));
  }
  std::vector<const HostTensor*> pointers;
  for (const auto& one : ones) pointers.push_back(&one);
  return joined(pointers, {name, how.dimension, 0.0}, left);
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
    const auto* const how = batch.find_input(input.name);
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
    if (batch.find_input(name) != nullptr) continue;
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
      if (batch.find_input(input.name) != nullptr) continue;
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
  if (batch.find_input(request.mask) != nullptr)
    refuse("--pad-mask", fmt::format("expected an input that the cases lack, found {}, which they have", shown(request.mask)),
           fmt::format("fill it up like the others: --pad {}=0", shown(request.mask)));
  if (!batch.pads())
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
  bool lengthen = batch.pads() && !longer && !shorter;
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

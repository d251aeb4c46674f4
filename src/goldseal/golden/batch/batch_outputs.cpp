// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/batch/batch_outputs.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/golden/batch/block.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace goldseal::golden {
namespace {

bool is_in_list(const HostTensor& alone, std::span<const GoldenOutput> all, std::span<const HostTensor> found,
                std::int64_t size) {
  for (std::size_t row = 1; std::cmp_less(row, size); ++row) {
    const auto name = name_in_list(alone.name, row);
    const bool of_case = std::ranges::any_of(all, [&](const auto& output) { return output.native.name == name; });
    if (name.empty() || of_case || find_tensor(found, name) == nullptr) return false;
  }
  return find_tensor(found, name_in_list(alone.name, 0)) != nullptr;
}

// The dimensions that are `size` times as large; nothing where the shapes have no such relation.
std::vector<std::int64_t> scaled_dimensions(std::span<const std::int64_t> alone, std::span<const std::int64_t> found,
                                            std::int64_t size) {
  std::vector<std::int64_t> dimensions;
  if (alone.size() != found.size()) return dimensions;
  for (std::size_t d = 0; d < alone.size(); ++d) {
    if (alone[d] == found[d]) continue;
    if (found[d] != size * alone[d]) return {};
    dimensions.push_back(static_cast<std::int64_t>(d));
  }
  return dimensions;
}

// A dimension of the rows that the case alone lacks, since squeeze() takes one of size 1 away: that of an input first.
std::optional<std::int64_t> added_dimension(std::span<const std::int64_t> alone, std::span<const std::int64_t> found,
                                            const BatchRecord& batch) {
  if (found.size() != alone.size() + 1) return std::nullopt;
  const auto fits = [&](std::int64_t dimension) {
    if (std::cmp_greater_equal(dimension, found.size())) return false;
    std::vector<std::int64_t> without(found.begin(), found.end());
    without.erase(without.begin() + dimension);
    return found[static_cast<std::size_t>(dimension)] == batch.size && std::ranges::equal(without, alone);
  };
  for (const auto& input : batch.inputs)
    if (input.dimension && fits(*input.dimension)) return input.dimension;
  for (std::int64_t d = 0; std::cmp_less(d, found.size()); ++d)
    if (fits(d)) return d;
  return std::nullopt;
}

bool same_bytes(const HostTensor& a, const HostTensor& b) {
  return a.dtype == b.dtype && a.shape == b.shape && std::ranges::equal(a.bytes, b.bytes);
}

BatchOutput place_of(const HostTensor& alone, std::span<const GoldenOutput> all, std::span<const HostTensor> found,
                     const BatchRecord& batch) {
  BatchOutput place{alone.name, {}, false, false};
  if (is_in_list(alone, all, found, batch.size)) {
    place.in_list = true;
    return place;
  }
  const auto* const output = find_tensor(found, alone.name);
  if (output == nullptr) {
    place.of_all = true;
    return place;
  }
  place.dimensions = scaled_dimensions(alone.shape, output->shape, batch.size);
  place.added = added_dimension(alone.shape, output->shape, batch);
  // A table that the network gives back, whatever it is asked.
  place.of_all = place.dimensions.empty() && !place.added && !same_bytes(alone, *output);
  return place;
}

// Where the part of a case stands; nothing where a batch's output has no such part.
std::optional<std::vector<std::int64_t>> begin_of_part(std::span<const std::int64_t> found,
                                                       std::span<const std::int64_t> alone, const BatchOutput& place,
                                                       std::size_t row, const BatchRecord& batch) {
  if (found.size() != alone.size()) return std::nullopt;
  std::vector<std::int64_t> begin(found.size(), 0);
  for (std::size_t d = 0; d < begin.size(); ++d) {
    const bool of_rows = std::ranges::find(place.dimensions, static_cast<std::int64_t>(d)) != place.dimensions.end();
    const auto rows = of_rows ? batch.size : 1;
    const auto each = found[d] / rows;
    if (found[d] % rows != 0 || each < alone[d] || (of_rows && each != alone[d] && !batch.pads())) return std::nullopt;
    begin[d] = (of_rows ? static_cast<std::int64_t>(row) * each : 0) + (batch.pad_left ? each - alone[d] : 0);
  }
  return begin;
}

HostTensor without_dimension(const HostTensor& output, std::size_t dimension, std::size_t row) {
  std::vector<std::int64_t> begin(output.shape.size(), 0);
  auto size = output.shape;
  begin[dimension] = static_cast<std::int64_t>(row);
  size[dimension] = 1;
  auto part = cut_block(output, begin, size);
  part.shape.erase(part.shape.begin() + static_cast<std::ptrdiff_t>(dimension));
  return part;
}

HostTensor cut(const HostTensor& output, const HostTensor& alone, const BatchOutput& place, std::size_t row,
               const BatchRecord& batch) {
  if (place.added) {
    const auto dimension = static_cast<std::size_t>(*place.added);
    const bool fits = output.shape.size() == alone.shape.size() + 1 && output.shape[dimension] == batch.size;
    if (!fits) return output;
    const auto of_row = without_dimension(output, dimension, row);
    const auto begin = begin_of_part(of_row.shape, alone.shape, place, row, batch);
    return begin ? cut_block(of_row, *begin, alone.shape) : output;
  }
  const auto begin = begin_of_part(output.shape, alone.shape, place, row, batch);
  return begin ? cut_block(output, *begin, alone.shape) : output;
}

// Whether another batch has the case's part where the first one had it.
bool holds(const BatchOutput& place, const HostTensor& alone, std::span<const GoldenOutput> all,
           std::span<const HostTensor> found, const BatchRecord& batch) {
  if (place.of_all) return true;
  if (place.in_list) return is_in_list(alone, all, found, batch.size);
  const auto* const output = find_tensor(found, alone.name);
  if (output == nullptr) return false;
  if (place.dimensions.empty() && !place.added) return same_bytes(alone, *output);
  return cut(*output, alone, place, 0, batch).shape == alone.shape;
}

}  // namespace

std::string name_in_list(const std::string& alone, std::size_t row) {
  auto parts = split(alone, '.');
  const auto first = std::ranges::find(parts, std::string_view("0"));
  if (first == parts.end()) return {};
  const auto number = std::to_string(row);
  *first = number;
  return fmt::format("{}", fmt::join(parts, "."));
}

std::vector<BatchOutput> find_places(std::span<const GoldenOutput> alone, std::span<const std::vector<HostTensor>> runs,
                                     const BatchRecord& batch) {
  std::vector<BatchOutput> places;
  for (const auto& output : alone) {
    auto place = place_of(output.native, alone, runs.front(), batch);
    const bool everywhere =
        std::ranges::all_of(runs, [&](const auto& found) { return holds(place, output.native, alone, found, batch); });
    places.push_back(everywhere ? std::move(place) : BatchOutput{output.native.name, {}, false, true});
  }
  return places;
}

std::vector<HostTensor> answers_at(std::size_t row, const BatchRecord& batch, std::span<const BatchOutput> places,
                                   std::span<const GoldenOutput> alone, std::span<const HostTensor> found) {
  std::vector<HostTensor> answers;
  for (const auto& place : places) {
    const auto sealed = std::ranges::find(alone, place.name, [](const auto& output) { return output.native.name; });
    if (place.of_all || sealed == alone.end()) continue;
    const auto* const output = find_tensor(found, place.in_list ? name_in_list(place.name, row) : place.name);
    if (output == nullptr) continue;
    const bool has_rows = !place.dimensions.empty() || place.added;
    auto answer = has_rows ? cut(*output, sealed->native, place, row, batch) : *output;
    answer.name = place.name;
    answers.push_back(std::move(answer));
  }
  return answers;
}

}  // namespace goldseal::golden

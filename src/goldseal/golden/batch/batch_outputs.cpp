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

bool same_bytes(const HostTensor& a, const HostTensor& b) {
  return a.dtype == b.dtype && a.shape == b.shape && std::ranges::equal(a.bytes, b.bytes);
}

BatchOutput place_of(const HostTensor& alone, std::span<const GoldenOutput> all, std::span<const HostTensor> found,
                     std::int64_t size) {
  BatchOutput place{alone.name, {}, false, false};
  if (is_in_list(alone, all, found, size)) {
    place.in_list = true;
    return place;
  }
  const auto* const output = find_tensor(found, alone.name);
  if (output == nullptr) {
    place.of_all = true;
    return place;
  }
  place.dimensions = scaled_dimensions(alone.shape, output->shape, size);
  // A table that the network gives back, whatever it is asked.
  place.of_all = place.dimensions.empty() && !same_bytes(alone, *output);
  return place;
}

HostTensor cut(const HostTensor& output, const HostTensor& alone, const BatchOutput& place, std::size_t row,
               const BatchRecord& batch) {
  std::vector<std::int64_t> begin(output.shape.size(), 0);
  for (std::size_t d = 0; d < begin.size(); ++d) {
    const bool of_rows = std::ranges::find(place.dimensions, static_cast<std::int64_t>(d)) != place.dimensions.end();
    const auto whole = of_rows ? batch.size * alone.shape[d] : alone.shape[d];
    if (of_rows ? output.shape[d] != whole : output.shape[d] < whole) return output;
    begin[d] = of_rows ? static_cast<std::int64_t>(row) * alone.shape[d]
               : batch.pad_left ? output.shape[d] - alone.shape[d]
                                : 0;
  }
  return cut_block(output, begin, alone.shape);
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

std::vector<BatchOutput> find_places(std::span<const GoldenOutput> alone, std::span<const HostTensor> found,
                                     std::int64_t size) {
  std::vector<BatchOutput> places;
  for (const auto& output : alone) places.push_back(place_of(output.native, alone, found, size));
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
    auto answer = *output;
    const bool fits = !place.dimensions.empty() && output->shape.size() == sealed->native.shape.size();
    if (fits) answer = cut(*output, sealed->native, place, row, batch);
    answer.name = place.name;
    answers.push_back(std::move(answer));
  }
  return answers;
}

}  // namespace goldseal::golden

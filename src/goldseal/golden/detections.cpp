// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/detections.hpp>

#include <goldseal/base/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>
#include <string_view>
#include <tuple>
#include <utility>

namespace goldseal::golden {
namespace {

constexpr std::array<std::string_view, 3> k_box_names = {"boxes", "bboxes", "pred_boxes"};

// More candidates than a suppression leaves: such an output is raw, and its rows keep their places.
constexpr std::int64_t k_most_rows = 4096;
// Of a long row (a mask, a keypoint list) people are told the beginning.
constexpr std::size_t k_told_values = 6;

std::pair<std::string_view, std::string_view> split_name(std::string_view name) {
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos ? std::pair(std::string_view(), name)
                                       : std::pair(name.substr(0, dot + 1), name.substr(dot + 1));
}

bool is_boxes(const HostTensor& output) {
  return is_floating(output.dtype) && output.shape.size() == 2 && (output.shape[1] == 4 || output.shape[1] == 5) &&
         std::ranges::find(k_box_names, split_name(output.name).second) != k_box_names.end();
}

std::size_t rows_of(const HostTensor& tensor) {
  return tensor.shape.empty() ? 0 : static_cast<std::size_t>(tensor.shape.front());
}

std::size_t columns_of(const HostTensor& tensor) {
  const auto rows = rows_of(tensor);
  return rows == 0 ? 0 : tensor.numel() / rows;
}

std::vector<std::int64_t> row_shape(const HostTensor& tensor) { return {tensor.shape.begin() + 1, tensor.shape.end()}; }

bool same_kind_of_rows(const HostTensor& sealed, const HostTensor& found) {
  const bool types = sealed.dtype == found.dtype || (is_floating(sealed.dtype) && is_floating(found.dtype));
  return types && !found.shape.empty() && row_shape(sealed) == row_shape(found) && converts_to_double(found.dtype);
}

std::vector<double> values_of(const HostTensor& tensor) {
  std::vector<double> values(tensor.numel());
  copy_as_double(tensor, 0, values);
  return values;
}

// One output of both sides, with the unit that its columns are measured in.
class Member {
 public:
  Member(const HostTensor& sealed, const HostTensor& found)
      : m_columns(columns_of(sealed)),
        m_exact(!is_floating(sealed.dtype)),
        m_sealed(values_of(sealed)),
        m_found(values_of(found)) {
    m_units.assign(m_columns, 0);
    for (std::size_t i = 0; i < m_sealed.size(); ++i) {
      auto& unit = m_units[i % m_columns];
      if (std::isfinite(m_sealed[i])) unit = std::max(unit, std::fabs(m_sealed[i]));
    }
  }

  // Masks and the like may differ in an element without being of another object; a class may not.
  [[nodiscard]] bool compares() const { return !m_exact || m_columns == 1; }

  // The largest difference of two rows in units of the columns; infinity as soon as it is beyond `limit`.
  [[nodiscard]] double distance(std::size_t sealed, std::size_t found, double limit) const {
    double largest = 0;
    for (std::size_t i = 0; i < m_columns; ++i) {
      const double a = m_sealed[sealed * m_columns + i];
      const double b = m_found[found * m_columns + i];
      if (a == b || (std::isnan(a) && std::isnan(b))) continue;
      const double apart = m_exact || m_units[i] == 0 ? far : std::fabs(a - b) / m_units[i];
      // Written so that a NaN is far.
      if (!(apart <= limit)) return far;
      largest = std::max(largest, apart);
    }
    return largest;
  }

  static constexpr double far = std::numeric_limits<double>::infinity();

 private:
  std::size_t m_columns;
  bool m_exact;
  std::vector<double> m_sealed;
  std::vector<double> m_found;
  std::vector<double> m_units;
};

using Pair = std::tuple<double, std::size_t, std::size_t>;  // distance, sealed row, found row

std::vector<Pair> near_pairs(std::span<const HostTensor> sealed, std::span<const HostTensor> found) {
  std::vector<Member> members;
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Member member(sealed[i], found[i]);
    if (member.compares()) members.push_back(std::move(member));
  }
  std::vector<Pair> pairs;
  for (std::size_t row = 0; row < rows_of(sealed.front()); ++row) {
    for (std::size_t other = 0; other < rows_of(found.front()); ++other) {
      double largest = 0;
      for (const auto& member : members) {
        largest = std::max(largest, member.distance(row, other, k_same_object));
        if (largest > k_same_object) break;
      }
      if (largest <= k_same_object) pairs.emplace_back(largest, row, other);
    }
  }
  std::ranges::sort(pairs);
  return pairs;
}

// The rows of `found` in the sealed order.
HostTensor arranged(const HostTensor& sealed, const HostTensor& found,
                    const std::vector<std::optional<std::size_t>>& rows) {
  std::vector<std::size_t> sources;
  std::vector<std::size_t> absent;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    sources.push_back(rows[row].value_or(0));
    if (!rows[row]) absent.push_back(row);
  }
  if (rows_of(found) > 0) return without_rows(only_rows(found, sources), absent);
  auto shape = sealed.shape;
  std::vector<std::byte> bytes(sealed.numel() * item_size(found.dtype));
  return without_rows(make_tensor(found.name, found.dtype, std::move(shape), std::move(bytes)), absent);
}

std::string tell_values(const HostTensor& output, std::size_t row) {
  const auto columns = columns_of(output);
  std::vector<std::string> values;
  for (std::size_t i = 0; i < std::min(columns, k_told_values); ++i)
    values.push_back(fmt::format("{:.4g}", element_as_double(output, row * columns + i)));
  if (columns == 1) return values.front();
  return fmt::format("({}{})", fmt::join(values, ", "), columns > k_told_values ? ", …" : "");
}

}  // namespace

std::vector<std::vector<std::string>> find_detections(std::span<const HostTensor> outputs) {
  std::vector<std::vector<std::string>> groups;
  for (const auto& boxes : outputs) {
    if (!is_boxes(boxes) || boxes.shape[0] < 1 || boxes.shape[0] > k_most_rows) continue;
    const auto prefix = split_name(boxes.name).first;
    std::vector<std::string> group;
    bool scored = false;
    for (const auto& output : outputs) {
      const auto [place, name] = split_name(output.name);
      if (place != prefix || output.shape.empty() || output.shape[0] != boxes.shape[0]) continue;
      if (!converts_to_double(output.dtype)) continue;
      group.push_back(output.name);
      scored = scored || (name == "scores" && output.shape.size() == 1);
    }
    if (scored) groups.push_back(std::move(group));
  }
  return groups;
}

void require_detections(std::span<const std::string> names, std::span<const HostTensor> outputs) {
  const auto members = select(outputs, names);
  const auto told = fmt::format("{}", fmt::join(names, ", "));
  if (!members) {
    std::vector<std::string> known;
    for (const auto& output : outputs) known.push_back(output.name);
    throw Error(ErrorKind::usage, told,
                fmt::format("expected outputs of the network, which are {}", fmt::join(known, ", ")),
                "name those that hold one row for each object found");
  }
  const auto rows = rows_of(members->front());
  for (const auto& member : *members) {
    if (rows_of(member) == rows && rows > 0 && converts_to_double(member.dtype)) continue;
    throw Error(ErrorKind::usage, member.name,
                fmt::format("expected {} rows as {} has, at least 1, found {} {}", rows, members->front().name,
                            to_string(member.dtype), format_shape(member.shape)),
                "name outputs that hold one row for each object, and an input on which something is found");
  }
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

std::optional<AlignedDetections> align_detections(std::span<const HostTensor> sealed,
                                                  std::span<const HostTensor> found) {
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    if (!same_kind_of_rows(sealed[i], found[i]) || rows_of(found[i]) != rows_of(found.front())) return std::nullopt;
  }
  AlignedDetections aligned;
  aligned.rows.resize(rows_of(sealed.front()));
  std::vector<bool> taken(rows_of(found.front()));
  for (const auto& [distance, row, other] : near_pairs(sealed, found)) {
    if (aligned.rows[row] || taken[other]) continue;
    aligned.rows[row] = other;
    taken[other] = true;
  }
  for (std::size_t other = 0; other < taken.size(); ++other)
    if (!taken[other]) aligned.strangers.push_back(other);
  for (std::size_t i = 0; i < sealed.size(); ++i)
    aligned.outputs.push_back(arranged(sealed[i], found[i], aligned.rows));
  return aligned;
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

bool in_order(const std::vector<std::optional<std::size_t>>& rows, std::span<const std::size_t> left_out) {
  std::optional<std::size_t> last;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (!rows[row] || std::ranges::find(left_out, row) != left_out.end()) continue;
    if (last && *rows[row] < *last) return false;
    last = rows[row];
  }
  return true;
}

std::string describe_row(std::span<const HostTensor> outputs, std::size_t row) {
  std::vector<std::string> parts;
  for (const auto& output : outputs)
    parts.push_back(fmt::format("{} {}", split_name(output.name).second, tell_values(output, row)));
  return fmt::format("{}", fmt::join(parts, ", "));
}

DetectionVerdict judge_detections(const SealedDetections& detections, std::span<const HostTensor> sealed,
                                  std::span<const HostTensor> found, const AlignedDetections& aligned) {
  const auto is_unsettled = [&](std::size_t row) {
    return std::ranges::find(detections.unsettled, row) != detections.unsettled.end();
  };
  DetectionVerdict verdict;
  verdict.unsettled = detections.unsettled.size();
  verdict.sealed = aligned.rows.size() - verdict.unsettled;
  verdict.found = rows_of(found.front());
  for (std::size_t row = 0; row < aligned.rows.size(); ++row)
    if (!aligned.rows[row] && !is_unsettled(row)) verdict.missing.push_back(describe_row(sealed, row));
  verdict.out_of_order = detections.ordered && !in_order(aligned.rows, detections.unsettled);
  if (aligned.strangers.empty()) return verdict;
  std::vector<HostTensor> strangers;
  for (const auto& output : found) strangers.push_back(only_rows(output, aligned.strangers));
  std::vector<std::size_t> strange(aligned.strangers.size());
  std::iota(strange.begin(), strange.end(), 0U);
  if (!detections.others.empty()) {
    if (const auto known = align_detections(detections.others, strangers)) strange = known->strangers;
  }
  for (const auto row : strange) verdict.strange.push_back(describe_row(strangers, row));
  return verdict;
}

}  // namespace goldseal::golden

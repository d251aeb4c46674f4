// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/detections/detection_alignment.hpp>

#include <goldseal/golden/detections/detection_rows.hpp>
#include <goldseal/golden/tensors/constants.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

namespace goldseal::golden {
namespace {

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

}  // namespace

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

bool in_order(const std::vector<std::optional<std::size_t>>& rows, std::span<const std::size_t> left_out) {
  std::optional<std::size_t> last;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (!rows[row] || std::ranges::find(left_out, row) != left_out.end()) continue;
    if (last && *rows[row] < *last) return false;
    last = rows[row];
  }
  return true;
}

}  // namespace goldseal::golden

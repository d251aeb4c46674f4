// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/compare/comparison.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/running/parallel.hpp>
#include <goldseal/golden/compare/row_agreement.hpp>
#include <goldseal/golden/compare/stretch_sums.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

namespace goldseal::golden {
namespace {

// Elements of a task: 13 bytes each, so that a block stays in a second-level cache between its passes.
constexpr std::size_t k_block = 32768;
// Elements that are converted at a time for types that have no kernel.
constexpr std::size_t k_converted = 2048;
// Rows from this length on are asked for their largest five too: of fewer, most would be among them.
constexpr std::size_t k_row_of_five = LargestValues::k_most + 1;
// Below this many blocks, threads cost more than they save.
constexpr std::size_t k_worth_threads = 8;

double share(std::size_t same, std::size_t rows) { return static_cast<double>(same) / static_cast<double>(rows); }

struct BlockResult {
  std::size_t begin = 0;
  StretchSums sums;
  RowAgreement rows;        // of the whole rows in the block
  LargestValues found_top;  // of the part of a row that the block is, where a row is longer than a block
  LargestValues reference_top;
};

// How elements are dealt to blocks: whole rows, or the parts of one row.
struct Layout {
  std::size_t elements = 0;
  std::size_t row = 0;  // 0: rows do not matter
  std::size_t block = k_block;
  std::size_t parts = 1;  // blocks a row, where rows are longer than blocks

  [[nodiscard]] std::size_t count() const {
    if (elements == 0) return 0;
    return parts > 1 ? elements / row * parts : (elements + block - 1) / block;
  }
  [[nodiscard]] std::pair<std::size_t, std::size_t> extent(std::size_t index) const {
    if (parts == 1) return {index * block, std::min(elements, (index + 1) * block)};
    const std::size_t start = index / parts * row;
    return {start + index % parts * block, start + std::min(row, (index % parts + 1) * block)};
  }
};

Layout lay_out(const HostTensor& tensor) {
  Layout layout{.elements = tensor.numel()};
  const std::size_t rank = tensor.shape.size();
  if (rank < 1 || rank > 3 || tensor.shape.back() < 2) return layout;
  layout.row = static_cast<std::size_t>(tensor.shape.back());
  layout.block = std::max<std::size_t>(1, k_block / layout.row) * layout.row;
  if (layout.row > k_block) {
    layout.block = k_block;
    layout.parts = (layout.row + k_block - 1) / k_block;
  }
  return layout;
}

class Comparison {
 public:
  Comparison(const HostTensor& found, const HostTensor& reference, const NoiseFloor& noise, const HostTensor* native)
      : m_found(found),
        m_reference(reference),
        m_noise(noise),
        m_native(native),
        m_responses(response_table(noise)),
        m_layout(lay_out(found)),
        m_blocks(m_layout.count()) {}

  Deviation run() {
    if (m_blocks.size() < k_worth_threads) {
      for (std::size_t i = 0; i < m_blocks.size(); ++i) compare_block(i);
    } else {
      parallel_for(m_blocks.size(), [this](std::size_t i) { compare_block(i); });
    }
    return merge();
  }

 private:
  void compare_block(std::size_t index) {
    auto& block = m_blocks[index];
    const auto [begin, end] = m_layout.extent(index);
    block.begin = begin;
    block.sums = sum(begin, end);
    compare_native(begin, end);
    if (m_layout.row == 0) return;
    if (m_layout.parts > 1) {
      block.found_top = largest(m_found, begin, end);
      block.reference_top = largest(m_reference, begin, end);
      return;
    }
    std::size_t row = compare_short_rows(begin, end, block.rows);
    for (; row < end; row += m_layout.row)
      block.rows.add(largest(m_found, row, row + m_layout.row), largest(m_reference, row, row + m_layout.row));
  }

  // Handles as many rows as can be looked at together, and returns where it ended.
  std::size_t compare_short_rows(std::size_t begin, std::size_t end, RowAgreement& rows) const {
    const bool narrow = m_found.dtype == DType::float32;
    if (m_layout.row > k_short_row || (!narrow && m_found.dtype != DType::float64)) return begin;
    const std::size_t step = k_rows_at_once * m_layout.row;
    for (; begin + step <= end; begin += step) {
      const auto* const found = m_found.bytes.data() + begin * item_size(m_found.dtype);
      const auto* const reference = m_reference.bytes.data() + begin * sizeof(double);
      if (narrow) {
        add_short_rows<float>(found, reference, m_layout.row, rows);
      } else {
        add_short_rows<double>(found, reference, m_layout.row, rows);
      }
    }
    return begin;
  }

  [[nodiscard]] Stretch stretch(std::size_t begin, std::size_t end) const {
    return {m_found.bytes.data() + begin * item_size(m_found.dtype), m_reference.bytes.data() + begin * sizeof(double),
            reinterpret_cast<const std::uint8_t*>(m_noise.codes.bytes.data()) + begin, &m_responses, end - begin};
  }

  [[nodiscard]] StretchSums sum(std::size_t begin, std::size_t end) const {
    if (m_found.dtype == DType::float32) return sum_stretch<float>(stretch(begin, end));
    if (m_found.dtype == DType::float64) return sum_stretch<double>(stretch(begin, end));
    StretchSums total;
    std::array<double, k_converted> widened;
    for (std::size_t at = begin; at < end; at += k_converted) {
      auto part = stretch(at, std::min(end, at + k_converted));
      copy_as_double(m_found, at, {widened.data(), part.count});
      part.found = reinterpret_cast<const std::byte*>(widened.data());
      append(total, sum_stretch<double>(part), at - begin);
    }
    return total;
  }

  static void append(StretchSums& total, const StretchSums& part, std::size_t offset) {
    total.error2 += part.error2;
    total.found2 += part.found2;
    total.reference2 += part.reference2;
    total.product += part.product;
    total.max_error = std::max(total.max_error, part.max_error);
    total.max_reference = std::max(total.max_reference, part.max_reference);
    if (part.max_ratio > total.max_ratio) {
      total.max_ratio = part.max_ratio;
      total.worst = offset + part.worst;
    }
    if (total.mask_mismatches == 0) total.first_mismatch = offset + part.first_mismatch;
    total.mask_mismatches += part.mask_mismatches;
    total.non_finite += part.non_finite;
  }

  // One look at the first block that differs is enough.
  void compare_native(std::size_t begin, std::size_t end) {
    if (m_native == nullptr || m_bits_differ.load(std::memory_order_relaxed)) return;
    const std::size_t size = item_size(m_found.dtype);
    const auto* const found = m_found.bytes.data() + begin * size;
    const auto* const native = m_native->bytes.data() + begin * size;
    if (std::memcmp(found, native, (end - begin) * size) != 0) m_bits_differ = true;
  }

  // The largest of the elements [begin, end). Places count from the tensor's start.
  [[nodiscard]] LargestValues largest(const HostTensor& tensor, std::size_t begin, std::size_t end) const {
    LargestValues best(has_five() ? LargestValues::k_most : 1);
    const auto* const from = tensor.bytes.data() + begin * item_size(tensor.dtype);
    if (tensor.dtype == DType::float32) {
      find_largest<float>(from, end - begin, begin, best);
    } else if (tensor.dtype == DType::float64) {
      find_largest<double>(from, end - begin, begin, best);
    } else {
      std::array<double, k_converted> values;
      for (std::size_t at = begin; at < end; at += k_converted) {
        const std::size_t count = std::min(k_converted, end - at);
        copy_as_double(tensor, at, {values.data(), count});
        find_largest<double>(reinterpret_cast<const std::byte*>(values.data()), count, at, best);
      }
    }
    return best;
  }

  [[nodiscard]] bool has_five() const { return m_layout.row >= k_row_of_five; }

  [[nodiscard]] RowAgreement rows() const {
    RowAgreement total;
    for (std::size_t i = 0; i < m_blocks.size(); i += m_layout.parts) {
      if (m_layout.parts == 1) {
        total.append(m_blocks[i].rows);
        continue;
      }
      LargestValues found = m_blocks[i].found_top;
      LargestValues reference = m_blocks[i].reference_top;
      for (std::size_t part = i + 1; part < i + m_layout.parts; ++part) {
        found.add(m_blocks[part].found_top);
        reference.add(m_blocks[part].reference_top);
      }
      total.add(found, reference);
    }
    return total;
  }

  [[nodiscard]] ElementPair element(std::size_t flat) const {
    return {flat, unravel(flat, m_found.shape), element_as_double(m_found, flat), element_as_double(m_reference, flat)};
  }

  [[nodiscard]] Deviation merge() const {
    StretchSums total;
    for (const auto& block : m_blocks) append(total, block.sums, block.begin);
    Deviation result;
    result.output = m_reference.name;
    result.elements = m_layout.elements;
    result.non_finite = total.non_finite;
    result.mask_mismatches = total.mask_mismatches;
    result.compared = result.elements - total.non_finite - total.mask_mismatches;
    if (total.mask_mismatches > 0) result.first_mismatch = element(total.first_mismatch);
    describe_sums(total, result);
    if (total.max_ratio > 0) describe_worst(total, result);
    const auto agreement = rows();
    if (agreement.rows > 0) result.top1 = share(agreement.same_first, agreement.rows);
    if (agreement.rows > 0 && has_five()) result.top5 = share(agreement.same_five, agreement.rows);
    if (m_native != nullptr) result.same_bits = !m_bits_differ;
    return result;
  }

  void describe_sums(const StretchSums& total, Deviation& result) const {
    const double count = static_cast<double>(std::max<std::size_t>(1, result.compared));
    result.rms = std::sqrt(total.error2 / count);
    result.reference_rms = std::sqrt(total.reference2 / count);
    result.max_abs = total.max_error;
    result.rms_ratio = result.rms > 0 ? result.rms / m_noise.response_rms : 0;
    const double norms = std::sqrt(total.found2) * std::sqrt(total.reference2);
    if (norms > 0 && std::isfinite(norms)) result.cosine = total.product / norms;
    if (result.rms > 0 && total.max_reference > 0) {
      result.psnr = 20 * std::log10(total.max_reference / result.rms);
    }
  }

  void describe_worst(const StretchSums& total, Deviation& result) const {
    result.max_ratio = total.max_ratio;
    result.worst = element(total.worst);
    result.worst_noise = noise_of(m_noise, total.worst, result.worst.expected);
    result.worst_ulp = ulp_error(result.worst.found, result.worst.expected, m_found.dtype);
  }

  const HostTensor& m_found;
  const HostTensor& m_reference;
  const NoiseFloor& m_noise;
  const HostTensor* m_native;
  std::array<double, 256> m_responses;
  Layout m_layout;
  std::vector<BlockResult> m_blocks;
  std::atomic<bool> m_bits_differ{false};
};

void require_same_shape(const HostTensor& found, const HostTensor& expected) {
  if (found.shape == expected.shape) return;
  throw Error(ErrorKind::usage, found.name,
              fmt::format("expected shape {}, found {}", format_shape(expected.shape), format_shape(found.shape)),
              "run the network that was sealed, on the sealed inputs");
}

}  // namespace

Deviation compare(const HostTensor& found, const HostTensor& reference, const NoiseFloor& noise,
                  const HostTensor* native) {
  require_same_shape(found, reference);
  require_same_shape(noise.codes, reference);
  const bool comparable = native != nullptr && native->dtype == found.dtype && native->shape == found.shape;
  return Comparison(found, reference, noise, comparable ? native : nullptr).run();
}

Mismatch compare_exactly(const HostTensor& found, const HostTensor& expected) {
  require_same_shape(found, expected);
  const std::size_t size = item_size(found.dtype);
  const auto differs = [&](std::size_t i) {
    if (found.dtype != expected.dtype) return element_as_double(found, i) != element_as_double(expected, i);
    return std::memcmp(found.bytes.data() + i * size, expected.bytes.data() + i * size, size) != 0;
  };
  Mismatch result{.elements = found.numel(), .differing = 0, .first = {}};
  for (std::size_t i = 0; i < result.elements; ++i) {
    if (!differs(i)) continue;
    if (result.differing++ > 0) continue;
    result.first = {i, unravel(i, found.shape), element_as_double(found, i), element_as_double(expected, i)};
  }
  return result;
}

}  // namespace goldseal::golden

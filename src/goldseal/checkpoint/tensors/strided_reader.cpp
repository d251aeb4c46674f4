// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/tensors/strided_reader.hpp>

#include <goldseal/base/running/interrupt.hpp>

#include <algorithm>
#include <cstring>

namespace goldseal {
namespace {

constexpr std::size_t k_piece = std::size_t{1} << 18;      // fits in a core's second-level cache
constexpr std::size_t k_short_run = std::size_t{1} << 14;  // cheaper to copy than to hand over by itself

void swap_units(std::span<std::byte> bytes, std::size_t unit) {
  for (std::size_t i = 0; i + unit <= bytes.size(); i += unit) std::ranges::reverse(bytes.subspan(i, unit));
}

template <std::size_t Size>
void copy_strided(std::byte* out, const std::byte* in, std::int64_t count, std::int64_t stride) {
  const auto step = stride * static_cast<std::int64_t>(Size);
  for (std::int64_t i = 0; i < count; ++i, out += Size, in += step) std::memcpy(out, in, Size);
}

void copy_row(std::byte* out, const std::byte* in, std::int64_t count, std::int64_t stride, std::size_t item) {
  if (stride == 1) {
    std::memcpy(out, in, static_cast<std::size_t>(count) * item);
    return;
  }
  switch (item) {
    case 1:
      return copy_strided<1>(out, in, count, stride);
    case 2:
      return copy_strided<2>(out, in, count, stride);
    case 4:
      return copy_strided<4>(out, in, count, stride);
    case 8:
      return copy_strided<8>(out, in, count, stride);
    default:
      return copy_strided<16>(out, in, count, stride);
  }
}

}  // namespace

std::vector<Loop> merge_loops(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides) {
  std::vector<Loop> loops;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const Loop loop{shape[i], strides[i]};
    if (loop.size == 1) continue;
    if (!loops.empty() && loops.back().stride == loop.stride * loop.size) {
      loops.back() = {loops.back().size * loop.size, loop.stride};
    } else {
      loops.push_back(loop);
    }
  }
  if (loops.empty()) loops.push_back({1, 1});
  return loops;
}

StridedReader::StridedReader(std::size_t item, std::size_t swap_unit, const Take& take)
    : m_item(item), m_swap_unit(swap_unit), m_take(take) {}

void StridedReader::add_run(std::span<const std::byte> run) {
  flush();
  while (!run.empty()) {
    throw_if_interrupted();
    const auto piece = run.first(std::min(run.size(), k_piece));
    m_take(piece);
    run = run.subspan(piece.size());
  }
}

void StridedReader::add(const std::byte* origin, std::span<const Loop> loops) {
  const bool is_run = loops.size() == 1 && loops[0].stride == 1 && m_swap_unit == 1;
  const auto bytes = static_cast<std::size_t>(loops[0].size) * m_item;
  if (is_run && bytes > k_short_run) return add_run({origin, bytes});
  walk(origin, loops);
}

void StridedReader::walk(const std::byte* at, std::span<const Loop> loops) {
  const auto& loop = loops.front();
  if (loops.size() == 1) return copy(at, loop);
  for (std::int64_t i = 0; i < loop.size; ++i)
    walk(at + i * loop.stride * static_cast<std::int64_t>(m_item), loops.subspan(1));
}

void StridedReader::copy(const std::byte* at, const Loop& loop) {
  m_buffer.resize(k_piece);
  for (std::int64_t done = 0; done < loop.size;) {
    if (m_used == m_buffer.size()) flush();
    const auto room = static_cast<std::int64_t>((m_buffer.size() - m_used) / m_item);
    const auto count = std::min(room, loop.size - done);
    copy_row(m_buffer.data() + m_used, at + done * loop.stride * static_cast<std::int64_t>(m_item), count, loop.stride,
             m_item);
    m_used += static_cast<std::size_t>(count) * m_item;
    done += count;
  }
}

void StridedReader::flush() {
  throw_if_interrupted();
  const std::span bytes(m_buffer.data(), m_used);
  if (m_swap_unit > 1) swap_units(bytes, m_swap_unit);
  if (m_used > 0) m_take(bytes);
  m_used = 0;
}

}  // namespace goldseal

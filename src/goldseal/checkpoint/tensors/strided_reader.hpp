// SPDX-License-Identifier: Apache-2.0
// Digests and writers want elements in row-major order, whatever the strides. StridedReader
// delivers them in pieces, straight from the mapped file where it can. It trusts its caller on
// extents.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace goldseal {

/// Size and stride of a loop over elements, both in elements.
struct Loop {
  std::int64_t size;
  std::int64_t stride;
};

/// The loops over a view from the outermost in, those that run on without a gap made one; never empty.
[[nodiscard]] std::vector<Loop> merge_loops(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides);

/// Hands views of mapped bytes to `take`, one after the other, in pieces of limited size. A
/// contiguous run is handed over as it lies there; strided elements go through a buffer. Throws Error{interrupted}
/// once the user has asked to stop.
class StridedReader {
 public:
  using Take = std::function<void(std::span<const std::byte>)>;

  /// `item`: bytes of an element. `swap_unit`: bytes to reverse together; 1 for none. `take` must outlive the object.
  StridedReader(std::size_t item, std::size_t swap_unit, const Take& take);

  void add_run(std::span<const std::byte> run);
  /// `origin`: the view's first element. Every element must lie in mapped bytes.
  void add(const std::byte* origin, std::span<const Loop> loops);
  /// Must follow the last view.
  void flush();

 private:
  void walk(const std::byte* at, std::span<const Loop> loops);
  void copy(const std::byte* at, const Loop& loop);

  std::size_t m_item;
  std::size_t m_swap_unit;
  const Take& m_take;
  std::vector<std::byte> m_buffer;
  std::size_t m_used = 0;
};

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include "numerics/layer_part.hpp"

namespace goldseal::worker {

void LayerPart::expect(const std::string& module, const std::string& op, std::vector<std::int64_t> shape) {
  m_alone[{module, op}].push_back(std::move(shape));
}

at::Tensor LayerPart::cut(const std::string& module, const std::string& op, at::Tensor result) {
  const auto found = m_alone.find({module, op});
  if (found == m_alone.end() || found->second.empty()) return result;
  const auto shape = found->second.front();
  found->second.pop_front();
  if (static_cast<std::int64_t>(shape.size()) != result.dim()) return result;
  const auto of_rows = row_dimension(result.sizes(), shape);
  for (std::int64_t d = 0; d < result.dim(); ++d) {
    const auto size = shape[static_cast<std::size_t>(d)];
    const auto whole = result.size(d);
    if (d == of_rows) {
      result = cut_rows(result, d, size);
    } else if (whole > size) {
      result = result.narrow(d, m_rows.left ? whole - size : 0, size);
    } else if (whole < size) {
      return result;
    }
  }
  return result;
}

std::int64_t LayerPart::row_dimension(at::IntArrayRef whole, at::IntArrayRef alone) const {
  std::int64_t filled = -1;
  for (std::size_t d = 0; d < whole.size(); ++d) {
    if (whole[d] == m_rows.count * alone[d] && whole[d] != alone[d]) return static_cast<std::int64_t>(d);
    if (filled < 0 && whole[d] % m_rows.count == 0 && whole[d] / m_rows.count > alone[d])
      filled = static_cast<std::int64_t>(d);
  }
  return filled;
}

at::Tensor LayerPart::cut_rows(const at::Tensor& result, std::int64_t dimension, std::int64_t size) const {
  const auto each = result.size(dimension) / m_rows.count;
  const auto begin = m_rows.left ? each - size : 0;
  if (!m_rows.interleaved) return result.narrow(dimension, m_rows.row * each + begin, size);
  return result.narrow(dimension, 0, each * m_rows.count)
      .unflatten(dimension, {each, m_rows.count})
      .select(dimension + 1, m_rows.row)
      .narrow(dimension, begin, size);
}

}  // namespace goldseal::worker

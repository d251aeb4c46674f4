// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace goldseal::worker {

/// Of a batch's layers, the part of one row (PROTOCOL.md, layers): a sketch of it is that of the row alone, where the
/// rows do not depend on one another.
class LayerPart {
 public:
  struct Rows {
    std::int64_t count = 0;
    std::int64_t row = 0;
    bool interleaved = false;
    bool left = false;
  };

  explicit LayerPart(Rows rows) : m_rows(rows) {}

  /// The next layer of this module and operator, as the row alone has it.
  void expect(const std::string& module, const std::string& op, std::vector<std::int64_t> shape);

  /// The whole of a layer that the row alone does not have, or that has another form.
  at::Tensor cut(const std::string& module, const std::string& op, at::Tensor result);

 private:
  std::int64_t row_dimension(at::IntArrayRef whole, at::IntArrayRef alone) const;
  at::Tensor cut_rows(const at::Tensor& result, std::int64_t dimension, std::int64_t size) const;

  Rows m_rows;
  std::map<std::pair<std::string, std::string>, std::deque<std::vector<std::int64_t>>> m_alone;
};

}  // namespace goldseal::worker

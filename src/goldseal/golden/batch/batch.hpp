// SPDX-License-Identifier: Apache-2.0
// Serving runs many cases at once, and the answer of one must not depend on those beside it. This file makes batches of
// golden cases: what stands in them, at which rows, and filled up how. A row that no case takes is made of the case
// itself, with other values. Which outputs are whose is told by batch_outputs.hpp; the runs are made in workflow.
#pragma once

#include <goldseal/golden/tensors/host_tensor.hpp>
#include <goldseal/manifest/manifest.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::golden {

/// What a user asks of batches: `--batch`, `--pad`, `--pad-side`, `--pad-mask`, `--batch-dim`.
struct BatchRequest {
  std::int64_t size = 0;  ///< 0: none is asked for
  std::map<std::string, double> pads = {};
  bool pad_left = false;
  std::string mask = {};  ///< an input that the batch has and a case has not; empty for none
  std::map<std::string, std::optional<std::int64_t>> dimensions = {};  ///< nothing: one for all (`none`)

  [[nodiscard]] bool asked() const { return size != 0; }
};

/// `NAME=VALUE` of --pad. Throws Error{usage} that shows the form.
[[nodiscard]] std::pair<std::string, double> parse_pad(std::string_view text);
/// `NAME=DIMENSION` or `NAME=none` of --batch-dim. Throws Error{usage} that shows the form.
[[nodiscard]] std::pair<std::string, std::optional<std::int64_t>> parse_batch_dimension(std::string_view text);

/// The inputs of one case; a name for errors.
struct BatchCase {
  std::string name;
  std::span<const HostTensor> inputs;
};

/// How batches are made of these cases. Throws Error{usage} where a name is of no input, where inputs differ in how many
/// rows they have, or where padding has nothing to fill.
[[nodiscard]] BatchRecord plan_batch(const BatchRequest& request, std::span<const BatchCase> cases);

/// What stands beside `of` in its batches: other cases that fit, then rows made of itself; `size - 1` names. Throws
/// Error{usage} where padding was asked for and nothing that fits is longer than another.
[[nodiscard]] std::vector<std::string> choose_beside(const BatchRecord& batch, std::size_t of,
                                                     std::span<const BatchCase> cases);

/// The sets of rows at which a case stands, one batch for each: the first, the last, and those between in two halves, so
/// that every row is judged and rows that are swapped are noticed.
[[nodiscard]] std::vector<std::vector<std::size_t>> arrangements(std::int64_t size);

/// What is changed about the rows beside, to learn why a case answers otherwise.
enum class Beside {
  sealed,   ///< as the seal says
  changed,  ///< other values, alike in shape
  plain,    ///< made of the case, none of them longer: nothing is filled up
};

/// The inputs of a batch in which case `of` stands at `rows` and the others between them.
struct Batch {
  std::vector<HostTensor> inputs;
  bool padded = false;                 ///< something of the case was filled up
};
[[nodiscard]] Batch make_batch(const BatchRecord& batch, const GoldenCase& of, std::span<const BatchCase> cases,
                               std::span<const std::size_t> rows, Beside beside = Beside::sealed);

}  // namespace goldseal::golden

// SPDX-License-Identifier: Apache-2.0
// A batch's outputs hold the answers of all of its cases. Networks keep them apart in several ways: along a dimension,
// along two (similarities of all with all), or as a list. This file learns the way when a batch is sealed, and cuts the
// answers of one case out by it. Comparing them is left to golden/compare.
#pragma once

#include <goldseal/golden/file/golden_file.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace goldseal::golden {

/// Where the outputs of a batch hold the answers of a case whose own outputs are `alone`. `runs` are of batches, of
/// which the first has nothing filled up; the others have other values. An output that is missing, of another form, or
/// of a size that follows the values has `of_all` set.
[[nodiscard]] std::vector<BatchOutput> find_places(std::span<const GoldenOutput> alone,
                                                   std::span<const std::vector<HostTensor>> runs,
                                                   const BatchRecord& batch);

/// The answers of the case at `row`, under the names that they have alone, in the sealed shapes. What does not have the
/// sealed form is handed out as it is, and what is of all cases is left out.
[[nodiscard]] std::vector<HostTensor> answers_at(std::size_t row, const BatchRecord& batch,
                                                 std::span<const BatchOutput> places,
                                                 std::span<const GoldenOutput> alone,
                                                 std::span<const HostTensor> found);

/// `1.boxes` for `0.boxes` and row 1: the first part that is `0`; empty where there is none.
[[nodiscard]] std::string name_in_list(const std::string& alone, std::size_t row);

}  // namespace goldseal::golden

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/verdict/report.hpp>

#include <span>
#include <string>

namespace goldseal {

/// Several reports as one HTML page: a matrix of checks by targets that leads to each report. Throws Error{usage} for
/// none.
[[nodiscard]] std::string render_matrix(std::span<const Report> reports);

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// A chart of the errors shows whether all elements moved a little or a few moved far. This
// histogram feeds that chart. No check reads it, so it runs only for a report.
#pragma once

#include <goldseal/golden/compare/noise_floor.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>
#include <goldseal/verdict/evidence.hpp>

#include <vector>

namespace goldseal::golden {

/// How many elements have an error |e_i|/φ_i of each power of ten, ascending, without empty bins; from
/// k_first_decade to k_last_decade. Elements that are not
/// finite on a side take no part. Shapes and types as for `compare`.
[[nodiscard]] std::vector<ErrorBin> error_distribution(const HostTensor& found, const HostTensor& reference,
                                                       const NoiseFloor& noise);

}  // namespace goldseal::golden

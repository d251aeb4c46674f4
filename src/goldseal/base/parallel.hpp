// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>

namespace goldseal {

/// Calls `task(i)` for every i in [0, count), on as many threads as the process may use, in no order. The first
/// exception is rethrown when all threads have stopped.
void parallel_for(std::size_t count, const std::function<void(std::size_t)>& task);

/// Processors that this process may run on (its affinity mask), at least 1.
[[nodiscard]] unsigned available_processors();

}  // namespace goldseal

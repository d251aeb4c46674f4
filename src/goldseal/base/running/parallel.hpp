// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <future>
#include <system_error>
#include <type_traits>
#include <utility>

namespace goldseal {

/// Calls `task(i)` for every i in [0, count), on as many threads as the process may use and the system gives, in no
/// order. The first exception is rethrown when all threads have stopped.
void parallel_for(std::size_t count, const std::function<void(std::size_t)>& task);

/// Begins `work` on a thread of its own; where the system gives none, it is done by the time that this returns.
template <typename Work>
[[nodiscard]] std::future<std::invoke_result_t<Work>> in_background(Work work) {
  try {
    return std::async(std::launch::async, work);
  } catch (const std::system_error&) {
    std::packaged_task<std::invoke_result_t<Work>()> here(std::move(work));
    auto done = here.get_future();
    here();
    return done;
  }
}

/// Processors that this process may run on (its affinity mask), at least 1 and at most as many as `limit_jobs` said.
[[nodiscard]] unsigned available_processors();

/// At most so many threads at a time from here on, for the whole process, at least 1: what `--jobs` says. Work in the
/// background is one of them while it waits for others.
void limit_jobs(unsigned most);

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/running/parallel.hpp>

#include <goldseal/base/running/interrupt.hpp>

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace goldseal {

namespace {

// Of the process, as its processors are; main says it once, before any thread starts.
std::atomic<unsigned> most_jobs{std::numeric_limits<unsigned>::max()};

unsigned processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return std::max(1U, std::thread::hardware_concurrency());
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

}  // namespace

unsigned available_processors() { return std::min(processors(), most_jobs.load()); }

void limit_jobs(unsigned most) { most_jobs = std::max(1U, most); }

namespace {

// Where the system gives no more threads (a limit of processes, no memory for a stack), those that there are do.
void start_helpers(std::vector<std::jthread>& helpers, std::size_t count, const std::function<void()>& work) {
  try {
    for (std::size_t i = 0; i < count; ++i) helpers.emplace_back(work);
  } catch (const std::system_error&) {
  }
}

}  // namespace

void parallel_for(std::size_t count, const std::function<void(std::size_t)>& task) {
  std::atomic<std::size_t> next{0};
  std::exception_ptr first_failure;
  std::mutex failure_lock;
  const auto drain = [&] {
    try {
      for (auto i = next++; i < count; i = next++) {
        throw_if_interrupted();
        task(i);
      }
    } catch (...) {
      const std::scoped_lock guard(failure_lock);
      if (!first_failure) first_failure = std::current_exception();
      next = count;
    }
  };
  if (count == 0) return;
  const auto threads = std::min<std::size_t>(available_processors(), count);
  {
    std::vector<std::jthread> helpers;
    start_helpers(helpers, threads - 1, drain);
    drain();
  }
  if (first_failure) std::rethrow_exception(first_failure);
}

}  // namespace goldseal

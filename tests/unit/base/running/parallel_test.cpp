// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/running/parallel.hpp>

#include <catch.hpp>

#include <mutex>
#include <set>
#include <thread>

namespace goldseal {
namespace {

// On how many threads 64 tasks ran, each of which waits long enough for every thread to take one.
std::size_t threads_of_tasks() {
  std::mutex lock;
  std::set<std::thread::id> seen;
  parallel_for(64, [&](std::size_t) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const std::scoped_lock guard(lock);
    seen.insert(std::this_thread::get_id());
  });
  return seen.size();
}

// The limit is the process's: what a test sets, it takes back.
struct Limited {
  explicit Limited(unsigned most) { limit_jobs(most); }
  ~Limited() { limit_jobs(1U << 20U); }
  Limited(const Limited&) = delete;
  Limited& operator=(const Limited&) = delete;
};

TEST_CASE("Work is done on no more threads than jobs were asked for") {
  const auto processors = available_processors();
  {
    const Limited one(1);
    CHECK(available_processors() == 1);
    CHECK(threads_of_tasks() == 1);
  }
  {
    const Limited none(0);  // at least one
    CHECK(available_processors() == 1);
  }
  CHECK(available_processors() == processors);
  const Limited many(processors + 5);
  CHECK(available_processors() == processors);
  CHECK(threads_of_tasks() <= processors);
}

}  // namespace
}  // namespace goldseal

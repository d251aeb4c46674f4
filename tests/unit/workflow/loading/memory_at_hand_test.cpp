// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/loading/memory_at_hand.hpp>

#include <catch.hpp>

namespace goldseal {
namespace {

Environment machine(std::int64_t available, std::int64_t limit) {
  Environment found;
  if (available > 0) found.set("memory.available_bytes", available, "test");
  if (limit > 0) found.set("memory.cgroup_limit_bytes", limit, "test");
  return found;
}

TEST_CASE("The step of loading says what weights take and which memory is at hand") {
  constexpr std::int64_t k_gib = std::int64_t{1} << 30;
  CHECK(loading_step(14 * k_gib, machine(20 * k_gib, 0)) == "loading 14.0 GiB of weights, 20.0 GiB of memory at hand");
  CHECK(loading_step(14 * k_gib, machine(20 * k_gib, 8 * k_gib)) ==
        "loading 14.0 GiB of weights, 8.0 GiB of memory at hand");
  CHECK(loading_step(14 * k_gib, machine(2 * k_gib, 8 * k_gib)) ==
        "loading 14.0 GiB of weights, 2.0 GiB of memory at hand");
  CHECK(loading_step(14 * k_gib, machine(0, 8 * k_gib)) ==
        "loading 14.0 GiB of weights, 8.0 GiB of memory at hand");
}

TEST_CASE("Where the memory is not known, the step says the weights alone") {
  CHECK(loading_step(100, machine(0, 0)) == "loading 100 bytes of weights");
}

}  // namespace
}  // namespace goldseal

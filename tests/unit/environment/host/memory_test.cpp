// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "environment/machine.hpp"

using namespace goldseal;  // NOLINT: a test file
using goldseal::test::Machine;

TEST_CASE("memory is given in bytes") {
  Machine machine;
  machine.file("/proc/meminfo",
               "MemTotal:       131072 kB\nMemFree: 1 kB\nMemAvailable:   65536 kB\nSwapTotal: 0 kB\n");
  const auto environment = machine.probe();
  CHECK(environment.integer("memory.total_bytes") == 134217728);
  CHECK(environment.integer("memory.available_bytes") == 67108864);
  CHECK(environment.integer("memory.swap_bytes") == 0);
}

TEST_CASE("the least limit of the control groups above the process binds, version 2") {
  Machine machine;
  machine.file("/proc/self/cgroup", "0::/user.slice/job\n")
      .file("/sys/fs/cgroup/user.slice/job/memory.max", "max\n")
      .file("/sys/fs/cgroup/user.slice/memory.max", "8589934592\n")
      .file("/sys/fs/cgroup/memory.max", "17179869184\n")
      .file("/sys/fs/cgroup/user.slice/job/cpu.max", "150000 100000\n")
      .file("/sys/fs/cgroup/user.slice/cpu.max", "max 100000\n");
  const auto environment = machine.probe();
  CHECK(environment.integer("memory.cgroup_limit_bytes") == 8589934592);
  CHECK(environment.find("memory.cgroup_limit_bytes")->origin == "/sys/fs/cgroup/user.slice/memory.max");
  REQUIRE(environment.has("cpu.cgroup_quota"));
  CHECK(environment.find("cpu.cgroup_quota")->value == FactValue(1.5));
}

TEST_CASE("control groups of version 1, whose path is the host's, are read at the container's own root") {
  Machine machine;
  machine.file("/proc/self/cgroup", "4:memory:/docker/1f2e\n5:cpu,cpuacct:/docker/1f2e\n")
      .file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "4294967296\n")
      .file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n")
      .file("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  const auto environment = machine.probe();
  CHECK(environment.integer("memory.cgroup_limit_bytes") == 4294967296);
  CHECK(environment.find("cpu.cgroup_quota")->value == FactValue(2.0));
}

TEST_CASE("no limit leaves no fact") {
  Machine machine;
  machine.file("/proc/self/cgroup", "4:memory:/\n5:cpu:/\n")
      .file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
      .file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
      .file("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
      .file("/proc/self/limits",
            "Limit                     Soft Limit           Hard Limit           Units     \n"
            "Max open files            1024                 1048576              files     \n"
            "Max address space         unlimited            unlimited            bytes     \n");
  const auto environment = machine.probe();
  CHECK_FALSE(environment.has("memory.cgroup_limit_bytes"));
  CHECK_FALSE(environment.has("cpu.cgroup_quota"));
  CHECK_FALSE(environment.has("limit.address_space_bytes"));
  CHECK(environment.integer("limit.open_files") == 1024);
}

// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

constexpr std::int64_t k_docker_default = 64 << 20;  // docker run's --shm-size

Finding judge_memory_shared(const Observation& observed, const CheckSettings&) {
  const auto bytes = observed.machine.environment.integer("memory.shm_bytes");
  if (!bytes) return skipped("the size of /dev/shm is not known of this machine");
  const auto size = format_bytes(static_cast<std::uint64_t>(*bytes));
  if (*bytes > k_docker_default) return passed(fmt::format("/dev/shm has {}", size));
  return failed("/dev/shm is as small as Docker makes it: workers of a DataLoader that pass tensors die of a bus error",
                "more than 64 MiB", size, "start the container with --shm-size=8g or --ipc=host, or use num_workers=0");
}

}  // namespace

const Check k_env_memory_shared{
    .id = "env.memory.shared",
    .title = "Shared memory",
    .explanation =
        "The size of /dev/shm, through which the workers of a DataLoader hand over tensors. Docker gives a container "
        "64 MiB: \"DataLoader worker is killed by signal: Bus error\".",
    .severity = Severity::warn,
    .judge = judge_memory_shared,
};

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal {
namespace {

Finding judge_memory_total(const Observation& observed, const CheckSettings&) {
  const auto& machine = observed.machine.environment;
  const auto total = machine.integer("memory.total_bytes");
  if (!total) return skipped("the memory of this machine is not known");
  const auto limit = machine.integer("memory.cgroup_limit_bytes");
  const auto usable = static_cast<std::uint64_t>(limit ? std::min(*limit, *total) : *total);
  const auto need = weight_bytes(observed.sealed);
  const auto expected = fmt::format("more than the weights' {}", format_bytes(need));
  if (need > usable)
    return failed("the weights do not fit in memory", expected, format_bytes(usable),
                  limit ? "raise the container's memory limit" : "use a machine with more memory");
  const auto available = machine.integer("memory.available_bytes");
  if (available && need > static_cast<std::uint64_t>(*available))
    return warned("other programs hold most of the memory", expected,
                  fmt::format("{} available", format_bytes(static_cast<std::uint64_t>(*available))), "end them");
  return passed(fmt::format("the weights take {} of {}", format_bytes(need), format_bytes(usable)));
}

}  // namespace

const Check k_env_memory_total{
    .id = "env.memory.total",
    .title = "Memory",
    .explanation =
        "The bytes of the sealed tensors against the machine's memory, or the limit of the container around it, "
        "whichever "
        "is less (activations come on top). Beyond a container's limit the kernel kills the process without a word.",
    .severity = Severity::fail,
    .judge = judge_memory_total,
};

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/environment/shared/file_root.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal {
namespace {

// What is wrong with a list of devices, as CUDA reads it: it stops at the first entry that names none (CUDA C++
// Programming Guide, environment variables). Empty for nothing.
std::string problem_of(const std::string& value, std::optional<std::int64_t> installed) {
  if (value.empty()) return "it is empty, which hides every device";
  std::vector<std::string_view> seen;
  for (const auto part : split(value, ',')) {
    const auto entry = trimmed(part);
    if (std::ranges::find(seen, entry) != seen.end())
      return fmt::format("{} stands twice, which hides every device", entry);
    seen.push_back(entry);
    if (entry.starts_with("GPU-") || entry.starts_with("MIG-")) continue;
    const auto index = parse_number(entry);
    if (!index) return fmt::format("\"{}\" names no device: it and what follows are hidden", escape_unprintable(entry));
    if (*index < 0) return fmt::format("{} hides what follows", *index);
    if (installed && *index >= *installed)
      return fmt::format(
          "there is no device {}: it and what follows are hidden, and asking for them gives \"invalid "
          "device ordinal\"",
          *index);
  }
  return {};
}

Finding judge_gpu_visible(const Observation& observed, const CheckSettings&) {
  const auto& machine = observed.machine.environment;
  const auto value = machine.text("variable.CUDA_VISIBLE_DEVICES");
  if (!value) return skipped("CUDA_VISIBLE_DEVICES is not set");
  const auto installed = machine.integer("driver.gpu_count");
  if (!serves_on_gpu(observed) && installed.value_or(0) == 0) return skipped("no GPU is known of this machine");
  const auto problem = problem_of(*value, installed);
  if (problem.empty()) return passed(fmt::format("CUDA_VISIBLE_DEVICES={} names devices", escape_unprintable(*value)));
  const auto expected = !installed        ? std::string("indices or UUIDs of devices")
                        : *installed == 1 ? std::string("0")
                                          : fmt::format("indices below {}, or UUIDs", *installed);
  return gpu_breach(observed, fmt::format("CUDA_VISIBLE_DEVICES: {}", problem), expected, escape_unprintable(*value),
                    "set it before the process starts: a change after CUDA has started is ignored");
}

}  // namespace

const Check k_env_gpu_visible{
    .id = "env.gpu.visible",
    .title = "CUDA_VISIBLE_DEVICES",
    .explanation =
        "The variable as the process was given it. CUDA reads it once, at its start, and stops at the first entry that "
        "names no device: \"invalid device ordinal\", \"CUDA unknown error\", or simply no GPU.",
    .severity = Severity::fail,
    .judge = judge_gpu_visible,
};

}  // namespace goldseal

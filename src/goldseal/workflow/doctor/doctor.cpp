// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/doctor/doctor.hpp>

#include <goldseal/environment/probe/probe.hpp>
#include <goldseal/workflow/doctor/parts.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal {
namespace {

std::string told_machine(const Environment& machine) {
  const auto os = machine.text("host.os").value_or("an unknown system");
  const auto container = machine.text("host.container").value_or("none");
  return fmt::format("{}: {}, {}{}", machine.text("host.name").value_or("this machine"), os,
                     machine.text("cpu.architecture").value_or("unknown processor"),
                     container == "none" ? "" : fmt::format(", in {}", container));
}

// What keeps models from running comes first, then what is broken, then what is only missing.
std::string first_fix(const Examination& examined) {
  const auto with = [&](auto wanted) -> std::string {
    const auto found =
        std::ranges::find_if(examined.parts, [&](const Part& part) { return !part.fix.empty() && wanted(part); });
    return found == examined.parts.end() ? std::string() : found->fix;
  };
  const auto runs = [](const Part& part) { return part.name == "python" || part.name == "libtorch"; };
  if (!examined.runs_models) {
    if (auto fix = with(runs); !fix.empty()) return fix;
  }
  if (auto fix = with([](const Part& part) { return part.health == Health::broken; }); !fix.empty()) return fix;
  return with([](const Part& part) { return part.health == Health::missing; });
}

}  // namespace

Examination examine_machine(Progress& progress) {
  const auto machine = probe_machine({});
  Examination examined{.machine = told_machine(machine)};
  auto runtimes = examine_runtimes(machine, progress);
  examined.runs_models = runtimes.any_starts;
  examined.parts = std::move(runtimes.parts);
  progress.finish();
  // What LibTorch waits for is told before LibTorch's own command, which would need it.
  auto compiler = examine_compiler(machine, runtimes.wants_compiler);
  if (compiler.health == Health::missing) {
    for (auto& part : examined.parts) {
      if (part.name == "libtorch" && part.health == Health::missing)
        part.fix = fmt::format("{} && {}", compiler.fix, part.fix);
    }
  }
  examined.parts.push_back(std::move(compiler));
  examined.parts.push_back(examine_gpu(machine, runtimes.any_uses_gpu));
  examined.parts.push_back(examine_sandbox());
  examined.parts.push_back(examine_memory(machine));
  examined.parts.push_back(examine_temporary_files());
  examined.parts.push_back(examine_cache());
  examined.next = first_fix(examined);
  return examined;
}

}  // namespace goldseal

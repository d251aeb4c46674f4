// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <fmt/format.h>

#include <array>

namespace goldseal {
namespace {

struct Need {
  const char* symbol;
  const char* needed;
  const char* offered;
  const char* remedy;
};
constexpr std::array k_needs{
    Need{"GLIBC", "torch.needs_glibc", "host.glibc",
         "use a newer distribution or container image, or an older PyTorch: glibc cannot be replaced"},
    Need{"GLIBCXX", "torch.needs_glibcxx", "host.glibcxx",
         "put a newer libstdc++ first in LD_LIBRARY_PATH (conda: install libstdcxx-ng), or use an older PyTorch"},
    Need{"CXXABI", "torch.needs_cxxabi", "host.cxxabi",
         "put a newer libstdc++ first in LD_LIBRARY_PATH (conda: install libstdcxx-ng), or use an older PyTorch"},
};

// What PyTorch needs: that of the machine's own, else that of the sealed one, which would be installed here.
std::optional<std::string> needed(const Observation& observed, const char* name) { return torch_text(observed, name); }

Finding judge_host_libraries(const Observation& observed, const CheckSettings&) {
  std::string seen;
  for (const auto& [symbol, need, offer, remedy] : k_needs) {
    const auto text = needed(observed, need);
    const auto offered = version_fact(observed.machine.environment, offer);
    const auto version = text ? parse_version(*text) : std::nullopt;
    if (!version || !offered) continue;
    const auto actual = fmt::format("{}_{}", symbol, observed.machine.environment.shown(offer));
    if (*offered < *version)
      return failed(
          fmt::format("PyTorch's libraries need {}_{}: \"version `{}_{}' not found\"", symbol, *text, symbol, *text),
          fmt::format("{}_{} or newer", symbol, *text), actual, remedy);
    seen += fmt::format("{}{}_{} of {}", seen.empty() ? "" : ", ", symbol, *text,
                        observed.machine.environment.shown(offer));
  }
  if (seen.empty()) return skipped("what PyTorch needs of the C and C++ libraries is not known");
  return passed(fmt::format("the system's libraries offer what PyTorch needs: {}", seen));
}

}  // namespace

const Check k_env_host_libraries{
    .id = "env.host.libraries",
    .title = "glibc and libstdc++",
    .explanation =
        "The newest symbol versions that PyTorch's libraries ask for, read from their version tables, against those of "
        "the system's glibc and libstdc++. An older system refuses to load them: \"version `GLIBCXX_3.4.30' not "
        "found\". Where the machine was captured without PyTorch, the needs are those of the sealed one.",
    .severity = Severity::fail,
    .judge = judge_host_libraries,
};

}  // namespace goldseal

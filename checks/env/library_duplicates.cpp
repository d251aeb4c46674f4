// SPDX-License-Identifier: Apache-2.0
#include <checks/env/machine.hpp>
#include <checks/env/machine_checks.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <vector>

namespace goldseal {
namespace {

struct Kind {
  const char* what;
  std::vector<std::vector<std::string_view>> makers;  ///< each with the names of its library
  const char* consequence;
};

const std::array<Kind, 2>& kinds() {
  static const std::array<Kind, 2> k_kinds{
      Kind{"OpenMP", {{"libgomp"}, {"libiomp5"}, {"libomp"}}, "threads are created twice over, and some programs hang"},
      Kind{"BLAS",
           {{"libmkl_rt", "libmkl_core"},
            {"libopenblas", "libopenblas64_", "libscipy_openblas", "libscipy_openblas64_"}},
           "one may answer calls that were meant for the other, with wrong results"}};
  return k_kinds;
}

std::vector<std::string> loaded(const Environment& machine, const Kind& kind) {
  std::vector<std::string> found;
  for (const auto& names : kind.makers) {
    for (const auto name : names) {
      const auto path = machine.text(fmt::format("library.{}.path", name));
      if (!path) continue;
      found.push_back(*path);
      break;
    }
  }
  return found;
}

Finding judge_library_duplicates(const Observation& observed, const CheckSettings&) {
  const bool from_worker = observed.found.has("library.libtorch_cpu.path");
  if (!from_worker) return skipped("no worker has told which libraries are loaded");
  for (const auto& kind : kinds()) {
    const auto found = loaded(observed.found, kind);
    if (found.size() < 2) continue;
    return failed(fmt::format("two {} libraries are loaded: {}", kind.what, kind.consequence),
                  fmt::format("one {} library", kind.what), fmt::format("{}", fmt::join(found, " and ")),
                  "install numpy, scipy and PyTorch from one source, so that they share it");
  }
  return passed("one BLAS and one OpenMP library are loaded");
}

}  // namespace

const Check k_env_library_duplicates{
    .id = "env.library.duplicates",
    .title = "Two libraries for one task",
    .explanation =
        "Two BLAS libraries (NumPy with OpenBLAS beside PyTorch with MKL) or two OpenMP runtimes in one process, as "
        "the "
        "worker found them mapped. Their symbols overlap: sdot of one has answered calls meant for the other with "
        "wrong "
        "numbers (conda-forge/conda-forge.github.io#938).",
    .severity = Severity::warn,
    .judge = judge_library_duplicates,
};

}  // namespace goldseal

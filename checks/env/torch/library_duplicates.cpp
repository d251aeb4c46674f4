// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <string>
#include <utility>
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
           // The one in wheels of NumPy and SciPy, libscipy_openblas, has names of its own for every call.
           {{"libmkl_rt", "libmkl_core"}, {"libopenblas", "libopenblas64_"}},
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

// Libraries that the process holds as two files: the first one's symbols are found, whoever calls.
std::vector<std::string> copied(const Environment& machine) {
  std::vector<std::string> names;
  constexpr std::string_view k_prefix = "library.";
  constexpr std::string_view k_ending = ".copies";
  for (auto entry = machine.facts().lower_bound(k_prefix);
       entry != machine.facts().end() && entry->first.starts_with(k_prefix); ++entry) {
    if (entry->first.ends_with(k_ending))
      names.push_back(entry->first.substr(k_prefix.size(), entry->first.size() - k_prefix.size() - k_ending.size()));
  }
  return names;
}

Finding judge_copies(const Environment& machine, const std::vector<std::string>& names) {
  const auto paths = machine.list(fmt::format("library.{}.copies", names.front())).value_or(std::vector<std::string>{});
  auto finding = failed(
      names.size() == 1
          ? fmt::format("{} is loaded twice, from two files: which one answers depends on the order", names.front())
          : fmt::format("{} libraries are loaded twice, {} among them", names.size(), names.front()),
      "one file of each library", fmt::format("{}", fmt::join(paths, " and ")),
      "take the other one's directory out of LD_LIBRARY_PATH, or install both packages from one source");
  Table table{"Loaded twice", {"library", "files"}, {}};
  for (const auto& name : names) table.rows.push_back({name, machine.shown(fmt::format("library.{}.copies", name))});
  finding.tables.push_back(std::move(table));
  return finding;
}

Finding judge_library_duplicates(const Observation& observed, const CheckSettings&) {
  const bool from_worker = observed.machine.environment.has("library.libtorch_cpu.path");
  if (!from_worker) return skipped("no worker has told which libraries are loaded");
  for (const auto& kind : kinds()) {
    const auto found = loaded(observed.machine.environment, kind);
    if (found.size() < 2) continue;
    return failed(fmt::format("two {} libraries are loaded: {}", kind.what, kind.consequence),
                  fmt::format("one {} library", kind.what), fmt::format("{}", fmt::join(found, " and ")),
                  "install numpy, scipy and PyTorch from one source, so that they share it");
  }
  if (const auto names = copied(observed.machine.environment); !names.empty())
    return judge_copies(observed.machine.environment, names);
  return passed("one BLAS and one OpenMP library are loaded, and no library twice");
}

}  // namespace

const Check k_env_library_duplicates{
    .id = "env.library.duplicates",
    .title = "Two libraries for one task",
    .explanation =
        "Two BLAS libraries (NumPy with OpenBLAS beside PyTorch with MKL), two OpenMP runtimes, or two files of any "
        "one "
        "library that matters (a cuDNN of LD_LIBRARY_PATH beside the wheel's own) in one process, as the worker found "
        "them mapped. Their symbols overlap: sdot of one has answered calls meant for the other with "
        "wrong "
        "numbers (conda-forge/conda-forge.github.io#938).",
    .severity = Severity::warn,
    .judge = judge_library_duplicates,
};

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <array>

namespace goldseal {
namespace {

// Variables that choose kernels, split sums among threads, or order a reduction: last bits depend on them.
constexpr std::array k_variables{
    std::string_view{"ATEN_CPU_CAPABILITY"},
    std::string_view{"CUBLAS_WORKSPACE_CONFIG"},
    std::string_view{"DNNL_MAX_CPU_ISA"},
    std::string_view{"MKL_CBWR"},
    std::string_view{"MKL_DYNAMIC"},
    std::string_view{"MKL_ENABLE_INSTRUCTIONS"},
    std::string_view{"MKL_NUM_THREADS"},
    std::string_view{"MKL_THREADING_LAYER"},
    std::string_view{"NCCL_ALGO"},
    std::string_view{"NCCL_PROTO"},
    std::string_view{"OMP_DYNAMIC"},
    std::string_view{"OMP_NUM_THREADS"},
    std::string_view{"ONEDNN_MAX_CPU_ISA"},
    std::string_view{"OPENBLAS_CORETYPE"},
    std::string_view{"OPENBLAS_NUM_THREADS"},
    std::string_view{"PYTORCH_JIT"},
    std::string_view{"PYTORCH_TUNABLEOP_ENABLED"},
    std::string_view{"TORCH_BLAS_PREFER_CUBLASLT"},
    std::string_view{"TORCH_CUDNN_V8_API_DISABLED"},
    std::string_view{"TORCH_LINALG_PREFER_CUSOLVER"},
    std::string_view{"TORCH_LINALG_PREFER_MAGMA"},
};

std::string shown(const std::optional<std::string>& value) {
  return value ? escape_unprintable(*value) : std::string("not set");
}

// PyTorch's own count of threads says what came of them; both would say one thing twice.
bool chooses_threads(std::string_view variable) { return variable.ends_with("_NUM_THREADS"); }

bool threads_are_judged(const Observation& observed) {
  return observed.sealed.environment.has("numerics.threads") && observed.machine.environment.has("numerics.threads");
}

Finding judge_variables_results(const Observation& observed, const CheckSettings&) {
  if (observed.machine.environment.empty()) return skipped("nothing is known of this machine");
  Table table{"Variables", {"variable", "sealed", "here"}, {}};
  std::string left;
  for (const auto variable : k_variables) {
    const auto name = fmt::format("variable.{}", variable);
    const auto sealed = observed.sealed.environment.text(name);
    const auto found = observed.machine.environment.text(name);
    if (sealed == found) continue;
    if (threads_are_judged(observed) && chooses_threads(variable)) {
      left += fmt::format("; env.numerics.threads judges what {} does ({} here)", variable, shown(found));
      continue;
    }
    table.rows.push_back({std::string(variable), shown(sealed), shown(found)});
  }
  if (table.rows.empty()) return passed("variables that choose kernels are as sealed" + left);
  const auto& first = table.rows.front();
  auto finding = failed(table.rows.size() == 1 ? fmt::format("{} differs: last bits may", first[0])
                                               : fmt::format("{} variables differ, {} among them: last bits may",
                                                             table.rows.size(), first[0]),
                        fmt::format("{}={}", first[0], first[1]), fmt::format("{}={}", first[0], first[2]),
                        "nothing, if the golden checks pass; else set them as sealed");
  finding.tables.push_back(std::move(table));
  return finding;
}

}  // namespace

const Check k_env_variables_results{
    .id = "env.variables.results",
    .title = "Variables that choose kernels and threads",
    .explanation =
        "Environment variables that choose CPU kernels (ATEN_CPU_CAPABILITY, ONEDNN_MAX_CPU_ISA, MKL_CBWR), the number "
        "of "
        "threads (OMP_NUM_THREADS) or the order of a reduction: the last bits of results follow from them.",
    .severity = Severity::warn,
    .judge = judge_variables_results,
};

}  // namespace goldseal

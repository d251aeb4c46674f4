// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <goldseal/base/messages/digits.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal {
namespace {

constexpr const char* k_remedy = "set CUBLAS_WORKSPACE_CONFIG=:4096:8 (or :16:8) before the process starts";

// `:SIZE:COUNT`, any number of them (cuBLAS documentation, Results Reproducibility).
bool is_workspace(std::string_view text) {
  if (!text.starts_with(':')) return false;
  const auto parts = split(text.substr(1), ':');
  return parts.size() % 2 == 0 && std::ranges::all_of(parts, is_all_digits);
}

Finding judge_variables_workspace(const Observation& observed, const CheckSettings&) {
  const auto value = observed.machine.environment.text("variable.CUBLAS_WORKSPACE_CONFIG");
  if (value && !is_workspace(*value))
    return warned("CUBLAS_WORKSPACE_CONFIG cannot be read, and is ignored", ":4096:8 or :16:8",
                  escape_unprintable(*value), k_remedy);
  const auto& sealed = observed.sealed.environment;
  const bool deterministic = sealed.boolean("numerics.deterministic_algorithms") == true;
  if (!deterministic || !serves_on_gpu(observed))
    return skipped("the sealed run asked for no deterministic algorithms on a GPU");
  if (value == ":4096:8" || value == ":16:8") return passed(fmt::format("CUBLAS_WORKSPACE_CONFIG is {}", *value));
  return failed("deterministic algorithms need a fixed cuBLAS workspace: PyTorch refuses matrix products without it",
                ":4096:8 or :16:8", value ? escape_unprintable(*value) : "not set", k_remedy);
}

}  // namespace

const Check k_env_variables_workspace{
    .id = "env.variables.workspace",
    .title = "cuBLAS workspace",
    .explanation =
        "With torch.use_deterministic_algorithms, PyTorch refuses cuBLAS calls unless CUBLAS_WORKSPACE_CONFIG is "
        ":4096:8 "
        "or :16:8; a value in another form is ignored with a warning.",
    .severity = Severity::fail,
    .judge = judge_variables_workspace,
};

}  // namespace goldseal

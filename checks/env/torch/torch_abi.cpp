// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

std::string shown_abi(std::int64_t abi) { return fmt::format("_GLIBCXX_USE_CXX11_ABI={}", abi); }

Finding judge_torch_abi(const Observation& observed, const CheckSettings&) {
  const auto builder = observed.sealed.model.builder;
  if (!traits(builder).is_native) return skipped("the network is not compiled code");
  // It may be another build than the sealed one: what a worker could open fits.
  if (observed.run.network_keys) return passed("the compiled network was opened by this PyTorch");
  const auto sealed = observed.sealed.environment.integer("torch.cxx_abi");
  const auto found = observed.machine.environment.integer("torch.cxx_abi");
  if (!sealed || !found) return skipped("the C++ ABI of PyTorch is not known");
  if (*sealed != *found)
    return failed("PyTorch here has another C++ ABI than the compiled network: \"undefined symbol: _ZN3c10…\"",
                  shown_abi(*sealed), shown_abi(*found),
                  "build the network for this PyTorch, or install a PyTorch with the sealed ABI");
  const auto sealed_version = version_fact(observed.sealed.environment, "torch.version");
  const auto found_version = version_fact(observed.machine.environment, "torch.version");
  if (builder == Builder::plugin && sealed_version && found_version && !sealed_version->same_until(*found_version, 2))
    return failed("the plugin was compiled for another PyTorch", observed.sealed.environment.shown("torch.version"),
                  observed.machine.environment.shown("torch.version"),
                  "build the plugin against the PyTorch of this machine");
  return passed(fmt::format("the compiled network and PyTorch agree: {}", shown_abi(*found)));
}

}  // namespace

const Check k_env_torch_abi{
    .id = "env.torch.abi",
    .title = "C++ ABI of compiled networks",
    .explanation =
        "A network of compiled code (plugin, AOTInductor package) fits one PyTorch release and one C++ ABI of "
        "libstdc++. "
        "Another gives \"undefined symbol: _ZN3c105ErrorC1E…\", or two LibTorches in one process.",
    .severity = Severity::fail,
    .judge = judge_torch_abi,
};

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/environment/shared/probe_options.hpp>
#include <goldseal/manifest/environment.hpp>

namespace goldseal {

/// This machine as far as it can be known without PyTorch and without starting a program: from files, from the system,
/// and from NVIDIA's driver libraries. Milliseconds where no driver is slow. A probe that fails costs its own facts and
/// leaves its error under `probe.NAME`; nothing is thrown. manifests/FORMAT.md lists the names.
[[nodiscard]] Environment probe_machine(const ProbeOptions& options);

/// The facts `memory.*` of this machine alone: no driver is asked. Empty where they cannot be read.
[[nodiscard]] Environment probe_memory_alone();

}  // namespace goldseal

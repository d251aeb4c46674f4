// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/capture/second_process.hpp>

#include <goldseal/workflow/loading/architecture.hpp>
#include <goldseal/workflow/loading/loading.hpp>

#include <algorithm>
#include <cstdint>
#include <string>

namespace goldseal {
namespace {

constexpr std::uint64_t k_other_seed = 1;  // the first process builds from 0

}  // namespace

std::vector<OutsideRecord> SecondProcess::outside() {
  build();
  return worker().outside();
}

std::vector<LoadedTensor> SecondProcess::tensors() {
  worker().build_with_values(k_other_seed);
  build();
  load();
  return worker().digest().tensors;
}

// Built as the first process does: what is not loaded is the same there, so that what differs comes from the process. One run
// that gives the same bits says enough.
std::optional<std::string> SecondProcess::deviation(const SealedAnswers& sealed) {
  if (m_loaded.built.device) worker().use_device(*m_loaded.built.device);
  if (!m_request.admission.missing.empty()) worker().build_with_values(0);
  build();
  load();
  const bool repeatable = std::ranges::all_of(sealed.records, &GoldenCase::repeatable);
  if (repeatable && !find_changed_bits(worker(), sealed)) return std::nullopt;
  return find_deviation(worker(), sealed);
}

void SecondProcess::load() {
  const auto& [opened, device, network, match, outside] = m_loaded.built;
  worker().load(opened.checkpoint(), assignments_of(opened.checkpoint(), match, network),
                not_loaded_names(match, network.state_entries),
                extra_state_assignments(opened.checkpoint(), match, network.state_entries));
}

void SecondProcess::finish() {
  if (m_worker) m_worker->finish();
}

void SecondProcess::give_up() {
  m_lost = true;
  m_worker.reset();
}

Worker& SecondProcess::worker() {
  if (!m_worker) {
    auto runtime = m_request.runtime;
    // What was never written is no zero there.
    runtime.variables.emplace_back("MALLOC_PERTURB_", "165");
    // What a constructor draws would be alike in two builds from one seed, and in no two of the user's own.
    runtime.variables.emplace_back("GOLDSEAL_BUILD_SEED", std::to_string(k_other_seed));
    m_worker.emplace(runtime, m_request.limit, m_request.threads, m_request.confinement);
  }
  return *m_worker;
}

void SecondProcess::build() {
  const auto& opened = m_loaded.built.opened;
  static_cast<void>(build_network(worker(), opened.model, m_request.model ? Trust::code : Trust::computing,
                                  &opened.checkpoint()));
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// The second pass of a capture: the worker builds the network, and every key of the checkpoint finds its place in it.
#include <goldseal/workflow/capture/stages.hpp>

#include <checks/catalogue.hpp>
#include <checks/keys/key_finding.hpp>
#include <goldseal/environment/probe/probe.hpp>
#include <goldseal/workflow/answers/partial.hpp>
#include <goldseal/workflow/loading/architecture.hpp>
#include <goldseal/workflow/loading/key_facts.hpp>
#include <goldseal/workflow/loading/loading.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace goldseal {
namespace {

// Whether the device that was asked for is there and takes the weights, before anything is loaded.
std::optional<Device> use_requested_device(const Checkpoint& checkpoint, const DeviceRequest& asked, Worker& worker,
                                           CaptureLog& log) {
  Observation observed;
  observed.machine.environment = probe_machine({});
  observed.machine.environment.merge(worker.environment());
  for (const auto& tensor : checkpoint.tensors)
    observed.sealed.model.tensors.push_back({tensor.name, tensor.dtype, tensor.shape, {}, ""});
  const auto& offered = worker.hello().devices;
  const auto chosen = choose_devices(asked, Device(), offered);
  observed.run.device = DeviceObservation{.asked = asked.text, .offered = offered, .used = chosen};
  if (!log.require(k_worker_device, observed) || chosen.empty()) return std::nullopt;
  worker.use_device(chosen.front());
  return chosen.front();
}

KeyObservation match(const Checkpoint& checkpoint, const BuiltNetwork& network, const Admission& admission) {
  KeyObservation keys{keys_of(checkpoint, network.renames), network.state_entries, {}};
  keys.match = match_keys(keys.have, keys.want, admission);
  tell_what_is_known(checkpoint, network, keys);
  require_used(admission, std::array{static_cast<const KeyObservation*>(&keys)});
  keys.renames = network.renames;
  keys.load_steps = network.load_steps;
  return keys;
}

// A last rank's file that is missing leaves smaller tensors, which are not the network's fault.
void name_missing_pieces(const Checkpoint& checkpoint, const KeyMatch& match, Finding& finding) {
  const bool joined = std::ranges::count(checkpoint.notes, "safetensors.pieces-joined", &Note::rule) > 0;
  if (!joined || (match.missing.empty() && match.mismatched.empty())) return;
  finding.remedy = fmt::format("look whether the files of all ranks are there, which no file tells; if they are: {}", finding.remedy);
}

// An attached network lives in the process that trains it: no other can build it.
bool can_be_built_again(const ModelSpec& model, const Runtime& runtime) {
  return model.builder == Builder::python && !runtime.channel;
}

}  // namespace

std::optional<Built> build(Opened opened, const CaptureRequest& request, Worker& worker, CaptureLog& log) {
  std::optional<Device> device;
  if (request.device && !(device = use_requested_device(opened.checkpoint(), *request.device, worker, log)))
    return std::nullopt;
  if (!request.admission.missing.empty()) worker.build_with_values(0);
  auto network = build_network(worker, opened.model,
                               request.model || request.runtime.channel ? Trust::code : Trust::computing,
                               &opened.checkpoint());
  add_compiled_in(opened.checkpoint(), network);
  log.lap("build");
  auto keys = match(opened.checkpoint(), network, request.admission);
  auto fit = judge_keys(keys, "the network");
  if (fit.status == Status::fail) name_missing_pieces(opened.checkpoint(), keys.match, fit);
  if (!log.add(k_keys_network, std::move(fit))) return std::nullopt;
  auto outside =
      can_be_built_again(opened.model, request.runtime) ? worker.outside() : std::vector<OutsideRecord>{};
  return Built{std::move(opened), std::move(device), std::move(network), std::move(keys.match), std::move(outside)};
}

}  // namespace goldseal

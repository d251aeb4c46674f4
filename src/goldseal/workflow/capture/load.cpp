// SPDX-License-Identifier: Apache-2.0
// The third pass of a capture: the weights go into the network, and must be there as they are in the file.
#include <goldseal/workflow/capture/stages.hpp>

#include <checks/catalogue.hpp>
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>
#include <checks/keys/tied_names.hpp>
#include <checks/model/loading.hpp>
#include <checks/tensors/tensor_finding.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/environment/probe/probe.hpp>
#include <goldseal/workflow/description/description.hpp>
#include <goldseal/workflow/loading/loading.hpp>
#include <goldseal/workflow/loading/memory_at_hand.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace goldseal {
namespace {

// Of a checkpoint of several files, the last is the index that names the others.
std::vector<FileRecord> file_records(const Opened& opened, const Digests& digests, const std::filesystem::path& seal) {
  const auto& files = opened.checkpoint().files;
  std::vector<FileRecord> records;
  for (std::size_t i = 0; i < files.size(); ++i) {
    records.push_back({.role = i + 1 == files.size() ? FileRole::checkpoint : FileRole::shard,
                       .path = path_from_seal(files[i]->path(), seal),
                       .bytes = files[i]->size(),
                       .sha256 = digests.files[i].whole,
                       .non_tensor_sha256 = digests.files[i].non_tensor});
  }
  if (opened.architecture) records.push_back(*opened.architecture);
  return records;
}

// Names that are one tensor, and code of the network's own: told before digests that differ by them.
bool loads_as_torch_does(const Loaded& loaded, const std::vector<std::string>& changed, CaptureLog& log) {
  const auto& network = loaded.built.network;
  TensorDigests file;
  for (const auto& tensor : loaded.tensors) file.emplace(tensor.name, tensor.sha256);
  auto ties = judge_ties(network.state_entries, file);
  if (ties.status != Status::pass && !log.add(k_keys_tied, std::move(ties))) return false;
  if (changed.empty()) return true;
  log.add(k_model_loading, judge_loading(network.load_steps, changed));
  return false;
}

bool loaded_as_read(const Loaded& loaded, const CaptureRequest& request, CaptureLog& log) {
  ModelRecord file;
  file.tensors = loaded.tensors;
  const bool live = request.runtime.channel.has_value();
  auto finding = judge_digests(loadable(file, loaded.built.network.state_entries), digests_of(loaded.state.tensors),
                               "as loaded into the network",
                               live ? "the model was trained on after the checkpoint was saved, or is another: save and "
                                      "seal it at once"
                                    : "the network changes what is put into it: seal what it computes with");
  finding.explained = live;
  return log.add(k_tensors_loaded, std::move(finding));
}

// What is known of the memory is told before it is taken. Mapped weights that do not fit are read anew in every run: a
// warning, since that ends.
void tell_memory(const Checkpoint& checkpoint, CaptureLog& log) {
  Observation observed;
  observed.machine.environment = probe_memory_alone();
  for (const auto& tensor : checkpoint.tensors)
    observed.sealed.model.tensors.push_back({tensor.name, tensor.dtype, tensor.shape, {}, ""});
  log.progress().step(loading_step(weight_bytes(observed.sealed), observed.machine.environment));
  auto finding = k_env_memory_total.judge(observed, {});
  if (finding.status != Status::fail) return;
  finding.id = k_env_memory_total.id;
  finding.severity = Severity::warn;
  finding.status = Status::warn;
  log.add(std::move(finding));
}

}  // namespace

std::optional<Loaded> load(Built built, const CaptureRequest& request, Worker& worker, CaptureLog& log) {
  const auto& checkpoint = built.opened.checkpoint();
  const auto& entries = built.network.state_entries;
  tell_memory(checkpoint, log);
  const auto changed = worker.load(checkpoint, assignments_of(checkpoint, built.match, built.network),
                                   not_loaded_names(built.match, entries),
                                   extra_state_assignments(checkpoint, built.match, entries));
  const auto digests = built.opened.digests.wait(log.progress());
  for (const auto& file : checkpoint.files) file->require_unchanged();
  auto tensors = tensor_records(checkpoint, built.match, entries, digests.tensors);
  auto extra_states = extra_state_records(checkpoint, built.match, entries, digests.tensors);
  auto files = file_records(built.opened, digests, request.seal);
  auto described = description_records(built.opened.model, request.checkpoint, built.network.sources, request.seal);
  std::ranges::move(described, std::back_inserter(files));
  for (const auto& note : checkpoint.notes)
    log.fact("note", fmt::format("{} ({})", escape_unprintable(note.message), note.rule));
  log.lap("load");
  Loaded loaded{std::move(built), std::move(tensors), std::move(extra_states), std::move(files), {}};
  if (!loads_as_torch_does(loaded, changed, log)) return std::nullopt;
  loaded.state = worker.digest();
  const bool same = loaded_as_read(loaded, request, log);
  log.lap("digest");
  return same ? std::optional(std::move(loaded)) : std::nullopt;
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/keys/tied_names.hpp>
#include <checks/tensors/tensor_finding.hpp>

#include <fmt/format.h>

#include <set>
#include <string>

namespace goldseal {
namespace {

// The words about the file hold for what was loaded where both are the same.
TensorChanges changes_of(const Observation& observed, const TensorDigests& found) {
  auto changes = observed.files.weight_changes;
  for (const auto& [name, digest] : found) {
    const auto in_file = observed.files.tensors.find(name);
    if (in_file != observed.files.tensors.end() && in_file->second != digest) {
      changes[name] = {.kind = golden::WeightChange::Kind::other,
                       .text = "it is not as in the file: changed while it was loaded"};
    }
  }
  return changes;
}

// A live model has the weights that it has: nothing was loaded into it.
Finding judge_live(const std::vector<TensorRecord>& tensors, const TensorDigests& found) {
  auto finding = judge_digests(tensors, found, "as the live model has them",
                               "load the checkpoint into the model first (goldseal.load, load_state_dict), or judge the "
                               "model that was sealed");
  finding.explained = true;  // it was trained on, or is another: no damage
  if (finding.status == Status::fail)
    finding.message = fmt::format("the model that was given holds other weights than the sealed ones: {:.0f} of {} tensors",
                                  finding.measurements.front().value, tensors.size());
  return finding;
}

// Every tensor that differs from the seal is as the file has it: tensors.file has reported it.
bool is_told_of_the_file(const std::vector<TensorRecord>& tensors, const TensorDigests& found,
                         const TensorDigests& in_file) {
  std::size_t differing = 0;
  for (const auto& tensor : tensors) {
    if (is_as_sealed(tensor, found)) continue;
    const auto here = found.find(tensor.name);
    const auto there = in_file.find(tensor.name);
    if (here == found.end() || there == in_file.end() || here->second != there->second) return false;
    ++differing;
  }
  return differing > 0;
}

// These differ by what PyTorch's own loading does: no damage, and no silence either.
std::set<std::string> told_elsewhere(const Observation& observed) {
  std::set<std::string> names(observed.run.changed.begin(), observed.run.changed.end());
  if (observed.run.network_keys)
    names.merge(names_in_conflict(observed.run.network_keys->want, observed.files.tensors));
  return names;
}

Finding judge_loaded_tensors(const Observation& observed, const CheckSettings&) {
  if (!observed.run.loaded_tensors) return skipped("no weights were loaded");
  const auto found = digests_of(*observed.run.loaded_tensors);
  auto tensors = loadable(observed.sealed.model, observed.run);
  const auto all = tensors.size();
  const auto told = told_elsewhere(observed);
  std::erase_if(tensors, [&](const TensorRecord& tensor) { return told.contains(tensor.name); });
  if (observed.serving.live) return judge_live(tensors, found);
  if (is_told_of_the_file(tensors, found, observed.files.tensors)) {
    auto same = failed("the loaded tensors are the file's, and not the sealed ones", "the sealed sha256 of each tensor",
                       "those of the file", "tensors.file says what differs");
    same.explained = true;
    return same;
  }
  auto finding = judge_digests(
      tensors, found, "as loaded into the network",
      "the network changes what is put into it, or the file changed while it was read; run `goldseal inspect` on it",
      changes_of(observed, found));
  const auto without = observed.sealed.model.tensors.size() - all;
  if (!told.empty()) finding.message += fmt::format("; {} are told of by keys.tied and model.loading", told.size());
  if (without > 0) finding.message += fmt::format("; {} have no place in the compiled network: keys.network", without);
  return finding;
}

}  // namespace

const Check k_tensors_loaded{
    .id = "tensors.loaded",
    .title = "The loaded tensors are as sealed",
    .explanation =
        "SHA-256 of every tensor as it is in the network after loading, computed by the worker. This is what the model "
        "answers with, whatever the file said.",
    .severity = Severity::integrity,
    .judge = judge_loaded_tensors,
};

}  // namespace goldseal

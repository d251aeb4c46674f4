// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/tensors/tensor_finding.hpp>

namespace goldseal {
namespace {

Finding judge_loaded_tensors(const Observation& observed, const CheckSettings&) {
  if (!observed.loaded_tensors) return skipped("no weights were loaded");
  std::map<std::string, Digest> found;
  for (const auto& tensor : *observed.loaded_tensors) found.emplace(tensor.name, tensor.sha256);
  return judge_digests(
      observed.sealed, found, "as loaded into the network",
      "the network changes what is put into it, or the file changed while it was read; run `goldseal inspect` on it");
}

}  // namespace

const Check k_tensors_loaded{
    .id = "tensors.loaded",
    .title = "The loaded tensors are as sealed (D)",
    .explanation =
        "SHA-256 of every tensor as it is in the network after loading, computed by the worker. This is what the model "
        "answers with, whatever the file said.",
    .severity = Severity::integrity,
    .judge = judge_loaded_tensors,
};

}  // namespace goldseal

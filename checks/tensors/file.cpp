// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/tensors/tensor_finding.hpp>

namespace goldseal {
namespace {

Finding judge_file_tensors(const Observation& observed, const CheckSettings&) {
  if (!observed.files.keys) return skipped("the checkpoint could not be read");
  if (observed.files.tensors.empty()) return skipped("the tensors in the file were not digested");
  return judge_digests(observed.sealed.model.tensors, observed.files.tensors, "in the file",
                       "copy the checkpoint from its source again; if it was trained further, seal it anew",
                       observed.files.weight_changes);
}

}  // namespace

const Check k_tensors_file{
    .id = "tensors.file",
    .title = "The file's tensors are as sealed",
    .explanation =
        "SHA-256 of every tensor's elements, in the file, against the seal. PyTorch does not check the zip's "
        "checksums: a flipped bit loads in silence.",
    .severity = Severity::integrity,
    .judge = judge_file_tensors,
};

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/keys/key_finding.hpp>

namespace goldseal {
namespace {

Finding judge_sealed_keys(const Observation& observed, const CheckSettings&) {
  if (!observed.files.keys) return skipped("the checkpoint could not be read");
  return judge_keys(*observed.files.keys, "the seal");
}

}  // namespace

const Check k_keys_sealed{
    .id = "keys.sealed",
    .title = "The checkpoint has the sealed tensors",
    .explanation =
        "Names, shapes and element types of the file's tensors against the seal, one to one, before any PyTorch is "
        "started. Wrapper segments (module. of "
        "DataParallel, _orig_mod. of torch.compile …) are removed as whole segments, only where all names then map one "
        "to one.",
    .severity = Severity::fail,
    .judge = judge_sealed_keys,
};

}  // namespace goldseal

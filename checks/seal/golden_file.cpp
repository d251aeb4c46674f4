// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

Finding judge_golden_file(const Observation& observed, const CheckSettings&) {
  if (observed.sealed.golden.empty()) {
    return undecided("the seal has no golden case, so nothing can be said of the answers",
                     "seal the checkpoint with at least one --input");
  }
  const auto expected = to_hex(observed.sealed.golden_sha256);
  const std::string remedy = "take the seal from its source again, or seal the checkpoint again";
  if (!observed.files.golden_sha256)
    return failed(fmt::format("{} is missing from the seal", k_golden_name), expected, "no such file", remedy);
  const auto actual = to_hex(*observed.files.golden_sha256);
  if (actual != expected)
    return failed(fmt::format("{} was changed after it was sealed", k_golden_name), "sha256 " + expected,
                  "sha256 " + actual, remedy);
  return passed("the golden inputs and outputs are as they were sealed");
}

}  // namespace

const Check k_seal_golden_file{
    .id = "seal.golden-file",
    .title = "The golden tensors are whole",
    .explanation =
        "golden.safetensors holds the inputs, the outputs and their noise. Its SHA-256 is in the manifest: a file that "
        "differs proves nothing.",
    .severity = Severity::integrity,
    .judge = judge_golden_file,
};

}  // namespace goldseal

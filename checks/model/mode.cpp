// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>

namespace goldseal {
namespace {

Finding judge_mode(const Observation& observed, const CheckSettings&) {
  if (!observed.serving.live) return skipped("no live model was judged: a network that is built is in evaluation mode");
  if (!observed.serving.training) return passed("the live model is in evaluation mode, as it was judged");
  auto finding = failed("the live model is in training mode; it was judged in evaluation mode", "evaluation mode",
                        "training mode", "call model.eval() before it serves");
  finding.status = Status::warn;
  return finding;
}

}  // namespace

const Check k_model_mode{
    .id = "model.mode",
    .title = "The live model serves in the mode that was judged",
    .explanation =
        "Golden outputs are computed in evaluation mode, whatever mode the model is in, and its mode is left as it was. "
        "A model that serves in training mode drops activations and normalises by the batch: it answers otherwise than "
        "was judged.",
    .severity = Severity::warn,
    .judge = judge_mode,
};

}  // namespace goldseal

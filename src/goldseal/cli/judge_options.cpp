// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/judge_options.hpp>

namespace goldseal::cli {

void JudgeOptions::declare(CLI::App& app) {
  app.add_option("SEAL", seal, "The seal, a directory NAME.seal")->required();
  app.add_option("--checkpoint", checkpoint, "The checkpoint, if it is not where the seal says")->type_name("FILE");
  app.add_option("--model", model, "How the network is built, if not as the seal says")->type_name("FORM:SOURCE");
  app.add_option("--policy", policy, "strict, deploy, portable, or a policy file")
      ->type_name("POLICY")
      ->capture_default_str();
}

void JudgeOptions::fill(JudgeRequest& request) const {
  request.seal = seal;
  if (!checkpoint.empty()) request.checkpoint = checkpoint;
  if (!model.empty()) request.model = parse_model_spec(model);
  request.policy = load_policy(policy);
}

}  // namespace goldseal::cli

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/judge_options.hpp>

#include <goldseal/base/error.hpp>
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/workflow/shared/model_spec.hpp>

namespace goldseal::cli {

void declare_admission(CLI::App& app, std::vector<std::string>& missing, std::vector<std::string>& unexpected) {
  app.add_option("--allow-missing", missing,
                 "Tensors of the network that the checkpoint may lack, by a glob over their names (*.num_batches_tracked): "
                 "they keep the network's own value, and it is judged whether the answers depend on it; any number of "
                 "times")
      ->type_name("PATTERN");
  app.add_option("--allow-unexpected", unexpected,
                 "Tensors of the checkpoint that need no place in the network, by a glob over their names (criterion.*); "
                 "any number of times")
      ->type_name("PATTERN");
}

void JudgeOptions::declare(CLI::App& app) {
  app.add_option("SEAL", seal, "The seal, a directory NAME.seal")->required();
  app.add_option("--checkpoint", checkpoint, "The checkpoint, if it is not where the seal says")->type_name("FILE");
  app.add_option("--model", model, "How the network is built, if not as the seal says")->type_name("FORM:SOURCE");
  app.add_option("--policy", policy, "strict, deploy, portable, or a policy file")
      ->type_name("POLICY")
      ->capture_default_str();
  declare_admission(app, allow_missing, allow_unexpected);
  node.declare(app);
}

void JudgeOptions::fill(JudgeRequest& request) const {
  request.seal = seal;
  if (!checkpoint.empty()) request.checkpoint = checkpoint;
  if (!model.empty()) request.model = parse_model_spec(model);
  request.trust_code = trust_code;
  request.policy = load_policy(policy);
  request.admission = {allow_missing, allow_unexpected};
}

std::vector<std::filesystem::path> JudgeOptions::inputs() const {
  const std::filesystem::path directory(seal);
  std::vector<std::filesystem::path> paths{checkpoint, policy, directory / k_manifest_name, directory / k_golden_name};
  if (!model.empty()) paths.emplace_back(parse_model_spec(model).source);
  try {
    const auto sealed = load_manifest(directory).model;
    paths.push_back(resolve_from_seal(sealed.source, directory));
    for (const auto& file : sealed.files)
      paths.push_back(file.role == FileRole::embedded ? directory / file.path : resolve_from_seal(file.path, directory));
  } catch (const Error&) {
    // What is wrong with the seal is told by whoever judges it.
  }
  return paths;
}

}  // namespace goldseal::cli

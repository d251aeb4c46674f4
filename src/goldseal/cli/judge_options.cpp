// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/judge_options.hpp>

#include <checks/policy_strictness.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/cli/settings/settings.hpp>
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/workflow/loading/model_spec.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

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

void declare_trust_code(CLI::App& app, std::string& said) {
  app.add_flag("--trust-code{true}", said,
               "Run the code that the seal names (python:, plugin:, aoti:), and any operator of its program; --model "
               "says the same of the code that it names; --trust-code=signed runs it where the seal's signer counts "
               "(--signed-by)")
      ->transform([](const std::string& text) -> std::string {
        constexpr std::array<std::string_view, 4> k_yes{"true", "1", "on", "yes"};
        constexpr std::array<std::string_view, 4> k_no{"false", "0", "off", "no"};
        if (text == "signed") return text;
        if (std::ranges::find(k_yes, text) != k_yes.end()) return "true";
        if (std::ranges::find(k_no, text) != k_no.end()) return "false";
        throw Error(ErrorKind::usage, "--trust-code",
                    fmt::format("expected true, false or signed, found {}", escape_unprintable(text)));
      });
}

void JudgeOptions::declare(CLI::App& app) {
  app.add_option("SEAL", seal, "The seal, a directory NAME.seal")->required();
  app.add_option("--checkpoint", checkpoint, "The checkpoint, if it is not where the seal says")->type_name("FILE");
  app.add_option("--model", model, "How the network is built, if not as the seal says")->type_name("BUILDER:SOURCE");
  app.add_option("--policy", policy, "strict, deploy, portable, or a policy file")
      ->type_name("POLICY")
      ->capture_default_str();
  declare_admission(app, allow_missing, allow_unexpected);
  node.declare(app);
  signature.declare(app);
  auto* const published =
      app.add_option("--model-signature", model_signature,
                     "The publisher's own signature of the checkpoint or its directory (model.sig), to judge too")
          ->type_name("FILE");
  app.add_option("--model-key", model_keys,
                 "Whose it has to be: a file with public keys, or with a certificate or its authority (PEM); any number of "
                 "times")
      ->type_name("FILE")
      ->needs(published);
}

void require_own_policy(const Policy& policy, const CommonOptions& common) {
  if (!common.settings.from_found_file.contains("policy")) return;
  const auto less = weakening(policy, load_policy(std::string(k_default_policy)));
  if (less.empty()) return;
  throw Error(ErrorKind::usage, std::string(k_settings_file),
              fmt::format("the file was found, not named, and its policy {} asks less than {}: {}",
                          escape_unprintable(policy.name), k_default_policy, less),
              "if the file is your own, name it: --config FILE, or GOLDSEAL_CONFIG=FILE; or name the policy: --policy; if "
              "not: --no-config");
}

namespace {

bool trusts_code(const std::string& said, const JudgeRequest& request) {
  if (said != "signed") return said == "true";
  if (request.signature.demand == signing::Demand::off)
    throw Error(ErrorKind::usage, "--trust-code", "expected keys that count beside `signed`, found none",
                "name them: --signed-by release.pub, or signed-by in the policy or goldseal.toml");
  return request.opened->signature.good;
}

}  // namespace

void JudgeOptions::fill(JudgeRequest& request, const CommonOptions& common) const {
  request.seal = seal;
  if (!checkpoint.empty()) request.checkpoint = checkpoint;
  if (!model.empty()) request.model = parse_model_spec(model);
  request.policy = load_policy(policy);
  require_own_policy(request.policy, common);
  request.signature = signature.demand(request.policy, common);
  if (request.signature.demand != signing::Demand::off)
    request.opened = std::make_shared<const OpenSeal>(open_seal(request.seal, request.signature));
  if (trust_code == "signed") signature.require_own_signers("--trust-code", common);
  request.trust_code = trusts_code(trust_code, request);
  if (!model_signature.empty()) {
    request.model_signature = model_signature;
    request.model_signers = signature.signers(
        model_keys, common.settings.from_found_file.contains("identity") ? std::vector<std::string>() : signature.identities);
  }
  request.admission = {allow_missing, allow_unexpected};
}

std::vector<std::filesystem::path> JudgeOptions::inputs(const CommonOptions& common) const {
  const std::filesystem::path directory(seal);
  std::vector<std::filesystem::path> paths{checkpoint, policy, directory / k_manifest_name, directory / k_golden_name};
  paths.emplace_back(model_signature);
  paths.insert(paths.end(), model_keys.begin(), model_keys.end());
  paths.insert(paths.end(), signature.signed_by.begin(), signature.signed_by.end());
  if (!model.empty()) paths.emplace_back(parse_model_spec(model).source);
  try {
    const auto demand = signature.demand(load_policy(policy), common);
    const auto opened = open_seal(directory, demand);
    if (opened.refused()) return paths;  // nothing in it is read
    const auto& sealed = opened.manifest.model;
    paths.push_back(resolve_from_seal(sealed.source, directory));
    for (const auto& file : sealed.files)
      paths.push_back(file.role == FileRole::embedded ? directory / file.path : resolve_from_seal(file.path, directory));
  } catch (const Error&) {
    // What is wrong with the seal is told by whoever judges it.
  }
  return paths;
}

}  // namespace goldseal::cli

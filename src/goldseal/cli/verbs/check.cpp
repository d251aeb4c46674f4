// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/judge_options.hpp>
#include <goldseal/cli/output.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace goldseal::cli {
namespace {

struct Options {
  JudgeOptions judge;
  std::vector<std::string> targets;
  std::string device;
};

ExitCode run(const Options& options, const CommonOptions& common) {
  auto inputs = common.reports.empty() ? std::vector<std::filesystem::path>() : options.judge.inputs();
  inputs.insert(inputs.end(), options.targets.begin(), options.targets.end());
  check_output_options(common, inputs);
  const RunLabel label{"check", options.judge.seal, options.judge.policy, !options.targets.empty()};
  return run_as_node(options.judge.node, common, label, [&] {
    CheckRequest request;
    options.judge.fill(request);
    request.targets.assign(options.targets.begin(), options.targets.end());
    request.device = options.device;
    Progress progress(progress_mode(common));
    return check(request, progress);
  });
}

}  // namespace

Action add_check(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  options->judge.declare(app);
  app.add_option("--target", options->targets,
                 "Judge this captured environment instead of this machine (see `goldseal probe`); any number of times")
      ->type_name("ENV.toml");
  app.add_option("--device", options->device,
                 "Where the machine serves: cuda judges it for its GPU although the model was sealed on the CPU; by "
                 "default as the machine's file, the policy or the seal says")
      ->check(one_of("--device", {"cpu", "cuda"}))
      ->type_name("DEVICE");
  return [options, &common] { return run(*options, common); };
}

}  // namespace goldseal::cli

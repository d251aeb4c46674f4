// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/judge_options.hpp>
#include <goldseal/cli/output.hpp>

#include <memory>
#include <string>
#include <vector>

namespace goldseal::cli {
namespace {

struct Options {
  JudgeOptions judge;
  std::vector<std::string> targets;
};

ExitCode run(const Options& options, const CommonOptions& common) {
  check_output_options(common);
  CheckRequest request;
  options.judge.fill(request);
  request.targets.assign(options.targets.begin(), options.targets.end());
  Progress progress(progress_mode(common));
  return deliver_all(check(request, progress), common);
}

}  // namespace

Action add_check(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  options->judge.declare(app);
  app.add_option("--target", options->targets,
                 "Judge this captured environment instead of this machine (see `goldseal probe`); any number of times")
      ->type_name("ENV.toml");
  return [options, &common] { return run(*options, common); };
}

}  // namespace goldseal::cli

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/judge_options.hpp>
#include <goldseal/cli/output.hpp>

#include <memory>

namespace goldseal::cli {
namespace {

struct Options {
  JudgeOptions judge;
  std::string target;
};

ExitCode run(const Options& options, const CommonOptions& common) {
  check_output_options(common);
  CheckRequest request;
  options.judge.fill(request);
  if (!options.target.empty()) request.target = options.target;
  Progress progress(progress_mode(common));
  return deliver(check(request, progress), common);
}

}  // namespace

Action add_check(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  options->judge.declare(app);
  app.add_option("--target", options->target,
                 "Judge this captured environment instead of this machine (see `goldseal probe`)")
      ->type_name("ENV.toml");
  return [options, &common] { return run(*options, common); };
}

}  // namespace goldseal::cli

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/messages/error.hpp>
#include <goldseal/cli/judge_options.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/cli/run_options.hpp>
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/workflow/loading/code_trust.hpp>
#include <goldseal/workflow/verify/both_runs.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

namespace goldseal::cli {
namespace {

struct VerifyCommandLine {
  JudgeOptions judge;
  std::string depth = "full";
  RunOptions run{std::chrono::seconds(1800)};
  std::vector<std::string> inputs;
  std::string save_results;
  std::string results;
  std::vector<std::string> settings;
};

bool switched_on(const std::string& setting, std::string_view name) {
  const auto value = std::string_view(setting).substr(name.size());
  if (value == "=on") return true;
  if (value == "=off") return false;
  const std::vector<std::string> words{"on", "off"};
  refuse_word(fmt::format("--set {}", name), value.substr(value.empty() ? 0 : 1), words);
}

RunRequest settings_of(const std::vector<std::string>& settings) {
  RunRequest request;
  request.tf32.reset();  // what the policy permits decides
  for (const auto& setting : settings) {
    const auto name = setting.substr(0, setting.find('='));
    if (name == "onednn") {
      request.onednn = switched_on(setting, name);
    } else if (name == "channels_last") {
      request.channels_last = switched_on(setting, name);
    } else if (name == "tf32") {
      request.tf32 = switched_on(setting, name);
    } else {
      const std::vector<std::string> words{"onednn", "channels_last", "tf32"};
      refuse_word("--set", name, words);
    }
  }
  return request;
}

// Where nothing will run, a runtime that is missing does not matter; one that is no runtime at all is a slip.
void name_slips(const std::string& spec) {
  if (spec.empty()) return;
  try {
    static_cast<void>(find_runtime(spec));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::usage) throw;
  }
}

// A seal that nobody vouches for is data: its program is interpreted, and the code that it names is left alone.
void settle_untrusted(const std::string& spec, const ModelRecord& sealed, VerifyRequest& request) {
  if (!sealed.embedded && is_code(sealed.builder)) return name_slips(spec);  // nothing will run
  const auto form = sealed.embedded ? sealed.embedded->builder : sealed.builder;
  try {
    request.runtime = find_runtime(spec, form);
  } catch (const Error& error) {
    if (!sealed.embedded) throw;
    throw Error(error.kind(), error.where(), error.message(),
                fmt::format("{}; or run {}:{} of this machine in place of the embedded program: `--runtime python "
                            "--trust-code`",
                            error.remedy(), to_string(sealed.builder), sealed.source));
  }
}

// Of a seal that embeds the program of a network's code, a Python that is named runs the code where it is trusted; else the
// program runs, in a LibTorch or, where none has a worker, in Python, which interprets it too.
void settle_runtime(const VerifyCommandLine& options, VerifyRequest& request) {
  const auto& spec = options.run.runtime;
  if (request.model) {
    request.runtime = find_runtime(spec, request.model->builder);
    request.code = request.runtime.kind == RuntimeKind::python;
    return;
  }
  const auto sealed = request.opened ? request.opened->manifest.model : load_manifest(request.seal).model;
  const bool attached = spec.starts_with("attached");
  if (!request.trust_code && !attached) return settle_untrusted(spec, sealed, request);
  if (!spec.empty()) {
    request.runtime = find_runtime(spec);
    request.code = request.runtime.kind == RuntimeKind::python;
    return;
  }
  request.code = sealed.embedded && !can_build(sealed.embedded->builder);
  request.runtime =
      find_runtime(spec, sealed.embedded && !request.code ? sealed.embedded->builder : sealed.builder);
}

// The run of the embedded program, where settle_runtime chose the code's or the program's of a seal whose code is trusted,
// no runtime was named, and this machine can run both.
std::optional<VerifyRequest> run_of_program(const VerifyCommandLine& options, VerifyRequest& request) {
  if (request.model || !request.trust_code || !options.run.runtime.empty() || !options.results.empty() ||
      !options.save_results.empty())
    return std::nullopt;
  if (request.opened && request.opened->refused()) return std::nullopt;  // nothing in it is read
  const auto sealed = request.opened ? request.opened->manifest.model : load_manifest(request.seal).model;
  if (!sealed.embedded || sealed.builder != Builder::python || !can_build(sealed.embedded->builder) ||
      !can_build(sealed.builder))
    return std::nullopt;
  auto program = request;
  program.code = false;
  try {
    program.runtime = find_runtime("", sealed.embedded->builder);
    request.runtime = find_runtime("", sealed.builder);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    return std::nullopt;  // one of the two is not to be had: settle_runtime's choice stays
  }
  request.code = true;
  return program;
}

std::vector<std::filesystem::path> inputs_of(const VerifyCommandLine& options, const CommonOptions& common) {
  if (common.reports.empty()) return {};
  auto paths = options.judge.inputs(common);
  for (const auto& input : options.inputs) golden::add_files(golden::parse_input(input), paths);
  for (const auto* const name : {"run.json", "environment.toml", "outputs.safetensors"}) {
    if (!options.results.empty()) paths.push_back(std::filesystem::path(options.results) / name);
  }
  return paths;
}

// What was given of the settings, in one order: machines are compared with those that were given the same.
std::string shown_settings(const VerifyCommandLine& options) {
  auto settings = options.settings;
  std::ranges::sort(settings);
  if (options.run.threads > 0) settings.push_back(fmt::format("threads={}", options.run.threads));
  return fmt::format("{}", fmt::join(settings, " "));
}

Report judge(const VerifyCommandLine& options, const CommonOptions& common) {
  VerifyRequest request;
  options.judge.fill(request, common);
  request.depth = kind_named(k_run_depths, options.depth).value_or(RunDepth::full);
  request.settings = settings_of(options.settings);
  options.run.fill(request);
  if (!request.device && !request.policy.device.empty() && options.results.empty())
    request.device = parse_device(request.policy.device);
  for (const auto& input : options.inputs) request.inputs.push_back(golden::parse_input(input));
  if (!options.save_results.empty()) request.save_results = options.save_results;
  if (request.device && request.device->kind == DeviceRequest::Kind::all && request.save_results)
    throw Error(ErrorKind::usage, "--save-results", "expected the results of one device, found --device all",
                "save them one GPU at a time: --device cuda:0");
  if (request.opened && request.opened->refused()) {
    // Nothing in it is read, so that nothing is settled by it.
  } else if (options.results.empty()) {
    settle_runtime(options, request);
    request.live = request.runtime.channel.has_value();
  } else {
    request.results = options.results;
  }
  const auto program = run_of_program(options, request);
  Progress progress(progress_mode(common));
  auto report = verify(request, progress);
  if (program) report = both_runs(std::move(report), verify(*program, progress));
  report.identity.settings = shown_settings(options);
  if (request.save_results) report.identity.results = std::filesystem::absolute(*request.save_results).string();
  return report;
}

ExitCode run(const VerifyCommandLine& options, const CommonOptions& common) {
  check_output_options(common, inputs_of(options, common));
  const RunLabel label{"verify", options.judge.seal, options.judge.policy};
  return run_as_node(options.judge.node, common, label, [&] { return std::vector{judge(options, common)}; });
}

}  // namespace

Action add_verify(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<VerifyCommandLine>();
  options->judge.declare(app);
  options->run.declare(app);
  add_jobs(app);
  declare_trust_code(app, options->judge.trust_code);
  app.add_option("--depth", options->depth,
                 "quick: digests and one native run; full: also the float64 run and a repetition")
      ->check(one_of("--depth", {"quick", "full"}))
      ->type_name("DEPTH")
      ->capture_default_str();
  app.add_option("--input", options->inputs,
                 "A tensor that this machine's preprocessing made, to compare with the sealed input: [NAME=]FILE")
      ->type_name("INPUT");
  auto* const save =
      app.add_option("--save-results", options->save_results, "Keep what the model's run gave, to judge it again")
          ->type_name("DIR");
  app.add_option("--results", options->results, "Judge results that were saved, run nothing")
      ->type_name("DIR")
      ->excludes(save);
  app.add_option("--set", options->settings,
                 "How the model is run natively here, where that is not the default: onednn=off, channels_last=on, "
                 "tf32=on")
      ->type_name("NAME=on|off");
  return [options, &common] { return run(*options, common); };
}

}  // namespace goldseal::cli

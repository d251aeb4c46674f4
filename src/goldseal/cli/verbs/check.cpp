// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/judge_options.hpp>
#include <goldseal/cli/output.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace goldseal::cli {
namespace {

struct CheckCommandLine {
  JudgeOptions judge;
  std::vector<std::string> targets;
  std::string device;
  std::string attestation;
  std::string max_age;
};

// `90s`, `30m`, `12h`, `7d`.
std::chrono::seconds parse_age(const std::string& text) {
  constexpr std::array<std::pair<char, std::int64_t>, 4> k_units{{{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}}};
  constexpr std::int64_t k_most = 36500;  // days in a century: more is no bound
  const auto unit = text.empty() ? k_units.end() : std::ranges::find(k_units, text.back(), &std::pair<char, std::int64_t>::first);
  std::int64_t number = 0;
  const auto* const end = text.data() + text.size() - (text.empty() ? 0 : 1);
  const auto result = std::from_chars(text.data(), end, number);
  if (unit == k_units.end() || result.ec != std::errc() || result.ptr != end || number < 1 || number > k_most * (86400 / unit->second))
    throw Error(ErrorKind::usage, "--max-age", fmt::format("expected an age such as 90s, 30m, 12h or 7d, found {}", escape_unprintable(text)));
  return std::chrono::seconds(number * unit->second);
}

void fill_attestation(const CheckCommandLine& options, const CommonOptions& common, CheckRequest& request) {
  if (!options.max_age.empty()) request.max_age = parse_age(options.max_age);
  if (options.attestation.empty()) return;
  request.attestation = options.attestation;
  request.attestors = options.judge.signature.attestors(request.policy, common);
}

ExitCode run(const CheckCommandLine& options, const CommonOptions& common) {
  auto inputs = common.reports.empty() ? std::vector<std::filesystem::path>() : options.judge.inputs(common);
  inputs.insert(inputs.end(), options.targets.begin(), options.targets.end());
  check_output_options(common, inputs);
  const RunLabel label{"check", options.judge.seal, options.judge.policy, !options.targets.empty()};
  return run_as_node(options.judge.node, common, label, [&] {
    CheckRequest request;
    auto judge = options.judge;
    // Where the keys are those of an attestation, which vouches for the seal by its digest, the seal needs no signature.
    if (!options.attestation.empty()) judge.signature.implied = signing::Demand::warn;
    judge.fill(request, common);
    request.targets.assign(options.targets.begin(), options.targets.end());
    request.device = options.device;
    fill_attestation(options, common, request);
    Progress progress(progress_mode(common));
    return check(request, progress);
  });
}

}  // namespace

Action add_check(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<CheckCommandLine>();
  options->judge.declare(app);
  add_jobs(app);
  app.add_option("--target", options->targets,
                 "Judge this captured environment instead of this machine (see `goldseal probe`); any number of times")
      ->type_name("ENV.toml");
  app.add_option("--device", options->device,
                 "Where the machine serves: cuda judges it for its GPU although the model was sealed on the CPU; by "
                 "default as the machine's file, the policy or the seal says")
      ->check(one_of("--device", {"cpu", "cuda"}))
      ->type_name("DEVICE");
  auto* const attestation =
      app.add_option("--require-attestation", options->attestation,
                     "Fail unless this file attests (`goldseal attest`, by a key of --signed-by) that the model passed on a "
                     "machine of this kind")
          ->type_name("FILE");
  app.add_option("--max-age", options->max_age, "How old that verdict may be: 90s, 30m, 12h, 7d; any age without it")
      ->type_name("AGE")
      ->needs(attestation);
  return [options, &common] { return run(*options, common); };
}

}  // namespace goldseal::cli

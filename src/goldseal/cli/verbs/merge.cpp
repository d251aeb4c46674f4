// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/files/protected_paths.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/moment.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/fleet/judging/merge.hpp>
#include <goldseal/fleet/reading/node_set.hpp>
#include <goldseal/fleet/rendering/renderer.hpp>
#include <goldseal/manifest/manifest.hpp>

#include <fmt/format.h>

#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace goldseal::cli {
namespace {

constexpr std::uint64_t k_max_manifest_bytes = 256U << 20U;

struct MergeCommandLine {
  std::vector<std::string> paths;
  std::vector<std::string> expected;
  bool expect_slurm = false;
  std::string since;
  std::string until;
  std::string seal;
  std::vector<std::string> baseline;
};

const fleet::FleetRenderer& renderer_of(const std::string& name, const std::string& option) {
  if (const auto* const found = fleet::find_fleet_renderer(name)) return *found;
  std::vector<std::string> names;
  for (const auto& renderer : fleet::fleet_renderers()) names.emplace_back(renderer.name);
  refuse_word(option, name, names);
}

// A seal's directory, whose digest reports must have, or the digest itself.
std::string seal_digest(const std::string& seal) {
  if (seal.empty() || parse_digest(seal)) return seal;
  const auto manifest = std::filesystem::path(seal) / k_manifest_name;
  static_cast<void>(load_manifest(seal));  // says what is wrong with it
  return to_hex(sha256(read_text_file(manifest, k_max_manifest_bytes)));
}

fleet::MergeRequest request_of(const MergeCommandLine& options) {
  fleet::MergeRequest request;
  request.now = static_cast<std::int64_t>(std::time(nullptr));
  request.paths.assign(options.paths.begin(), options.paths.end());
  request.baseline.assign(options.baseline.begin(), options.baseline.end());
  std::vector<std::string> nodes;
  for (const auto& argument : options.expected)
    for (auto& node : fleet::expected_nodes(argument)) nodes.push_back(std::move(node));
  if (options.expect_slurm)
    for (auto& node : fleet::nodes_of_slurm_job()) nodes.push_back(std::move(node));
  if (!options.expected.empty() || options.expect_slurm) {
    if (nodes.empty())
      throw Error(ErrorKind::usage, "--expect", "expected at least one node, found none", "name them: --expect 'gpu[0-3]'");
    // Lists that overlap name a node once.
    std::string all;
    for (const auto& node : nodes) all += node + ",";
    request.expected = fleet::expand_nodes(all, "--expect");
  }
  if (!options.since.empty()) request.since = parse_moment(options.since, request.now, "--since");
  if (!options.until.empty()) request.until = parse_moment(options.until, request.now, "--until");
  if (request.since && request.until && *request.until < *request.since)
    throw Error(ErrorKind::usage, "--until", "expected a moment after --since, found an earlier one");
  request.seal = seal_digest(options.seal);
  return request;
}

// What a node left is read, although its directory alone is named: --force replaces a fleet's report among them, and no node's.
void require_no_nodes_report(const std::string& output, const MergeCommandLine& options) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto file = fs::canonical(output, error);
  if (error || !fs::is_regular_file(file, error) || file.extension() != ".json") return;
  for (const auto* const paths : {&options.paths, &options.baseline}) {
    for (const auto& path : *paths) {
      const auto directory = fs::canonical(path, error);
      if (error || !lies_in(file, directory)) continue;
      require_writable_place({output, fleet_report_kind("json"), false});
    }
  }
}

void check_outputs(const MergeCommandLine& options, const CommonOptions& common) {
  static_cast<void>(renderer_of(common.format, "--format"));
  const std::vector<std::filesystem::path> inputs(options.paths.begin(), options.paths.end());
  for (const auto& wanted : common.reports) {
    const auto [format, path] = split_report(wanted);
    static_cast<void>(renderer_of(format, "--report"));
  }
  check_report_places(common, fleet_report_kind, inputs);
  for (const auto& wanted : common.reports) require_no_nodes_report(split_report(wanted).second, options);
}

ExitCode run(const MergeCommandLine& options, const CommonOptions& common) {
  check_outputs(options, common);
  const auto merged = fleet::merge(request_of(options));
  for (const auto& wanted : common.reports) {
    const auto [format, path] = split_report(wanted);
    write_output({path, fleet_report_kind(format), common.force}, renderer_of(format, "--report").render(*merged, {}));
  }
  if (!common.quiet) print_words(renderer_of(common.format, "--format").render(*merged, render_options(common)));
  // Monitoring has codes of its own, and reads them where it asks for its format.
  return common.format == "nagios" ? static_cast<ExitCode>(fleet::nagios_exit_code(*merged)) : merged->code;
}

}  // namespace

Action add_merge(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<MergeCommandLine>();
  app.add_option("DIR|FILE", options->paths, "What nodes wrote with --report-dir DIR, or single reports")->required();
  app.add_option("--expect", options->expected,
                 "The nodes that must have reported, gpu[0-3,7],login1, or @FILE with such lists; any number of times")
      ->type_name("NODES|@FILE");
  app.add_flag("--expect-slurm", options->expect_slurm, "Expect the nodes of this Slurm job");
  app.add_option("--since", options->since,
                 "Reports before it are not of this batch: 2026-11-24T06:30:00Z, 2026-11-24, @SECONDS, 90m, 24h, 7d; by "
                 "default a day before the middle of the newest ones")
      ->type_name("TIME");
  app.add_option("--until", options->until, "Reports after it are late, in the same forms")->type_name("TIME");
  app.add_option("--seal", options->seal, "The seal that all must have judged; by default what most have")
      ->type_name("SEAL|SHA256");
  app.add_option(
         "--baseline", options->baseline,
         "Reports of machines that were good: they vote in the cohorts of their kind, and nodes are compared with "
         "their own; any number of times")
      ->type_name("DIR|FILE");
  add_jobs(app);
  return [options, &common] { return run(*options, common); };
}

}  // namespace goldseal::cli

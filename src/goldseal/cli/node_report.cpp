// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/node_report.hpp>

#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/messages/utc.hpp>
#include <goldseal/base/messages/version.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/fleet/reading/node_set.hpp>
#include <goldseal/report/renderer.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>

namespace goldseal::cli {
namespace {

namespace fs = std::filesystem;

constexpr int k_attempts = 1'000;  // reports of one node within a second
constexpr std::uint64_t k_longest_boot_id = 128;

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

// Never a rank: that says where a process stands in a job, not which machine it is on.
std::string node_name(const NodeOptions& options) {
  if (!options.node.empty()) return options.node;
  for (const auto* const name : {"SLURMD_NODENAME", "NODE_NAME"})
    if (auto value = variable(name); fleet::is_node_name(value)) return value;
  auto name = host_name();
  return fleet::is_node_name(name) ? name : "unnamed";
}

int number(const char* name) {
  const auto text = variable(name);
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : -1;
}

struct Launcher {
  const char* rank;
  const char* ranks;
  const char* job;  // null where it gives none
  const char* step;
  std::string_view name;
};
// The innermost first: mpirun and torchrun are started within Slurm's and Kubernetes' jobs.
constexpr std::array k_launchers{
    Launcher{"RANK", "WORLD_SIZE", "TORCHELASTIC_RUN_ID", nullptr, "torchrun"},
    Launcher{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "PMIX_NAMESPACE", nullptr, "mpi"},
    Launcher{"PMI_RANK", "PMI_SIZE", nullptr, nullptr, "mpi"},
    Launcher{"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_JOB_ID", "SLURM_STEP_ID", "slurm"},
    Launcher{"JOB_COMPLETION_INDEX", nullptr, nullptr, nullptr, "kubernetes"}};

void add_rank(Identity& identity) {
  for (const auto& launcher : k_launchers) {
    const auto rank = number(launcher.rank);
    if (rank < 0) continue;
    identity.rank = rank;
    if (launcher.ranks != nullptr) identity.ranks = std::max(0, number(launcher.ranks));
    if (identity.ranks > 0 && identity.ranks <= rank) identity.ranks = 0;
    if (launcher.job == nullptr || variable(launcher.job).empty()) return;
    identity.job = fmt::format("{} {}", launcher.name, variable(launcher.job).substr(0, 128));
    if (launcher.step != nullptr && !variable(launcher.step).empty()) identity.job += "." + variable(launcher.step).substr(0, 32);
    return;
  }
}

// A digest of the kernel's boot identifier: the same for all containers of a machine, and nothing can be read from it.
std::string boot_of_machine() {
  try {
    return to_hex(sha256(read_text_file("/proc/sys/kernel/random/boot_id", k_longest_boot_id))).substr(0, 16);
  } catch (const Error&) {
    return {};
  }
}

// A report on this machine is this node's; one on a captured environment is that of the file's machine.
void fill_identity(const NodeOptions& options, bool here, Report& report) {
  auto& identity = report.identity;
  if (!here) {
    identity.node = fs::path(report.target).stem().string();
    if (!fleet::is_node_name(identity.node)) identity.node = "unnamed";
    return;
  }
  identity.node = node_name(options);
  identity.boot = boot_of_machine();
  add_rank(identity);
}

// `20261130T035734Z`, and for a rank `20261130T035734Z-r3`.
std::string file_name(const Report& report, int attempt) {
  std::string name;
  for (const char c : report.started)
    if (c != '-' && c != ':') name += c;
  if (report.identity.rank >= 0) name += fmt::format("-r{}", report.identity.rank);
  if (attempt > 0) name += fmt::format("-{}", attempt);
  return name + ".json";
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

void leave(const Report& report, const std::string& directory) {
  const auto folder = fs::path(directory) / report.identity.node;
  std::error_code code;
  fs::create_directories(folder, code);
  if (code) throw Error(ErrorKind::io, folder.string(), fmt::format("cannot create the directory: {}", code.message()));
  const auto text = render_compact_json(report);
  for (int attempt = 0; attempt < k_attempts; ++attempt) {
    const auto path = folder / file_name(report, attempt);
    if (is_there(path)) continue;
    try {
      OutputFile file(path, Existing::refuse);
      file.write(text);
      file.commit();
      return;
    } catch (const Error& error) {
      // Another run of this node took the name meanwhile.
      if (error.kind() != ErrorKind::usage || !is_there(path)) throw;
    }
  }
  throw Error(ErrorKind::io, folder.string(), fmt::format("expected a free name, found {} reports of one second", k_attempts));
}

Report report_of(const Error& error, const RunLabel& label) {
  Report report;
  report.verb = label.verb;
  report.subject = label.seal;
  report.target = host_name();
  report.policy = label.policy;
  report.version = k_version;
  report.started = utc_now();
  report.facts.emplace_back("error", error.what());
  // What the seal itself breaks is damage; of anything else nothing was judged.
  if (error.kind() == ErrorKind::malformed && error.where().starts_with(label.seal)) {
    Finding finding;
    finding.id = "seal.manifest";
    finding.status = Status::fail;
    finding.severity = Severity::integrity;
    finding.message = error.message();
    finding.remedy = error.remedy();
    finding.origin = error.where();
    report.findings.push_back(std::move(finding));
  }
  return report;
}

}  // namespace

void NodeOptions::declare(CLI::App& app) {
  app.add_option("--report-dir", directory,
                 "Write the report as DIR/NODE/TIME.json, for `goldseal merge` to judge many nodes; a file that "
                 "appears there is whole")
      ->type_name("DIR");
  app.add_option("--node", node,
                 "This machine's name among the others; by default SLURMD_NODENAME, NODE_NAME, or the host's name")
      ->type_name("NAME");
  app.add_flag(
      "--exit-zero", exit_zero,
      "Exit with 0 whatever the verdict is, for launchers that end the other nodes' runs; the report has the verdict");
}

void NodeOptions::check() const {
  if (!node.empty() && !fleet::is_node_name(node))
    throw Error(ErrorKind::usage, "--node", fmt::format("expected letters, digits, `.`, `-` and `_`, found {}", escape_unprintable(node)),
                "give the node's name as the cluster has it: gpu3");
  if (!directory.empty()) require_outside_of_seals(fs::path(directory) / "NODE");
}

ExitCode run_as_node(const NodeOptions& options, const CommonOptions& common, const RunLabel& label,
                     const std::function<std::vector<Report>()>& judge) {
  options.check();
  std::vector<Report> reports;
  try {
    reports = judge();
    for (auto& report : reports) {
      fill_identity(options, !label.targets, report);
      tell_found_settings(report, common);
      if (!options.directory.empty()) leave(report, options.directory);
    }
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    if (!options.directory.empty() && reports.empty()) {
      auto report = report_of(error, label);
      fill_identity(options, true, report);
      leave(report, options.directory);
    }
    // Without a report that tells, an exit code of 0 would be a pass that nobody gave.
    const bool told = !options.directory.empty() && reports.empty();  // what was judged and could not be left is not
    if (!options.exit_zero || !told) throw;
    print_aside(fmt::format("error: {}\n", for_locale(escape_unprintable(error.what()))));
    return ExitCode::conforms;
  }
  const auto code = deliver_all(reports, common);
  return options.exit_zero ? ExitCode::conforms : code;
}

}  // namespace goldseal::cli

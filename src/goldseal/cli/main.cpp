// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/error.hpp>
#include <goldseal/base/interrupt.hpp>
#include <goldseal/base/text.hpp>
#include <goldseal/base/version.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/cli/verb.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <map>

namespace goldseal::cli {
namespace {

constexpr const char* k_description =
    "goldseal proves that a PyTorch model gives the same answers on another machine.\n"
    "`check` judges files and machine without PyTorch; `verify` also runs the model.";
constexpr const char* k_footer =
    "Exit codes: 0 conforms; 1 a check failed; 2 no verdict (usage, policy or seal cannot be read);\n"
    "3 inconclusive (a required check could not be judged); 4 integrity (a file is damaged or was\n"
    "changed); 101 a defect of goldseal.";

void add_common(CLI::App& app, CommonOptions& common) {
  app.add_option("--format", common.format, "What standard output gets: text, json …")
      ->type_name("FORMAT")
      ->capture_default_str();
  app.add_option("--report", common.reports, "Also write a report to a file; as often as you like")
      ->type_name("FORMAT=PATH");
  app.add_option("--color", common.color, "auto, always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->type_name("WHEN")
      ->capture_default_str();
  app.add_flag("-q,--quiet", common.quiet, "Print nothing but errors; the exit code tells");
  app.add_flag("-v,--verbose", common.verbose, "Also list what passed, and the time of each stage");
}

int complain(std::string_view where, std::string_view message, std::string_view remedy, ExitCode code) {
  fmt::print(stderr, "error: {}{}{}\n", escape_unprintable(where), where.empty() ? "" : ": ", message);
  if (!remedy.empty()) fmt::print(stderr, "  fix  {}\n", remedy);
  return static_cast<int>(code);
}

// CLI11 reports an unknown verb only as an argument too many.
std::string usage_remedy(int argc, char** argv) {
  std::vector<std::string> names;
  for (const auto& verb : verbs()) names.emplace_back(verb.name);
  if (argc > 1 && std::ranges::find(names, std::string_view(argv[1])) == names.end()) {
    if (const auto near = did_you_mean(argv[1], names)) return fmt::format("did you mean `goldseal {}`?", *near);
    return "`goldseal --help` lists the verbs";
  }
  return argc > 1 ? fmt::format("`goldseal {} --help` shows what it takes", argv[1])
                  : "`goldseal --help` lists the verbs";
}

int parse_and_run(int argc, char** argv) {
  CLI::App app(k_description, "goldseal");
  app.footer(k_footer);
  app.set_version_flag("--version", fmt::format("goldseal {}", k_version));
  app.require_subcommand(1);
  CommonOptions common;
  std::map<const CLI::App*, Action> actions;
  for (const auto& verb : verbs()) {
    auto* const sub = app.add_subcommand(std::string(verb.name), std::string(verb.summary));
    actions.emplace(sub, verb.add(*sub, common));
    add_common(*sub, common);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    print(app.help());
    return 0;
  } catch (const CLI::CallForVersion&) {
    print(fmt::format("goldseal {}\n", k_version));
    return 0;
  } catch (const CLI::ParseError& error) {
    return complain("", error.what(), usage_remedy(argc, argv), ExitCode::no_verdict);
  }
  return static_cast<int>(actions.at(app.get_subcommands().front())());
}

}  // namespace

int run(int argc, char** argv) {
  try {
    return parse_and_run(argc, argv);
  } catch (const Error& error) {
    const int code = complain(error.where(), error.message(), error.remedy(), exit_code(error.kind()));
    if (error.kind() == ErrorKind::interrupted) end_by_signal();
    return code;
  } catch (const std::bad_alloc&) {
    return complain("", "out of memory", "", ExitCode::no_verdict);
  } catch (const std::filesystem::filesystem_error& error) {
    return complain(error.path1().string(), error.code().message(), "", ExitCode::no_verdict);
  } catch (const std::exception& error) {
    return complain("", fmt::format("a defect of goldseal: {}", error.what()), "please report it with the command line",
                    ExitCode::defect);
  }
}

}  // namespace goldseal::cli

int main(int argc, char** argv) {
  goldseal::catch_interrupts();
  return goldseal::cli::run(argc, argv);
}

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/verdict/exit_code.hpp>

#include <CLI/CLI.hpp>

#include <filesystem>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::cli {

/// Where settings may come from; the command line says it.
struct SettingsSource {
  bool use_file = true;                   ///< false after --no-config
  std::filesystem::path file;             ///< of --config; empty: the nearest goldseal.toml
  std::filesystem::path directory = ".";  ///< where the search for it begins
  std::set<std::string> from_file = {};   ///< flags whose values come from it, once they are applied
  std::set<std::string> from_found_file = {};  ///< the same of a file that may have come with a stranger's directory
  std::string found_file = {};            ///< the goldseal.toml that was found and not named; empty without one
  std::vector<std::string> found = {};    ///< what counts of it and bears on what is done: `depth quick`
};

/// What every verb takes.
struct CommonOptions {
  std::string format = "text";
  std::vector<std::string> reports;  ///< `FORMAT=PATH`; of verbs that judge
  bool force = false;                ///< of verbs that judge: a report replaces whatever file is there
  std::string color = "auto";
  bool quiet = false;
  bool verbose = false;
  SettingsSource settings;
};

/// Accepts a whole number of at least one.
[[nodiscard]] CLI::Validator positive_integer();

/// Accepts one of a few words. `name` is the flag's or argument's name in errors: `--color`. Throws Error{usage} for
/// other words.
[[nodiscard]] CLI::Validator one_of(std::string name, std::vector<std::string> words);

/// What a flag takes where it is given a value.
inline constexpr std::string_view k_flag_values = "true or false";

/// `--quiet: expected true or false, found maybe`, for a value that could not be read.
[[nodiscard]] std::string format_value(std::string_view name, std::string_view expected, std::string_view found);

/// Throws Error{usage}: what was expected, what was found, and the word that was meant.
[[noreturn]] void refuse_word(const std::string& name, std::string_view found, std::span<const std::string> words);

/// Declares what every verb takes, and what those take that judge.
void add_common(CLI::App& app, CommonOptions& common, bool judges);

/// `--jobs N`, of verbs that read large files: it holds for the whole process.
void add_jobs(CLI::App& app);

/// What the chosen verb will do once the command line is known to be sound.
using Action = std::function<ExitCode()>;

/// A verb of the command: `add` declares its options on `app` and returns its action, which reads them when it is
/// called.
struct Verb {
  std::string_view name;
  std::string_view summary;
  Action (*add)(CLI::App& app, const CommonOptions& common);
  bool judges = false;  ///< its result is a report, in any format; else it is text or JSON
};

/// All verbs, in the order of the help.
[[nodiscard]] std::span<const Verb> verbs();

/// A verb's options by themselves, apart from any command line: what it takes, and its defaults.
struct DeclaredVerb {
  explicit DeclaredVerb(const Verb& verb);

  CommonOptions common;
  CLI::App app;
  Action action;  ///< owns what the options write to
};

Action add_capture(CLI::App& app, const CommonOptions& common);
Action add_seal(CLI::App& app, const CommonOptions& common);
Action add_verify(CLI::App& app, const CommonOptions& common);
Action add_check(CLI::App& app, const CommonOptions& common);
Action add_doctor(CLI::App& app, const CommonOptions& common);
Action add_probe(CLI::App& app, const CommonOptions& common);
Action add_diff(CLI::App& app, const CommonOptions& common);
Action add_inspect(CLI::App& app, const CommonOptions& common);
Action add_convert(CLI::App& app, const CommonOptions& common);
Action add_attest(CLI::App& app, const CommonOptions& common);
Action add_bom(CLI::App& app, const CommonOptions& common);
Action add_sign(CLI::App& app, const CommonOptions& common);
Action add_explain(CLI::App& app, const CommonOptions& common);
Action add_merge(CLI::App& app, const CommonOptions& common);
Action add_report(CLI::App& app, const CommonOptions& common);
Action add_schema(CLI::App& app, const CommonOptions& common);
Action add_runtime(CLI::App& app, const CommonOptions& common);
Action add_config(CLI::App& app, const CommonOptions& common);
Action add_completion(CLI::App& app, const CommonOptions& common);
Action add_manual(CLI::App& app, const CommonOptions& common);

}  // namespace goldseal::cli

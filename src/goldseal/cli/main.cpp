// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/messages/version.hpp>
#include <goldseal/base/running/interrupt.hpp>
#include <goldseal/base/running/mapping_guard.hpp>
#include <goldseal/base/running/memory_guard.hpp>
#include <goldseal/cli/given_options.hpp>
#include <goldseal/cli/missing_file.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/cli/settings/settings.hpp>
#include <goldseal/cli/verb.hpp>
#include <goldseal/cli/welcome.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <exception>
#include <iterator>
#include <map>
#include <optional>
#include <system_error>

namespace goldseal::cli {
namespace {

constexpr const char* k_description =
    "goldseal proves that a PyTorch model gives the same answers on another machine.\n"
    "`check` judges files and machine without PyTorch; `verify` also runs the model.";
constexpr const char* k_footer =
    "Exit codes: 0 conforms; 1 a check failed; 2 no verdict (usage, policy or seal cannot be read);\n"
    "3 inconclusive (a required check could not be judged); 4 integrity (a file is damaged or was\n"
    "changed); 101 a defect of goldseal.";

int complain(std::string_view where, std::string_view message, std::string_view remedy, ExitCode code) {
  auto text = fmt::format("error: {}{}{}\n", for_locale(escape_unprintable(where)), where.empty() ? "" : ": ",
                          for_locale(bounded(std::string(message))));
  if (!remedy.empty()) text += fmt::format("  fix  {}\n", for_locale(bounded(std::string(remedy))));
  print_aside(text);
  return static_cast<int>(code);
}

// To monitoring, 2 is CRITICAL: what could not be judged is UNKNOWN there, and stands in the first line of the output.
constexpr int k_critical_to_monitoring = 2;
constexpr int k_unknown_to_monitoring = 3;

bool asks_for_monitoring(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word(argv[i]);
    if (word == "--format=nagios" || (word == "--format" && i + 1 < argc && std::string_view(argv[i + 1]) == "nagios")) return true;
  }
  return false;
}

int tell_monitoring(const std::string& said, ExitCode code) {
  const bool damaged = code == ExitCode::integrity;
  auto text = fmt::format("GOLDSEAL {} - {}\n", damaged ? "CRITICAL" : "UNKNOWN", for_locale(bounded(said)));
  std::ranges::replace(text, '|', '/');
  std::replace(text.begin(), text.end() - 1, '\n', ' ');
  print(text);
  return damaged ? k_critical_to_monitoring : k_unknown_to_monitoring;
}

// What the system refuses, or a wrong command line, says nothing of the model: no verdict, to monitoring as well.
int give_up(int argc, char** argv, std::string_view where, std::string_view message, std::string_view remedy) {
  if (!asks_for_monitoring(argc, argv)) return complain(where, message, remedy, ExitCode::no_verdict);
  return tell_monitoring(where.empty() ? std::string(message) : fmt::format("{}: {}", where, message), ExitCode::no_verdict);
}

bool is_verb(std::string_view name) { return std::ranges::find(verbs(), name, &Verb::name) != verbs().end(); }

// The flags of a verb, `--timeout`, and those of the command itself.
std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const auto* const option : app.get_options()) {
    for (const auto& name : option->get_lnames()) flags.push_back("--" + name);
  }
  return flags;
}

struct UnknownFlag {
  std::string name;
  std::optional<std::string> meant;
};

// The first flag that the verb does not have.
std::optional<UnknownFlag> unknown_flag(const CLI::App& app, int argc, char** argv) {
  if (argc < 2) return std::nullopt;
  const auto verb = app.get_subcommands([&](const CLI::App* sub) { return sub->get_name() == argv[1]; });
  if (verb.empty()) return std::nullopt;
  auto flags = flags_of(*verb.front());
  for (const auto* const nested : verb.front()->get_subcommands({})) {
    if (argc > 2 && nested->get_name() == argv[2]) std::ranges::move(flags_of(*nested), std::back_inserter(flags));
  }
  for (int i = 2; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    const auto name = argument.substr(0, argument.find('='));
    if (name == "--") break;  // what follows are values
    if (name.starts_with("--") && std::ranges::find(flags, name) == flags.end())
      return UnknownFlag{std::string(name), did_you_mean(name, flags)};
  }
  return std::nullopt;
}

// The first argument that neither the verb nor a verb within it has a place for.
std::string first_extra(const CLI::App& app) {
  for (const auto* const verb : app.get_subcommands()) {
    if (auto extra = first_extra(*verb); !extra.empty()) return extra;
  }
  const auto extras = app.remaining();
  return extras.empty() ? std::string() : extras.front();
}

bool is_flag(const CLI::App& app, const std::string& name) {
  for (const auto* const verb : app.get_subcommands()) {
    if (const auto* const option = verb->get_option_no_throw(name); option != nullptr)
      return option->get_items_expected_max() == 0;
  }
  return false;
}

std::string told_conversion(const CLI::App& app, const std::string& name, std::string_view found) {
  return format_value(name, is_flag(app, name) ? k_flag_values : "a whole number", found);
}

// CLI11 writes `At Most 1 required but received 2` of an option that was given twice, and `1 required TEXT missing`.
std::string told_mismatch(const std::string& name, std::string_view what) {
  const auto received = what.rfind("received ");
  if (received == std::string_view::npos) return fmt::format("{}: expected a value, found nothing", name);
  return fmt::format("{}: expected once, found {} times", name, what.substr(received + 9));
}

// The parser's own words say neither what was expected nor, for some, what was found.
std::string in_own_words(const CLI::App& app, const CLI::ParseError& error, std::string_view verb) {
  const std::string text = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr)
    return fmt::format("{} takes no further argument, found `{}`", verb, escape_unprintable(first_extra(app)));
  const auto colon = text.find(": ");
  const auto equals = text.find(" = ");
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr && equals != std::string::npos && colon < equals)
    return told_conversion(app, text.substr(colon + 2, equals - colon - 2), text.substr(equals + 3));
  if (const auto end = text.find(" is required"); dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && end != std::string::npos)
    return fmt::format("{}: expected {}, found nothing", verb, text.substr(0, end));
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr && colon != std::string::npos)
    return told_mismatch(text.substr(0, colon), text.substr(colon + 2));
  return text;
}

std::vector<std::string> nested_verbs(const CLI::App& app, const char* verb) {
  std::vector<std::string> names;
  for (const auto* const nested : app.get_subcommand(verb)->get_subcommands({})) names.push_back(nested->get_name());
  return names;
}

// CLI11 does not say which verb or flag is not known, and lists arguments from the last to the first.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  if (!is_verb(argv[1])) return fmt::format("there is no verb {}", escape_unprintable(argv[1]));
  if (const auto flag = unknown_flag(app, argc, argv))
    return fmt::format("{} takes no {}", argv[1], escape_unprintable(flag->name));
  return in_own_words(app, error, argv[1]);
}

std::string usage_remedy(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  std::vector<std::string> names;
  for (const auto& verb : verbs()) names.emplace_back(verb.name);
  if (argc > 1 && !is_verb(argv[1])) {
    if (const auto near = did_you_mean(argv[1], names)) return fmt::format("did you mean `goldseal {}`?", *near);
    return "`goldseal --help` lists the verbs";
  }
  if (const auto flag = unknown_flag(app, argc, argv); flag && flag->meant)
    return fmt::format("did you mean {}?", *flag->meant);
  if (argc > 1 && dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    if (const auto near = did_you_mean(first_extra(app), nested_verbs(app, argv[1])))
      return fmt::format("did you mean `goldseal {} {}`?", argv[1], *near);
  }
  return argc > 1 ? fmt::format("`goldseal {} --help` shows what it takes", argv[1])
                  : "`goldseal --help` lists the verbs";
}

// What is wrong with a flag that was set elsewhere is to be mended there.
Error with_origin(const Error& error, const std::map<std::string, std::string>& origins) {
  if (!error.where().starts_with("--")) return error;
  const auto flag = error.where().substr(2);
  const auto origin = origins.find(flag.substr(0, flag.find(' ')));
  if (origin == origins.end()) return error;
  return {error.kind(), fmt::format("{}: {}", origin->second, flag), error.message(), error.remedy()};
}

// `config` shows them beside what counts.
void warn_of_strays(const Settings& settings, bool quiet) {
  for (const auto& warning : warnings_of_strays(settings)) {
    if (!quiet) print_aside(fmt::format("warning: {}\n", for_locale(warning)));
  }
}

// A verb whose report tells it needs no second word.
void tell_settings(std::string_view verb, const CommonOptions& common) {
  constexpr std::array<std::string_view, 4> k_told_elsewhere{"capture", "check", "config", "verify"};
  if (common.quiet || common.settings.found.empty() || std::ranges::find(k_told_elsewhere, verb) != k_told_elsewhere.end()) return;
  print_aside(for_locale(fmt::format("note: of {}, which was found: {}\n", escape_unprintable(common.settings.found_file),
                                     escape_unprintable(fmt::format("{}", fmt::join(common.settings.found, ", "))))));
}

// The options of all verbs take longer to declare than a small check does: only these need more than one's.
bool needs_all_options(std::string_view verb) { return !is_verb(verb) || verb == "completion" || verb == "manual"; }

int parse_and_run(int argc, char** argv) {
  if (argc < 2) {
    print(for_locale(welcome(".")));
    return 0;
  }
  CLI::App app(k_description, "goldseal");
  app.footer(k_footer);
  app.set_version_flag("--version", fmt::format("goldseal {}", k_version));
  app.require_subcommand(1);
  CommonOptions common;
  std::map<const CLI::App*, Action> actions;
  const bool all = needs_all_options(argv[1]);
  for (const auto& verb : verbs()) {
    auto* const sub = app.add_subcommand(std::string(verb.name), std::string(verb.summary));
    if (!all && verb.name != argv[1]) continue;
    actions.emplace(sub, verb.add(*sub, common));
    add_common(*sub, common, verb.judges);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    print(for_locale(app.help()));
    return 0;
  } catch (const CLI::CallForVersion&) {
    print(fmt::format("goldseal {}\n", k_version));
    return 0;
  } catch (const CLI::ParseError& error) {
    return give_up(argc, argv, "", usage_message(app, error, argc, argv), usage_remedy(app, error, argc, argv));
  }
  auto* const verb = app.get_subcommands().front();
  require_values(*verb);
  const auto settings = Settings::gather(common.settings);
  const auto origins = apply_settings(*verb, settings, &common.settings);
  if (verb->get_name() != "config") warn_of_strays(settings, common.quiet);
  tell_settings(verb->get_name(), common);
  try {
    require_outputs_apart(*verb);
    const auto code = actions.at(verb)();
    throw_if_cut();  // nothing that was read is as it was
    return static_cast<int>(code);
  } catch (const Error& error) {
    throw_if_cut();
    if (common.format == "nagios" && error.kind() != ErrorKind::interrupted)
      return tell_monitoring(with_origin(error, origins).what(), exit_code(error.kind()));
    throw with_origin(error, origins);
  }
}

}  // namespace

int run(int argc, char** argv) {
  try {
    return parse_and_run(argc, argv);
  } catch (const Error& error) {
    const auto remedy = error.remedy().empty() ? remedy_for_missing(error) : error.remedy();
    const int code = complain(error.where(), error.message(), remedy, exit_code(error.kind()));
    if (error.kind() == ErrorKind::interrupted) end_by_signal();
    return code;
  } catch (const std::bad_alloc&) {
    return give_up(argc, argv, "", "out of memory", "");
  } catch (const std::filesystem::filesystem_error& error) {
    return give_up(argc, argv, error.path1().string(), error.code().message(), "");
  } catch (const std::system_error& error) {
    return give_up(argc, argv, "", fmt::format("the system refused what is needed: {}", error.code().message()),
                   "look at the limits of this process (ulimit -a)");
  } catch (const std::exception& error) {
    return complain("", fmt::format("a defect of goldseal: {}", error.what()), "please report it with the command line",
                    ExitCode::defect);
  }
}

}  // namespace goldseal::cli

int main(int argc, char** argv) {
  // Neither the host's openssl.cnf nor OPENSSL_CONF: it could load a provider's code, or leave out the default one, and
  // every key would then look broken.
  ::OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  goldseal::cli::open_standard_streams();
  goldseal::catch_interrupts();
  goldseal::catch_cut_mappings();
  goldseal::tell_end_of_memory(static_cast<int>(goldseal::ExitCode::no_verdict));
  return goldseal::cli::run(argc, argv);
}

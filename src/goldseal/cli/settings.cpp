// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/settings.hpp>

#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/files/protected_paths.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/manifest/toml_text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace goldseal::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t k_max_settings_bytes = 1U << 20U;
constexpr std::string_view k_variable_prefix = "GOLDSEAL_";

enum class Kind { text, flag, number, list };

struct Setting {
  std::string_view key;
  Kind kind;
  bool path;  ///< a path in it is relative to the file that sets it
};

constexpr std::array k_settings{Setting{"format", Kind::text, false},    Setting{"report", Kind::list, true},
                                Setting{"color", Kind::text, false},     Setting{"quiet", Kind::flag, false},
                                Setting{"verbose", Kind::flag, false},   Setting{"policy", Kind::text, true},
                                Setting{"target", Kind::list, true},     Setting{"runtime", Kind::text, true},
                                Setting{"depth", Kind::text, false},     Setting{"timeout", Kind::number, false},
                                Setting{"threads", Kind::number, false}, Setting{"jobs", Kind::number, false},
                                Setting{"anonymous", Kind::flag, false},
                                Setting{"embed", Kind::flag, false},     Setting{"device", Kind::text, false},
                                Setting{"trust-code", Kind::flag, false}, Setting{"signature", Kind::text, false},
                                Setting{"signed-by", Kind::list, true},  Setting{"identity", Kind::list, false},
                                Setting{"batch", Kind::number, false},   Setting{"pad", Kind::list, false},
                                Setting{"pad-side", Kind::text, false},  Setting{"pad-mask", Kind::text, false},
                                Setting{"batch-dim", Kind::list, false}};

// Variables that goldseal, its Python package or its C++ hook reads, and that stand for no flag.
constexpr std::array<std::string_view, 6> k_other_variables{"GOLDSEAL_WORKERS", "GOLDSEAL_WORKER_RUN", "GOLDSEAL_CONFIG", "GOLDSEAL_PYTHON",
                                                            "GOLDSEAL_COMMAND", "GOLDSEAL_TORCH_DIR"};
// Variables of the project's own scripts and tests, and the version by which an image or a pipeline pins a tool.
constexpr std::array<std::string_view, 7> k_foreign_variables{
    "GOLDSEAL_BUILD",        "GOLDSEAL_ROOT",           "GOLDSEAL_OTHER_TORCH", "GOLDSEAL_FAKE_GPU",
    "GOLDSEAL_OTHER_CONFIG", "GOLDSEAL_TEST_DIRECTORY", "GOLDSEAL_VERSION"};

constexpr std::string_view k_trust_table = "trust";
constexpr std::string_view k_trust_key = "trust-code";

const Setting* find_setting(std::string_view key) {
  const auto* const found = std::ranges::find(k_settings, key, &Setting::key);
  return found == k_settings.end() ? nullptr : found;
}

std::vector<std::string> verb_names() {
  std::vector<std::string> names;
  for (const auto& verb : verbs()) names.emplace_back(verb.name);
  return names;
}

bool is_verb(std::string_view name) {
  return std::ranges::any_of(verbs(), [&](const Verb& verb) { return verb.name == name; });
}

// Whether a verb has the flag, from the table that its command line is parsed by.
bool takes(std::string_view verb, std::string_view key) {
  const auto found = std::ranges::find(verbs(), verb, &Verb::name);
  return found != verbs().end() && DeclaredVerb(*found).app.get_option_no_throw("--" + std::string(key)) != nullptr;
}

std::string meant(std::string_view text, std::vector<std::string> candidates) {
  const auto near = did_you_mean(text, candidates);
  return near ? fmt::format("did you mean {}?", *near) : "`goldseal config` lists the settings";
}

std::vector<std::string> setting_names() {
  std::vector<std::string> names;
  for (const auto& setting : k_settings) names.emplace_back(setting.key);
  return names;
}

// `deploy` is a policy that ships with goldseal and `libtorch` a runtime; what has a slash or an end is a path.
std::string resolved(const std::string& value, const fs::path& directory) {
  const auto equals = value.find('=');
  const auto begin = equals == std::string::npos ? 0 : equals + 1;
  const fs::path path = value.substr(begin);
  const bool bare = equals == std::string::npos && !path.has_parent_path() && !path.has_extension();
  if (bare || path.empty() || path.is_absolute()) return value;
  return value.substr(0, begin) + (directory / path).lexically_normal().string();
}

// Whether a value makes goldseal start what lies somewhere: code that a seal names, an interpreter, a LibTorch.
bool starts_something(const Setting& setting, const std::vector<std::string>& values) {
  if (setting.key == k_trust_key) return values.front() != "false";
  return setting.key == "runtime" && values.front().find('=') != std::string::npos;
}

// Whether a report would go where whoever put the file there could not have put one.
bool writes_outside(const Setting& setting, const std::vector<std::string>& values, const fs::path& file) {
  if (setting.key != "report") return false;
  std::error_code error;
  const auto directory = fs::weakly_canonical(fs::absolute(file).parent_path(), error);
  return std::ranges::any_of(values, [&](const std::string& value) {
    const auto place = fs::weakly_canonical(fs::absolute(value.substr(value.find('=') + 1), error), error);
    return error || !lies_in(place, directory);
  });
}

// What changes how things are shown, and how soon, needs no word: it shows.
bool is_presentation(std::string_view key) {
  constexpr std::array<std::string_view, 5> k_keys{"format", "color", "quiet", "verbose", "jobs"};
  return std::ranges::find(k_keys, key) != k_keys.end();
}

// A file that lies in the user's own home directory and that no one else can write.
bool is_users_own(const fs::path& file) {
  const char* const home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') return false;
  std::error_code error;
  if (!fs::equivalent(fs::absolute(file).parent_path(), home, error)) return false;
  struct stat status {};
  return ::stat(file.c_str(), &status) == 0 && status.st_uid == ::geteuid() &&
         (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

class FileReader {
 public:
  /// `named`: the user named the file. One that was merely found may have come with a stranger's directory.
  FileReader(fs::path file, bool named, std::vector<SetValue>& values)
      : m_file(std::move(file)),
        m_where(m_file.string()),
        m_may_start(named || is_users_own(m_file)),
        m_values(values) {}

  void read() {
    try {
      const auto document = parse_toml(read_text_file(m_file, k_max_settings_bytes), m_where);
      read_table(document, "");
    } catch (const Error& error) {
      throw as_usage(error);
    }
  }

 private:
  void read_table(const toml::table& table, const std::string& verb) {
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      if (const auto* const inner = node.as_table(); inner != nullptr && verb.empty()) {
        if (name == k_trust_table) {
          read_trust(*inner);
          continue;
        }
        if (!is_verb(name))
          refuse(node, fmt::format("there is no verb {}", escape_unprintable(name)), meant(name, verb_names()));
        read_table(*inner, name);
        continue;
      }
      const auto* const setting = find_setting(name);
      const auto shown = verb.empty() ? name : fmt::format("{}.{}", verb, name);
      if (setting == nullptr)
        refuse(node, fmt::format("unknown key {}", escape_unprintable(shown)), meant(name, setting_names()));
      if (!verb.empty() && !takes(verb, name))
        refuse(node, fmt::format("{}: {} has no --{}, and the value would have no effect", shown, verb, name),
               fmt::format("set {} above [{}], for every verb that has it, or take it out", name, verb));
      add(*setting, verb, values_of(*setting, node, shown), position(node));
    }
  }

  // [trust] code = true, or "signed": what --trust-code says, for every verb that has it.
  void read_trust(const toml::table& table) {
    for (const auto& [key, node] : table) {
      const auto value = node.value_exact<bool>();
      const bool signed_alone = node.value_exact<std::string>() == "signed";
      if (key.str() != "code" || (!value && !signed_alone))
        refuse(node, fmt::format("trust.{}: expected code = true, code = false or code = \"signed\"", escape_unprintable(key.str())),
               "write `code = \"signed\"` to run the code of seals whose signer counts (signed-by), true to run that of all");
      add(*find_setting(k_trust_key), "", {signed_alone ? "signed" : *value ? "true" : "false"}, position(node));
    }
  }

  void add(const Setting& setting, const std::string& verb, std::vector<std::string> values, std::string origin) {
    const bool unauthorized = !m_may_start && (starts_something(setting, values) || writes_outside(setting, values, m_file));
    m_values.push_back({verb, std::string(setting.key), std::move(values), std::move(origin), unauthorized,
                        m_may_start ? SetValue::Source::own_file : SetValue::Source::found_file});
  }

  std::vector<std::string> values_of(const Setting& setting, const toml::node& node, const std::string& shown) const {
    std::vector<std::string> values;
    const auto text = [&](const toml::node& item) {
      const auto value = item.value_exact<std::string>();
      if (!value) return false;
      values.push_back(setting.path ? resolved(*value, m_file.parent_path()) : *value);
      return true;
    };
    bool fits = false;
    if (setting.kind == Kind::flag) {
      const auto value = node.value_exact<bool>();
      if ((fits = value.has_value())) values.emplace_back(*value ? "true" : "false");
    } else if (setting.kind == Kind::number) {
      const auto value = node.value_exact<std::int64_t>();
      if ((fits = value.has_value())) values.push_back(fmt::format("{}", *value));
    } else if (const auto* const array = node.as_array(); array != nullptr && setting.kind == Kind::list) {
      fits = std::ranges::all_of(*array, text);
    } else {
      fits = text(node);
    }
    if (!fits) refuse(node, fmt::format("{}: expected {}", shown, expected(setting.kind)), "");
    return values;
  }

  static std::string_view expected(Kind kind) {
    switch (kind) {
      case Kind::flag:
        return k_flag_values;
      case Kind::number:
        return "an integer";
      case Kind::list:
        return "a string or a list of strings";
      case Kind::text:
        break;
    }
    return "a string";
  }

  std::string position(const toml::node& node) const { return fmt::format("{}:{}", m_where, node.source().begin.line); }

  [[noreturn]] void refuse(const toml::node& node, std::string message, std::string remedy) const {
    throw Error(ErrorKind::usage, position(node), std::move(message), std::move(remedy));
  }

  fs::path m_file;
  std::string m_where;
  bool m_may_start;
  std::vector<SetValue>& m_values;
};

std::string variable_name(std::string_view verb, std::string_view key) {
  std::string name(k_variable_prefix);
  if (!verb.empty()) name += fmt::format("{}_", verb);
  name += key;
  std::ranges::transform(name, name.begin(), [](char c) {
    return c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  return name;
}

// Variables for all verbs first: those for one verb come later, and win. One for a verb that lacks the flag is a stray.
void read_variables(std::vector<SetValue>& values, std::vector<StrayVariable>& unused_settings) {
  auto verbs_and_all = verb_names();
  verbs_and_all.insert(verbs_and_all.begin(), "");
  for (const auto& verb : verbs_and_all) {
    for (const auto& setting : k_settings) {
      const auto name = variable_name(verb, setting.key);
      const char* const value = std::getenv(name.c_str());
      if (value == nullptr || *value == '\0') continue;
      if (!verb.empty() && !takes(verb, setting.key)) {
        unused_settings.push_back(
            {name, fmt::format("{} has no --{}", verb, setting.key), variable_name("", setting.key)});
        continue;
      }
      SetValue set{verb, std::string(setting.key), {}, name};
      if (setting.kind == Kind::list) {
        for (const auto part : split(value, ',')) set.values.emplace_back(part);
      } else {
        set.values.emplace_back(value);
      }
      values.push_back(std::move(set));
    }
  }
}

// A format that is set for all verbs is meant for those that have one; `probe` and its like know text and JSON alone.
bool is_meant_for(const SetValue& set, std::string_view verb) {
  if (!set.verb.empty()) return set.verb == verb;
  if (set.key != "format" || set.values.front() == "text" || set.values.front() == "json") return true;
  return std::ranges::any_of(verbs(), [&](const Verb& v) { return v.name == verb && v.judges; });
}

// Every variable that means something, without the prefix: it would make each look like every other.
std::vector<std::string> known_variables() {
  std::vector<std::string> names;
  const auto add = [&](std::string_view name) { names.emplace_back(name.substr(k_variable_prefix.size())); };
  auto verbs_and_all = verb_names();
  verbs_and_all.insert(verbs_and_all.begin(), "");
  for (const auto& verb : verbs_and_all) {
    for (const auto& setting : k_settings) add(variable_name(verb, setting.key));
  }
  std::ranges::for_each(k_other_variables, add);
  return names;
}

// A variable of somebody else's may be much like one of ours: only one letter makes it a slip, in a long name two.
std::optional<std::string> slip_of(std::string_view name, const std::vector<std::string>& known) {
  auto near = did_you_mean(name, known);
  constexpr std::size_t k_long = 10;
  const std::size_t slips = name.size() < k_long ? 1 : 2;
  return near && edit_distance(name, *near) <= slips ? near : std::nullopt;
}

void find_strays(std::vector<StrayVariable>& unused_settings) {
  const auto known = known_variables();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto name = text.substr(0, text.find('='));
    if (!name.starts_with(k_variable_prefix) ||
        std::ranges::find(k_foreign_variables, name) != k_foreign_variables.end())
      continue;
    const auto rest = name.substr(k_variable_prefix.size());
    if (std::ranges::find(known, rest) != known.end()) continue;
    const auto near = slip_of(rest, known);
    unused_settings.push_back(
        {std::string(name), "no setting has this name", near ? std::string(k_variable_prefix) + *near : std::string()});
  }
  std::ranges::sort(unused_settings, {}, &StrayVariable::name);
}

std::optional<fs::path> nearest_file(const fs::path& from) {
  std::error_code error;
  const auto start = fs::absolute(from, error);
  for (auto directory = start.lexically_normal();; directory = directory.parent_path()) {
    const auto file = directory / k_settings_file;
    if (fs::is_regular_file(file, error)) return fs::proximate(file, start, error);
    if (directory == directory.parent_path()) return std::nullopt;
  }
}

// CLI11 says of a flag alone that it cannot convert a value.
std::string refusal_of(const SetValue& set, const CLI::ParseError& error) {
  const auto* const setting = find_setting(set.key);
  if (setting == nullptr || setting->kind != Kind::flag) return error.what();
  return format_value(fmt::format("--{}", set.key), k_flag_values, set.values.front());
}

// The file that the user named; empty where none is.
fs::path named_file(const SettingsSource& source) {
  if (!source.file.empty()) return source.file;
  const char* const given = std::getenv("GOLDSEAL_CONFIG");
  return given == nullptr ? fs::path() : fs::path(given);
}

void require_authorized(const SetValue& set) {
  if (!set.unauthorized) return;
  throw Error(ErrorKind::usage, set.origin,
              fmt::format("--{} {} would {}: this goldseal.toml was found, not named", set.key,
                          escape_unprintable(fmt::format("{}", fmt::join(set.values, ", "))),
                          set.key == "report" ? "write outside of the file's own directory"
                                              : "start what someone else may have put there"),
              "if the file is your own, name it: --config FILE, or GOLDSEAL_CONFIG=FILE; if not: --no-config");
}

void note_found(const SetValue& set, const Settings& settings, SettingsSource& source) {
  if (!settings.found() || set.source == SetValue::Source::variable || is_presentation(set.key)) return;
  source.found_file = settings.file()->string();
  source.found.push_back(fmt::format("{} {}", set.key, fmt::join(set.values, ", ")));
}

}  // namespace

bool is_setting(std::string_view key) { return find_setting(key) != nullptr; }

Settings Settings::gather(const SettingsSource& source) {
  Settings settings;
  if (source.use_file) {
    const auto named = named_file(source);
    settings.m_file = named.empty() ? nearest_file(source.directory) : named;
    settings.m_found = named.empty() && settings.m_file;
    if (settings.m_file) FileReader(*settings.m_file, !named.empty(), settings.m_values).read();
  }
  // Within the file too, what is for one verb wins.
  std::stable_partition(settings.m_values.begin(), settings.m_values.end(), [](const SetValue& v) { return v.verb.empty(); });
  read_variables(settings.m_values, settings.m_strays);
  find_strays(settings.m_strays);
  return settings;
}

const SetValue* Settings::find(std::string_view verb, std::string_view key) const {
  const SetValue* found = nullptr;
  for (const auto& value : m_values) {
    if (value.key == key && is_meant_for(value, verb)) found = &value;
  }
  return found;
}

std::map<std::string, std::string> apply_settings(CLI::App& verb, const Settings& settings, SettingsSource* source) {
  std::map<std::string, std::string> origins;
  for (auto* const option : verb.get_options()) {
    if (option->count() > 0 || option->get_lnames().empty()) continue;
    const auto* const set = settings.find(verb.get_name(), option->get_lnames().front());
    if (set == nullptr) continue;
    require_authorized(*set);
    try {
      option->add_result(set->values);
      option->run_callback();
      origins.emplace(set->key, set->origin);
      if (source == nullptr) continue;
      if (set->source != SetValue::Source::variable) source->from_file.insert(set->key);
      if (set->source == SetValue::Source::found_file) source->from_found_file.insert(set->key);
      note_found(*set, settings, *source);
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("{}: {}", set->origin, error.where()), error.message(), error.remedy());
    } catch (const CLI::ParseError& error) {
      throw Error(ErrorKind::usage, set->origin, refusal_of(*set, error),
                  fmt::format("`goldseal {} --help` says what --{} takes", verb.get_name(), set->key));
    }
  }
  return origins;
}

std::vector<std::string> warnings_of_strays(const Settings& settings) {
  std::vector<std::string> warnings;
  for (const auto& [name, why, meant] : settings.unused_settings()) {
    if (!meant.empty())
      throw Error(ErrorKind::usage, name, fmt::format("{}, and its value would have no effect", why),
                  fmt::format("did you mean {}?", meant));
    warnings.push_back(
        fmt::format("{} is set but is not a setting; `goldseal config` lists the settings", escape_unprintable(name)));
  }
  return warnings;
}

void declare_settings_source(CLI::App& verb, SettingsSource& source) {
  auto* const file = verb.add_option_function<std::string>(
      "--config", [&source](const std::string& path) { source.file = path; },
      "Settings from this file instead of the nearest goldseal.toml");
  file->type_name("FILE");
  verb.add_flag_callback(
          "--no-config", [&source] { source.use_file = false; }, "Read no goldseal.toml")
      ->excludes(file);
}

}  // namespace goldseal::cli

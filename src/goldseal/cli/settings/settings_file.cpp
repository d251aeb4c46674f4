// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/settings/settings_file.hpp>

#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/files/protected_paths.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/cli/settings/setting.hpp>
#include <goldseal/cli/verb.hpp>
#include <goldseal/manifest/toml_text.hpp>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace goldseal::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t k_max_settings_bytes = 1U << 20U;
constexpr std::string_view k_trust_table = "trust";

bool is_verb(std::string_view name) {
  return std::ranges::any_of(verbs(), [&](const Verb& verb) { return verb.name == name; });
}

std::vector<std::string> setting_names() {
  std::vector<std::string> names;
  for (const auto& setting : all_settings()) names.emplace_back(setting.key);
  return names;
}

std::string meant(std::string_view text, std::vector<std::string> candidates) {
  const auto near = did_you_mean(text, candidates);
  return near ? fmt::format("did you mean {}?", *near) : "`goldseal config` lists the settings";
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
  if (setting.key == k_trust_setting) return values.front() != "false";
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
      add(*find_setting(k_trust_setting), "", {signed_alone ? "signed" : *value ? "true" : "false"}, position(node));
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
      if (value->empty())
        refuse(item, fmt::format("{}: expected a value, found an empty one", shown), "give it, or take the line out where nothing is meant");
      values.push_back(setting.path ? resolved(*value, m_file.parent_path()) : *value);
      return true;
    };
    bool fits = false;
    if (setting.kind == SettingKind::flag) {
      const auto value = node.value_exact<bool>();
      if ((fits = value.has_value())) values.emplace_back(*value ? "true" : "false");
    } else if (setting.kind == SettingKind::number) {
      const auto value = node.value_exact<std::int64_t>();
      if ((fits = value.has_value())) values.push_back(fmt::format("{}", *value));
    } else if (const auto* const array = node.as_array(); array != nullptr && setting.kind == SettingKind::list) {
      fits = std::ranges::all_of(*array, text);
    } else {
      fits = text(node);
    }
    if (!fits) refuse(node, fmt::format("{}: expected {}", shown, expected(setting.kind)), "");
    return values;
  }

  static std::string_view expected(SettingKind kind) {
    switch (kind) {
      case SettingKind::flag:
        return k_flag_values;
      case SettingKind::number:
        return "an integer";
      case SettingKind::list:
        return "a string or a list of strings";
      case SettingKind::text:
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

}  // namespace

void read_settings_file(const fs::path& file, bool named, std::vector<SetValue>& values) {
  FileReader(file, named, values).read();
}

}  // namespace goldseal::cli

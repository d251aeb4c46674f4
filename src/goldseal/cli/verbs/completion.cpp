// SPDX-License-Identifier: Apache-2.0
// Completions for three shells from the table of options. A value without choices is completed as a file's name.
#include <goldseal/cli/command_table.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/cli/verb.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

namespace goldseal::cli {
namespace {

// Inside single quotes, for a shell.
std::string shell_quoted(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'')
      result += "'\\''";
    else
      result += c;
  }
  return result + "'";
}

bool is_nested(const VerbText& verb) { return verb.name.find(' ') != std::string::npos; }

bool takes_files(const VerbText& verb) {
  return std::ranges::any_of(verb.options,
                             [](const OptionText& option) { return option.positional && option.choices.empty(); });
}

// What may follow `goldseal VERB` besides its options.
std::vector<std::string> nested_names(const std::vector<VerbText>& all, const std::string& verb) {
  std::vector<std::string> names;
  for (const auto& other : all) {
    if (other.name.starts_with(verb + " ")) names.push_back(other.name.substr(verb.size() + 1));
  }
  return names;
}

std::vector<std::string> dashed_names(const VerbText& verb) {
  std::vector<std::string> names;
  for (const auto& option : verb.options) {
    if (!option.positional) names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

std::string bash_values(const VerbText& verb) {
  std::string cases;
  for (const auto& option : verb.options) {
    if (option.value.empty()) continue;
    const auto reply = option.choices.empty()
                           ? std::string("compopt -o filenames; COMPREPLY=($(compgen -f -- \"$word\"))")
                           : fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$word\"))", fmt::join(option.choices, " "));
    cases += fmt::format("        {}) {}; return ;;\n", fmt::join(option.names, "|"), reply);
  }
  return cases;
}

// Lines of a shell's `case` that turn `$verb` into the nested verb, where the next word says so.
std::string nested_cases(const std::vector<VerbText>& all, std::string_view then) {
  std::string cases;
  for (const auto& verb : all)
    if (is_nested(verb)) cases += fmt::format("    {0}) verb={0}{1} ;;\n", shell_quoted(verb.name), then);
  return cases;
}

std::string bash(const std::vector<VerbText>& all) {
  std::string names;
  std::string cases;
  for (const auto& verb : all) {
    if (!is_nested(verb)) names += (names.empty() ? "" : " ") + verb.name;
    cases += fmt::format("    {})\n      case $before in\n{}      esac\n      words='{}'\n      options='{}'{} ;;\n",
                         shell_quoted(verb.name), bash_values(verb), fmt::join(nested_names(all, verb.name), " "),
                         fmt::join(dashed_names(verb), " "), takes_files(verb) ? "\n      files=yes" : "");
  }
  return fmt::format(R"(# bash completion for goldseal
_goldseal() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words='' options='' files=''
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '{0} --help --version' -- "$word"))
    return
  fi
  local verb=${{COMP_WORDS[1]}}
  ((COMP_CWORD == 2)) || case "$verb ${{COMP_WORDS[2]}}" in
{1}  esac
  case $verb in
{2}  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
  else
    compopt -o filenames
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    [[ -z $files ]] || COMPREPLY+=($(compgen -f -- "$word"))
  fi
}}
complete -F _goldseal goldseal
)",
                     names, nested_cases(all, ""), cases);
}

// Inside [brackets] of a zsh specification.
std::string zsh_text(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string zsh_option(const OptionText& option) {
  const auto values =
      option.choices.empty() ? std::string("_files") : fmt::format("({})", fmt::join(option.choices, " "));
  if (option.positional) return " " + shell_quoted(fmt::format("*:{}:{}", zsh_text(option.names.front()), values));
  std::string text;
  for (const auto& name : option.names) {
    auto specification = fmt::format("*{}[{}]", name, zsh_text(option.description));
    if (!option.value.empty()) specification += fmt::format(":{}:{}", zsh_text(option.value), values);
    text += " " + shell_quoted(specification);
  }
  return text;
}

std::string zsh(const std::vector<VerbText>& all) {
  std::string names;
  std::string cases;
  for (const auto& verb : all) {
    if (!is_nested(verb)) names += fmt::format("    {}\n", shell_quoted(verb.name + ":" + zsh_text(verb.summary)));
    std::string options;
    for (const auto& option : verb.options) options += zsh_option(option);
    const auto nested = nested_names(all, verb.name);
    if (!nested.empty()) options += " " + shell_quoted(fmt::format("1:verb:({})", fmt::join(nested, " ")));
    cases += fmt::format("    {}) _arguments{} ;;\n", shell_quoted(verb.name), options);
  }
  return fmt::format(R"(#compdef goldseal
_goldseal() {{
  local -a verbs=(
{0}  )
  if ((CURRENT == 2)); then
    if [[ $PREFIX == -* ]]; then compadd -- --help --version; else _describe verb verbs; fi
    return
  fi
  local verb=$words[2]
  words=("${{(@)words[2,-1]}}")
  ((CURRENT--))
  ((CURRENT == 2)) || case "$verb $words[2]" in
{1}  esac
  case $verb in
{2}  esac
}}
if [[ $funcstack[1] == _goldseal ]]; then _goldseal "$@"; else compdef _goldseal goldseal; fi
)",
                     names, nested_cases(all, R"X(; words=("${(@)words[2,-1]}"); ((CURRENT--)))X"), cases);
}

// When fish is to offer what belongs to the verb.
std::string fish_condition(const std::vector<VerbText>& all, const VerbText& verb) {
  const auto space = verb.name.find(' ');
  auto condition = "__fish_seen_subcommand_from " + verb.name.substr(0, space);
  const auto nested = nested_names(all, verb.name);
  if (is_nested(verb)) condition += "; and __fish_seen_subcommand_from " + verb.name.substr(space + 1);
  if (!nested.empty()) condition += fmt::format("; and not __fish_seen_subcommand_from {}", fmt::join(nested, " "));
  return shell_quoted(condition);
}

std::string fish_option(const std::string& condition, const OptionText& option) {
  if (option.positional) return {};
  auto line = fmt::format("complete -c goldseal -n {}", condition);
  for (const auto& name : option.names) {
    line += name.starts_with("--") ? fmt::format(" -l {}", name.substr(2)) : fmt::format(" -s {}", name.substr(1));
  }
  if (!option.value.empty()) {
    line += option.choices.empty()
                ? std::string(" -r -F")
                : fmt::format(" -x -a {}", shell_quoted(fmt::format("{}", fmt::join(option.choices, " "))));
  }
  return fmt::format("{} -d {}\n", line, shell_quoted(option.description));
}

std::string fish(const std::vector<VerbText>& all) {
  std::string text =
      "# fish completion for goldseal\n"
      "complete -c goldseal -n __fish_use_subcommand -f -l help\n"
      "complete -c goldseal -n __fish_use_subcommand -f -l version\n";
  for (const auto& verb : all) {
    const auto condition = fish_condition(all, verb);
    if (!is_nested(verb))
      text += fmt::format("complete -c goldseal -n __fish_use_subcommand -f -a {} -d {}\n", verb.name,
                          shell_quoted(verb.summary));
    if (!takes_files(verb)) text += fmt::format("complete -c goldseal -n {} -f\n", condition);
    for (const auto& option : verb.options) text += fish_option(condition, option);
    for (const auto& nested : nested_names(all, verb.name))
      text += fmt::format("complete -c goldseal -n {} -f -a {}\n", condition, nested);
  }
  return text;
}

}  // namespace

Action add_completion(CLI::App& app, const CommonOptions& /*common*/) {
  const auto shell = std::make_shared<std::string>();
  app.group("");
  app.add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(one_of("SHELL", {"bash", "zsh", "fish"}));
  return [shell, &app] {
    const auto table = command_table(*app.get_parent());
    print(*shell == "bash" ? bash(table) : *shell == "zsh" ? zsh(table) : fish(table));
    return ExitCode::conforms;
  };
}

}  // namespace goldseal::cli

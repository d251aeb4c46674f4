// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/command_table.hpp>

#include <goldseal/base/messages/text.hpp>

namespace goldseal::cli {
namespace {

// CLI11 appends what a validator says to a type's name: `WHEN:{auto,always,never}`.
std::vector<std::string> choices_of(const std::string& type) {
  std::vector<std::string> choices;
  const auto open = type.find('{');
  const auto close = type.find('}');
  if (open == std::string::npos || close == std::string::npos || close < open) return choices;
  for (const auto part : split(std::string_view(type).substr(open + 1, close - open - 1), ','))
    choices.emplace_back(part);
  return choices;
}

OptionText describe(const CLI::Option& option) {
  OptionText text;
  text.positional = option.get_positional();
  for (const auto& name : option.get_snames()) text.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) text.names.push_back("--" + name);
  if (text.positional) text.names = {option.get_name()};
  text.description = option.get_description();
  const auto type = option.get_type_name();
  if (!text.positional && option.get_items_expected() > 0) text.value = type.substr(0, type.find(':'));
  text.choices = choices_of(type);
  return text;
}

void add_verb(const CLI::App& app, const std::string& prefix, std::vector<VerbText>& verbs) {
  VerbText verb{prefix + app.get_name(), app.get_description(), {}};
  for (const auto* const option : app.get_options({})) {
    if (!option->get_group().empty()) verb.options.push_back(describe(*option));
  }
  const auto nested = verb.name + " ";
  verbs.push_back(std::move(verb));
  for (const auto* const inner : app.get_subcommands({})) add_verb(*inner, nested, verbs);
}

}  // namespace

std::vector<VerbText> command_table(const CLI::App& app) {
  std::vector<VerbText> verbs;
  for (const auto* const verb : app.get_subcommands({})) {
    if (!verb->get_group().empty()) add_verb(*verb, "", verbs);
  }
  return verbs;
}

}  // namespace goldseal::cli

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/messages/text.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/cli/settings/settings.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <tuple>

namespace goldseal::cli {
namespace {

// One flag of one verb, with the value that counts.
struct Row {
  std::string verb;
  std::string key;
  std::string value;
  std::string origin;
};

// The verbs as the command declares them, so that a default is told by the flag that has it.
std::vector<Row> rows_of(const Settings& settings) {
  std::vector<Row> rows;
  for (const auto& verb : verbs()) {
    DeclaredVerb declared(verb);
    // So that a value which the verb would refuse is refused here too.
    static_cast<void>(apply_settings(declared.app, settings));
    for (const auto* const option : declared.app.get_options()) {
      if (option->get_lnames().empty() || !is_setting(option->get_lnames().front())) continue;
      const auto key = option->get_lnames().front();
      if (const auto* const set = settings.find(verb.name, key)) {
        rows.push_back({std::string(verb.name), key, fmt::format("{}", fmt::join(set->values, ",")), set->origin});
      } else {
        rows.push_back({std::string(verb.name), key, option->get_default_str(), "default"});
      }
    }
  }
  return rows;
}

bool same(const Row& a, const Row& b) { return a.key == b.key && a.value == b.value && a.origin == b.origin; }

// A value that is the same for every verb that has the flag is one row, without a verb.
std::vector<Row> folded(const std::vector<Row>& rows) {
  std::vector<Row> result;
  for (const auto& row : rows) {
    const bool uniform =
        std::ranges::all_of(rows, [&](const Row& other) { return other.key != row.key || same(row, other); });
    auto shown = row;
    if (uniform) shown.verb.clear();
    if (!uniform || std::ranges::none_of(result, [&](const Row& r) { return r.key == row.key; }))
      result.push_back(std::move(shown));
  }
  std::ranges::sort(result, {}, [](const Row& row) { return std::tie(row.verb, row.key); });
  return result;
}

std::string name_of(const Row& row) { return row.verb.empty() ? row.key : fmt::format("{}.{}", row.verb, row.key); }

std::string as_text(const Settings& settings, const std::vector<Row>& rows) {
  std::string text = fmt::format("file  {}\n\n", settings.file() ? escape_unprintable(settings.file()->string())
                                                                 : "none (no goldseal.toml from here upwards)");
  std::size_t names = 0;
  std::size_t values = 0;
  for (const auto& row : rows) {
    names = std::max(names, name_of(row).size());
    values = std::max(values, std::min<std::size_t>(row.value.size(), 40));
  }
  for (const auto& row : rows)
    text +=
        fmt::format("{:<{}}  {:<{}}  {}\n", name_of(row), names,
                    row.value.empty() ? "-" : escape_unprintable(row.value), values, escape_unprintable(row.origin));
  for (const auto& [name, why, meant] : settings.unused_settings())
    text += fmt::format("\nwarning: {} is set and has no effect: {}{}\n", escape_unprintable(name), why,
                        meant.empty() ? "" : fmt::format("; did you mean {}?", meant));
  return text;
}

std::string as_json(const Settings& settings, const std::vector<Row>& rows) {
  auto list = nlohmann::json::array();
  for (const auto& row : rows)
    list.push_back({{"verb", row.verb}, {"setting", row.key}, {"value", row.value}, {"origin", row.origin}});
  std::vector<std::string> unused_settings;
  for (const auto& stray : settings.unused_settings()) unused_settings.push_back(stray.name);
  const nlohmann::json document{
      {"schema", "goldseal.settings/1"},
      {"file", settings.file() ? nlohmann::json(settings.file()->string()) : nlohmann::json()},
      {"settings", std::move(list)},
      {"unused_settings", unused_settings}};
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace

Action add_config(CLI::App&, const CommonOptions& common) {
  return [&common] {
    require_text_or_json(common);
    const auto settings = Settings::gather(common.settings);
    const auto rows = folded(rows_of(settings));
    print(common.format == "json" ? as_json(settings, rows) : for_locale(as_text(settings, rows)));
    return ExitCode::conforms;
  };
}

}  // namespace goldseal::cli

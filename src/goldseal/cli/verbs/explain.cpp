// SPDX-License-Identifier: Apache-2.0
#include <checks/check.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/cli/output.hpp>

#include <fmt/format.h>

#include <memory>

namespace goldseal::cli {
namespace {

struct ExplainCommandLine {
  std::string id;
  bool list = false;
};

std::string wrap(std::string_view text, std::size_t width) {
  std::string result;
  std::size_t column = 0;
  for (const auto word : split(text, ' ')) {
    if (column > 0 && column + 1 + word.size() > width) {
      result += '\n';
      column = 0;
    } else if (column > 0) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
  }
  return result + '\n';
}

std::string list_all() {
  std::string text;
  for (const auto& check : catalogue())
    text += fmt::format("{:<28} {:<9} {}\n", check.id, to_string(check.severity), check.title);
  return text;
}

std::string explain_one(const std::string& id) {
  if (const auto* const check = find_check(id)) {
    auto text = fmt::format("{}: {}\n\n{}", check->id, check->title, wrap(check->explanation, 100));
    if (!check->remedy.empty()) text += "\nWhat to do: " + wrap(check->remedy, 88);
    return text + fmt::format("\nSeverity by default: {}. A policy may change it.\n", to_string(check->severity));
  }
  std::vector<std::string> ids;
  for (const auto& check : catalogue()) ids.emplace_back(check.id);
  const auto near = did_you_mean(id, ids);
  throw Error(ErrorKind::usage, "explain", fmt::format("there is no check {}", escape_unprintable(id)),
              near ? fmt::format("did you mean {}?", *near) : "`goldseal explain --list` lists them");
}

ExitCode run(const ExplainCommandLine& options) {
  if (options.id.empty() && !options.list)
    throw Error(ErrorKind::usage, "explain", "expected the id of a check, found none",
                "`goldseal explain --list` lists them");
  print(for_locale(options.list ? list_all() : explain_one(options.id)));
  return ExitCode::conforms;
}

}  // namespace

Action add_explain(CLI::App& app, const CommonOptions&) {
  const auto options = std::make_shared<ExplainCommandLine>();
  app.add_option("ID", options->id, "The check, as reports name it: golden.float64");
  app.add_flag("--list", options->list, "List all checks");
  return [options] { return run(*options); };
}

}  // namespace goldseal::cli

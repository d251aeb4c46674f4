// SPDX-License-Identifier: Apache-2.0
// Manual pages in roff from the table of options: goldseal(1), and one page for each verb.
#include <goldseal/base/messages/version.hpp>
#include <goldseal/cli/command_table.hpp>
#include <goldseal/cli/own_outputs.hpp>
#include <goldseal/cli/verb.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <memory>

namespace goldseal::cli {
namespace {

// A backslash and a dash mean something to roff, and so does a dot or a quote where a line begins.
std::string roff(std::string_view text) {
  std::string result;
  bool begins = true;
  for (const char c : text) {
    if (begins && (c == '.' || c == '\'')) result += "\\&";
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else
      result += c;
    begins = c == '\n';
  }
  return result;
}

std::string heading(const std::string& page) {
  return fmt::format(".TH {} 1 \"\" \"goldseal {}\" \"User Commands\"\n", page, k_version);
}

std::string option_entry(const OptionText& option) {
  auto names = fmt::format("\\fB{}\\fR", roff(fmt::format("{}", fmt::join(option.names, ", "))));
  if (!option.value.empty()) names += fmt::format(" \\fI{}\\fR", roff(option.value));
  auto text = fmt::format(".TP\n{}\n{}\n", names, roff(option.description));
  if (!option.choices.empty())
    text += fmt::format("One of {}.\n", roff(fmt::format("{}", fmt::join(option.choices, ", "))));
  return text;
}

std::string verb_page(const VerbText& verb) {
  auto name = "goldseal-" + verb.name;
  std::ranges::replace(name, ' ', '-');
  std::string positionals;
  for (const auto& option : verb.options) {
    if (option.positional) positionals += fmt::format(" \\fI{}\\fR", roff(option.names.front()));
  }
  auto page = heading(name);
  page += fmt::format(".SH NAME\n{} \\- {}\n", roff(name), roff(verb.summary));
  page += fmt::format(".SH SYNOPSIS\n\\fBgoldseal {}\\fR [OPTIONS]{}\n.SH OPTIONS\n", verb.name, positionals);
  for (const auto& option : verb.options) page += option_entry(option);
  return page + ".SH SEE ALSO\n\\fBgoldseal\\fR(1)\n";
}

std::string main_page(const CLI::App& app, const std::vector<VerbText>& verbs) {
  auto page = heading("goldseal");
  page += ".SH NAME\ngoldseal \\- prove that a PyTorch model gives the same answers on another machine\n";
  page += ".SH SYNOPSIS\n\\fBgoldseal\\fR \\fIVERB\\fR [OPTIONS]\n";
  page += fmt::format(".SH DESCRIPTION\n{}\n.SH VERBS\n", roff(app.get_description()));
  for (const auto& verb : verbs) page += fmt::format(".TP\n\\fB{}\\fR\n{}\n", verb.name, roff(verb.summary));
  return page + fmt::format(".SH EXIT STATUS\n{}\n", roff(app.get_footer()));
}

void write_pages(const std::filesystem::path& directory, const CLI::App& app) {
  std::filesystem::create_directories(directory);
  const auto verbs = command_table(app);
  write_output({directory / "goldseal.1", manual_page_kind()}, main_page(app, verbs));
  for (const auto& verb : verbs) {
    auto name = verb.name;
    std::ranges::replace(name, ' ', '-');
    write_output({directory / fmt::format("goldseal-{}.1", name), manual_page_kind()}, verb_page(verb));
  }
}

}  // namespace

Action add_manual(CLI::App& app, const CommonOptions& /*common*/) {
  const auto directory = std::make_shared<std::string>();
  app.group("");
  app.add_option("DIRECTORY", *directory, "Where the manual pages are written")->required();
  return [directory, &app] {
    write_pages(*directory, *app.get_parent());
    return ExitCode::conforms;
  };
}

}  // namespace goldseal::cli

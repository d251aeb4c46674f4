// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/given_options.hpp>

#include <goldseal/base/files/protected_paths.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/cli/own_outputs.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::cli {
namespace {

namespace fs = std::filesystem;

// Files that are written. `--report-dir` replaces nothing, and `--save-results` has a rule of its own.
constexpr std::array<std::string_view, 3> k_outputs{"output", "report", "pae"};
// Of reports and of bytes to sign, the rule for their places says it too.
constexpr std::array<std::string_view, 2> k_outside_of_seals{"output", "save-results"};
// Words and names: a file that happens to be called like one is not read.
constexpr std::array<std::string_view, 12> k_words{"output", "report", "pae",  "report-dir", "save-results", "format",
                                                   "color",  "node",   "depth", "device",     "signature",    "identity"};

template <std::size_t Size>
bool is_one_of(const CLI::Option& option, const std::array<std::string_view, Size>& names) {
  return std::ranges::any_of(option.get_lnames(), [&](const auto& name) { return std::ranges::find(names, name) != names.end(); });
}

void for_each_given(const CLI::App& verb, const std::function<void(const CLI::Option&)>& visit) {
  for (const auto* const option : verb.get_options())
    if (option->count() > 0 && option->get_items_expected_max() > 0) visit(*option);
  for (const auto* const nested : verb.get_subcommands()) for_each_given(*nested, visit);
}

// The files that a value may name: `FILE`, `@FILE`, `NAME=FILE`, `python=FILE`, `darknet:FILE?key=value`.
void add_files(std::string_view value, std::vector<fs::path>& files) {
  const auto add = [&](std::string_view name) {
    std::error_code error;
    // What the operating system cannot name (too long) is no file.
    if (!name.empty() && fs::is_regular_file(name, error)) files.emplace_back(name);
  };
  add(value);
  if (value.starts_with('@')) add(value.substr(1));
  if (const auto equals = value.find('='); equals != std::string_view::npos) add(value.substr(equals + 1));
  if (const auto colon = value.find(':'); colon != std::string_view::npos) {
    const auto source = value.substr(colon + 1);
    add(source.substr(0, source.find('?')));
  }
}

}  // namespace

void require_values(const CLI::App& verb) {
  for_each_given(verb, [](const CLI::Option& option) {
    if (option.get_lnames().empty()) return;  // the verb itself says what it expects in that place
    const auto& values = option.results();
    if (std::ranges::none_of(values, &std::string::empty)) return;
    throw Error(ErrorKind::usage, "--" + option.get_lnames().front(), "expected a value, found an empty one",
                "a variable in its place may not be set; leave the option out where it is not wanted");
  });
}

void require_outputs_apart(const CLI::App& verb) {
  std::vector<fs::path> inputs;
  std::vector<std::string> outputs;
  for_each_given(verb, [&](const CLI::Option& option) {
    for (const auto& value : option.results()) {
      const auto name = option.check_lname("report") ? value.substr(value.find('=') + 1) : value;
      if (is_one_of(option, k_outside_of_seals)) require_outside_of_seals(name);
      if (is_one_of(option, k_outputs)) {
        outputs.push_back(name);
      } else if (!is_one_of(option, k_words)) {
        add_files(value, inputs);
      }
    }
  });
  for (const auto& output : outputs)
    if (!output.starts_with("/dev/")) require_no_input(output, inputs);
}

}  // namespace goldseal::cli

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/settings/settings.hpp>
#include <goldseal/cli/verb.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/running/parallel.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace goldseal::cli {

CLI::Validator positive_integer() {
  return {[](const std::string& text) {
            int value = 0;
            const auto* const end = text.data() + text.size();
            const auto result = std::from_chars(text.data(), end, value);
            if (result.ec == std::errc() && result.ptr == end && value > 0) return std::string();
            return fmt::format("expected a whole number of at least 1, found {}", escape_unprintable(text));
          },
          ""};
}

CLI::Validator one_of(std::string name, std::vector<std::string> words) {
  // The braces are what completions read the words from.
  auto listed = fmt::format("{{{}}}", fmt::join(words, ","));
  return {[name = std::move(name), words = std::move(words)](const std::string& text) {
            if (std::ranges::find(words, text) == words.end()) refuse_word(name, text, words);
            return std::string();
          },
          std::move(listed)};
}

std::string format_value(std::string_view name, std::string_view expected, std::string_view found) {
  return fmt::format("{}: expected {}, found {}", name, expected, escape_unprintable(found));
}

void refuse_word(const std::string& name, std::string_view found, std::span<const std::string> words) {
  const auto near = did_you_mean(found, words);
  throw Error(ErrorKind::usage, name,
              fmt::format("expected one of {}; found {}", fmt::join(words, ", "),
                          found.empty() ? "nothing" : escape_unprintable(found)),
              near ? fmt::format("did you mean {}?", *near) : "");
}

void add_jobs(CLI::App& app) {
  app.add_option_function<unsigned>(
         "--jobs", [](unsigned most) { limit_jobs(most); },
         "Threads that read and digest files; as many as there are processors by default")
      ->type_name("N")
      ->check(positive_integer());
}

void add_common(CLI::App& app, CommonOptions& common, bool judges) {
  app.add_option("--format", common.format, "What standard output gets: text, json …")
      ->type_name("FORMAT")
      ->capture_default_str();
  if (judges) {
    app.add_option("--report", common.reports, "Also write a report to a file; as often as you like")
        ->type_name("FORMAT=PATH");
    // Of capture, --force is also for the seal.
    if (app.get_option_no_throw("--force") == nullptr)
      app.add_flag("--force", common.force, "Let --report replace a file that is no earlier report of goldseal's");
  }
  app.add_option("--color", common.color, "auto, always or never")
      ->check(one_of("--color", {"auto", "always", "never"}))
      ->type_name("WHEN")
      ->capture_default_str();
  app.add_flag("-q,--quiet", common.quiet, "Print errors alone; the exit code has the verdict");
  app.add_flag("-v,--verbose", common.verbose, "Also list what passed, and the time of each stage");
  declare_settings_source(app, common.settings);
}

}  // namespace goldseal::cli

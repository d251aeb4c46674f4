// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/environment/probe/probe.hpp>
#include <goldseal/manifest/manifest.hpp>

#include <algorithm>
#include <regex>
#include <vector>

using namespace goldseal;  // NOLINT: a test file

namespace {

// The names of the page's tables, each as an expression: N and M are numbers, NAME is anything.
std::vector<std::regex> documented_names() {
  std::vector<std::regex> names;
  const std::regex quoted("`([a-z][a-zA-Z0-9_.]*\\.[a-zA-Z0-9_.]+)`");
  const auto page = read_text_file(GOLDSEAL_SOURCE_DIR "/manifests/FORMAT.md", 1U << 20U);
  for (const auto line : split(page, '\n')) {
    if (!line.starts_with("| `")) continue;
    const auto cell = std::string(line.substr(0, line.find('|', 1)));
    for (std::sregex_iterator match(cell.begin(), cell.end(), quoted), end; match != end; ++match) {
      auto name = std::regex_replace((*match)[1].str(), std::regex("\\."), "\\.");
      name = std::regex_replace(name, std::regex("NAME"), ".+");
      name = std::regex_replace(name, std::regex("\\\\\\.[NM]\\\\\\."), "\\.[0-9]+\\.");
      names.emplace_back(name);
    }
  }
  return names;
}

}  // namespace

TEST_CASE("every fact of this machine has its line in FORMAT.md") {
  const auto names = documented_names();
  REQUIRE(names.size() > 80);
  const auto environment = probe_machine({});
  for (const auto& [name, fact] : environment.facts()) {
    CAPTURE(name);
    CHECK(std::ranges::any_of(
        names, [&fact_name = name](const std::regex& known) { return std::regex_match(fact_name, known); }));
  }
}

TEST_CASE("every fact says where it was read") {
  const auto environment = probe_machine({});
  for (const auto& [name, fact] : environment.facts()) {
    CAPTURE(name);
    CHECK_FALSE(fact.origin.empty());
  }
}

TEST_CASE("no name is the beginning of another, so that facts form a tree") {
  const auto environment = probe_machine({});
  for (const auto& [name, fact] : environment.facts()) {
    const auto next = environment.facts().upper_bound(name + ".");
    CAPTURE(name);
    CHECK((next == environment.facts().end() || !next->first.starts_with(name + ".")));
  }
}

TEST_CASE("an environment that is written reads back as it was") {
  const auto environment = probe_machine({});
  CHECK(read_environment(write_environment(environment), "test") == environment);
}

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace goldseal::cli {

/// An option or a positional argument as `--help` shows it.
struct OptionText {
  std::vector<std::string> names;    ///< `-o`, `--output`; for a positional its one name, without dashes
  std::string value;                 ///< `FILE`; empty for a flag
  std::vector<std::string> choices;  ///< of a value that is one of few
  std::string description;
  bool positional = false;
};

struct VerbText {
  std::string name;  ///< `capture`, `runtime build`
  std::string summary;
  std::vector<OptionText> options;
};

/// The verbs with their options from the tables that the command line is parsed by, but for hidden ones.
[[nodiscard]] std::vector<VerbText> command_table(const CLI::App& app);

}  // namespace goldseal::cli

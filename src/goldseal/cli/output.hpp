// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/progress.hpp>
#include <goldseal/cli/verb.hpp>
#include <goldseal/verdict/report.hpp>

#include <span>
#include <string>
#include <string_view>

namespace goldseal::cli {

/// Writes to standard output. A reader that has gone away (EPIPE) is no error.
void print(std::string_view text);

/// Lines for people: in a locale without UTF-8 in ASCII, what is not printable escaped.
[[nodiscard]] std::string for_locale(std::string_view text);

/// Shows the report on standard output in the chosen format, writes the files that `--report` asks for, and gives the
/// verdict's exit code.
ExitCode deliver(const Report& report, const CommonOptions& common);

/// The same for several targets: the worst verdict counts. Text shows one report after the other and a summary, HTML a
/// matrix; the other formats hold the findings of all targets in one document, each with its target before its message.
ExitCode deliver_all(std::span<const Report> reports, const CommonOptions& common);

/// Throws Error{usage} for a format, or a `--report`, that does not exist, before any work is done.
void check_output_options(const CommonOptions& common);

[[nodiscard]] Progress::Mode progress_mode(const CommonOptions& common);

/// Whether standard output takes colour: `--color`, then NO_COLOR, TERM=dumb and CI, then whether it is a terminal.
[[nodiscard]] bool wants_color(const CommonOptions& common);

/// Where the name of a JSON-capable verb's format is neither `text` nor `json`: throws Error{usage}.
void require_text_or_json(const CommonOptions& common);

}  // namespace goldseal::cli

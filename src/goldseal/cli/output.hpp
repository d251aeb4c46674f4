// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/running/progress.hpp>
#include <goldseal/cli/own_outputs.hpp>
#include <goldseal/cli/verb.hpp>
#include <goldseal/report/shared/render_options.hpp>
#include <goldseal/verdict/report.hpp>

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace goldseal::cli {

/// Where standard input, output or error is closed, puts something in its place that gives and takes nothing, so that no
/// file that is opened becomes one of them. Once, from main.
void open_standard_streams();

/// Writes to standard output. A reader that has gone away (EPIPE) is not an error. Throws Error{io} where it takes no
/// more.
void print(std::string_view text);

/// The same for words about what was done or judged elsewhere: where standard output takes no more, standard error tells
/// that, and the exit code stays what it is.
void print_words(std::string_view text);

/// Writes to standard error, as far as that takes it: what is told there changes no exit code.
void print_aside(std::string_view text) noexcept;

/// Lines for people: in a locale without UTF-8 in ASCII, what is not printable escaped.
[[nodiscard]] std::string for_locale(std::string_view text);

/// Writes into the report what counted of a goldseal.toml that was found and not named: as a fact, and in what the verdict
/// holds for.
void tell_found_settings(Report& report, const CommonOptions& common);

/// Shows the report on standard output in the chosen format, writes the files that `--report` asks for, and gives the
/// verdict's exit code.
ExitCode deliver(const Report& report, const CommonOptions& common);

/// The same for several targets: the worst verdict counts. A format that can shows them together (renderer.hpp); the
/// others hold the findings of all targets in one document, each with its target before its message.
ExitCode deliver_all(std::span<const Report> reports, const CommonOptions& common);

/// Throws Error{usage} for a format, or a `--report`, that does not exist, or whose file may not be written (see
/// own_outputs.hpp), before any work is done.
void check_output_options(const CommonOptions& common, std::span<const std::filesystem::path> inputs = {});

/// The same of every `--report`, for formats of `kind`.
void check_report_places(const CommonOptions& common, OutputKind (*kind)(std::string_view format),
                         std::span<const std::filesystem::path> inputs);

/// `FORMAT=PATH` of a `--report`, taken apart. Throws Error{usage}.
[[nodiscard]] std::pair<std::string, std::string> split_report(const std::string& text);

/// How standard output is to be rendered for: its colour, its width, its characters.
[[nodiscard]] RenderOptions render_options(const CommonOptions& common);

[[nodiscard]] Progress::Mode progress_mode(const CommonOptions& common);

/// Whether standard output takes colour: `--color`, then NO_COLOR, TERM=dumb and CI, then whether it is a terminal.
[[nodiscard]] bool wants_color(const CommonOptions& common);

/// Where the name of a JSON-capable verb's format is neither `text` nor `json`: throws Error{usage}.
void require_text_or_json(const CommonOptions& common);

}  // namespace goldseal::cli

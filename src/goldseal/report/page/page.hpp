// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/verdict/report.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

// Parts of the HTML page. Each appends to `out`, and nothing where the report holds nothing for it; `prefix` keeps the
// anchors of several reports on one page apart.

/// page.css and page.js.
[[nodiscard]] std::string_view page_style();
/// The head of a page that loads nothing, up to its `<body>`: `title` is plain text, `more_style` follows page_style().
void begin_page(std::string& out, std::string_view title, std::string_view more_style = {});
/// The page's script and its end.
void end_page(std::string& out, std::string_view script);
[[nodiscard]] std::string_view page_script();

void write_cause(std::string& out, const Report& report, std::string_view prefix);
/// The cause with what was expected and found, and the fix, of the targets that have it; `targets` is markup.
void write_short_cause(std::string& out, const Report& report, std::string_view prefix, std::string_view targets);
void write_findings(std::string& out, const Report& report, std::string_view prefix);
void write_environment(std::string& out, const Report& report, std::string_view prefix);
/// Error over noise of each output on a log axis with its limit, and how the errors of the elements are spread.
void write_outputs(std::string& out, const Report& report, std::string_view prefix);
void write_distributions(std::string& out, const std::vector<OutputError>& outputs);
/// Error over noise along the layers, the first one over its limit marked.
void write_layers(std::string& out, const Report& report, std::string_view prefix);
/// The tensors by module, coloured by state, and a table of those that are not as they should be.
void write_tensors(std::string& out, const Report& report, std::string_view prefix);
void write_pictures(std::string& out, const Report& report, std::string_view prefix);
void write_stages(std::string& out, const Report& report, std::string_view prefix);

/// True where the whole or one element is over its limit; NaN is over every limit.
[[nodiscard]] bool is_over(const OutputError& output);
[[nodiscard]] std::string shown_ratio(double ratio);

/// An HTML table; columns of numbers to the right.
void write_table(std::string& out, const Table& table);

/// The word that colours a verdict and a finding in page.css.
[[nodiscard]] std::string_view color_of(ExitCode code);
[[nodiscard]] std::string_view color_of(const Finding& finding);

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/report/shared/render_options.hpp>
#include <goldseal/verdict/report.hpp>

#include <span>
#include <string>

namespace goldseal {

// One function a format, one file a function; renderer.cpp lists them.
[[nodiscard]] std::string render_text(const Report& report, const RenderOptions& options);
[[nodiscard]] std::string render_oneline(const Report& report, const RenderOptions& options);
[[nodiscard]] std::string render_json(const Report& report, const RenderOptions& options);
[[nodiscard]] std::string render_junit(const Report& report, const RenderOptions& options);
[[nodiscard]] std::string render_sarif(const Report& report, const RenderOptions& options);
[[nodiscard]] std::string render_github(const Report& report, const RenderOptions& options);
[[nodiscard]] std::string render_markdown(const Report& report, const RenderOptions& options);
[[nodiscard]] std::string render_nagios(const Report& report, const RenderOptions& options);
[[nodiscard]] std::string render_prometheus(const Report& report, const RenderOptions& options);
[[nodiscard]] std::string render_html(const Report& report, const RenderOptions& options);

// Those that can show several reports as what they are.
[[nodiscard]] std::string render_text_together(std::span<const Report> reports, const RenderOptions& options);
[[nodiscard]] std::string render_junit_together(std::span<const Report> reports, const RenderOptions& options);
[[nodiscard]] std::string render_github_together(std::span<const Report> reports, const RenderOptions& options);
[[nodiscard]] std::string render_markdown_together(std::span<const Report> reports, const RenderOptions& options);
[[nodiscard]] std::string render_prometheus_together(std::span<const Report> reports, const RenderOptions& options);

}  // namespace goldseal

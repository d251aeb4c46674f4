// SPDX-License-Identifier: Apache-2.0
#include <goldseal/report/renderer.hpp>

#include <goldseal/report/page/matrix.hpp>
#include <goldseal/report/shared/formats.hpp>
#include <goldseal/report/shared/several.hpp>

#include <algorithm>
#include <array>

namespace goldseal {
namespace {

std::string render_html_together(std::span<const Report> reports, const RenderOptions& /*options*/) {
  return render_matrix(reports);
}

}  // namespace

std::span<const Renderer> renderers() {
  static constexpr std::array k_renderers{
      Renderer{"text", "for people: the verdict, then what failed and how to fix it", render_text, render_text_together},
      Renderer{"oneline", "the verdict and its cause in at most 80 characters", render_oneline},
      Renderer{"json", "everything, for programs; the other formats can be made from it", render_json},
      Renderer{"junit", "XML for CI systems: a check is a test case", render_junit, render_junit_together},
      Renderer{"sarif", "SARIF 2.1.0 for code scanning", render_sarif},
      Renderer{"github", "annotations of GitHub Actions, at most ten", render_github, render_github_together},
      Renderer{"markdown", "for a step's summary or a comment", render_markdown, render_markdown_together},
      Renderer{"nagios", "a plugin's output, with its exit codes", render_nagios},
      Renderer{"prometheus", "for node_exporter's textfile collector", render_prometheus, render_prometheus_together},
      Renderer{"html", "one page for people, with charts; it loads nothing", render_html, render_html_together},
  };
  return k_renderers;
}

std::string render_all(const Renderer& renderer, std::span<const Report> reports, const RenderOptions& options) {
  if (reports.size() == 1) return renderer.render(reports.front(), options);
  return renderer.together != nullptr ? renderer.together(reports, options)
                                      : renderer.render(merged(reports), options);
}

const Renderer* find_renderer(std::string_view name) {
  const auto all = renderers();
  const auto found = std::ranges::find(all, name, &Renderer::name);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace goldseal

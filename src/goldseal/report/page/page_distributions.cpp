// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/messages/text.hpp>
#include <goldseal/report/page/log_axis.hpp>
#include <goldseal/report/page/page.hpp>
#include <goldseal/report/shared/markup.hpp>
#include <goldseal/report/shared/severity_order.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace goldseal {
namespace {

using Out = std::back_insert_iterator<std::string>;

constexpr double k_bars = 84;   // pixels
constexpr double k_above = 15;  // for the word at the limit
constexpr double k_below = 20;  // for the decades
constexpr std::int64_t k_most_labels = 6;

// Columns of one decade each. The first stands for errors of none, where any output has such elements, a little apart
// from the others.
class Columns {
 public:
  explicit Columns(const std::vector<const OutputError*>& outputs) {
    std::vector<std::int64_t> decades;
    for (const auto* output : outputs) {
      for (const auto& bin : output->distribution) {
        if (bin.decade <= k_first_decade) {
          m_none = true;
        } else {
          decades.push_back(std::min(bin.decade, k_last_decade));
        }
      }
      if (output->worst_limit > 0 && std::isfinite(output->worst_limit))
        decades.push_back(std::clamp(decade_of(output->worst_limit), k_first_decade + 1, k_last_decade));
    }
    if (decades.empty()) decades.push_back(0);
    m_first = std::ranges::min(decades);
    m_last = std::ranges::max(decades);
    m_lead = m_none ? 1.4 : 0;
    m_width = 100 / (m_lead + static_cast<double>(m_last - m_first + 1));
  }

  [[nodiscard]] double left(std::int64_t decade) const {
    return decade <= k_first_decade ? 0 : m_width * (m_lead + static_cast<double>(decade - m_first));
  }
  // The position of a value between the decades.
  [[nodiscard]] double at(double value) const {
    return std::clamp(m_width * (m_lead + std::log10(value) - static_cast<double>(m_first)), 0.0, 100.0);
  }
  [[nodiscard]] double width() const { return m_width; }
  [[nodiscard]] bool none() const { return m_none; }
  [[nodiscard]] std::int64_t first() const { return m_first; }
  [[nodiscard]] std::int64_t last() const { return m_last; }

 private:
  static std::int64_t decade_of(double value) { return static_cast<std::int64_t>(std::floor(std::log10(value))); }

  bool m_none = false;
  std::int64_t m_first = 0;
  std::int64_t m_last = 0;
  double m_lead = 0;
  double m_width = 0;
};

std::string label(std::int64_t decade) { return decade_label(static_cast<int>(decade)); }

std::string range_of(std::int64_t decade) {
  if (decade <= k_first_decade) return fmt::format("none, or below {}", label(k_first_decade + 1));
  if (decade >= k_last_decade) return fmt::format("{} and more", label(k_last_decade));
  return fmt::format("{} to {}", label(decade), label(decade + 1));
}

void write_bars(std::string& out, const OutputError& output, const Columns& columns) {
  std::uint64_t most = 1;
  for (const auto& bin : output.distribution) most = std::max(most, bin.count);
  for (const auto& bin : output.distribution) {
    if (bin.count == 0) continue;
    const auto share = std::log1p(static_cast<double>(bin.count)) / std::log1p(static_cast<double>(most));
    const auto height = std::max(2.0, k_bars * share);
    const bool over =
        bin.decade > k_first_decade && std::pow(10.0, static_cast<double>(bin.decade)) >= output.worst_limit;
    fmt::format_to(
        Out(out),
        R"(<rect class="bar {}" x="{:.2f}%" width="{:.2f}%" y="{:.1f}" height="{:.1f}"><title>error / noise {}: {} elements</title></rect>)",
        output.worst_limit > 0 && over ? "fail" : "plain",
        columns.left(std::min(bin.decade, k_last_decade)) + columns.width() * 0.06, columns.width() * 0.88,
        k_above + k_bars - height, height, range_of(bin.decade), format_count(bin.count));
  }
}

void write_decades(std::string& out, const Columns& columns) {
  constexpr auto k_baseline = k_above + k_bars;
  fmt::format_to(Out(out), R"(<line class="axis" x1="0" x2="100%" y1="{0}" y2="{0}"/>)", k_baseline);
  if (columns.none())
    fmt::format_to(Out(out), R"(<text x="{:.2f}%" y="{}" text-anchor="middle">0</text>)", columns.width() / 2,
                   k_baseline + 14);
  const auto shown = columns.last() - columns.first() + 1;
  const auto every = (shown + k_most_labels - 1) / k_most_labels;
  for (auto decade = columns.first() + (columns.none() ? 0 : 1); decade <= columns.last(); decade += every) {
    const auto x = columns.left(decade);
    fmt::format_to(Out(out),
                   R"(<line class="axis" x1="{0:.2f}%" x2="{0:.2f}%" y1="{1}" y2="{2}"/>)"
                   R"(<text x="{0:.2f}%" y="{3}" text-anchor="middle">{4}</text>)",
                   x, k_baseline, k_baseline + 4, k_baseline + 15, label(decade));
  }
}

void write_limit(std::string& out, const OutputError& output, const Columns& columns) {
  if (!(output.worst_limit > 0) || std::isinf(output.worst_limit)) return;
  const auto x = columns.at(output.worst_limit);
  fmt::format_to(Out(out),
                 R"(<line class="limit" x1="{0:.2f}%" x2="{0:.2f}%" y1="{1}" y2="{2}"/>)"
                 R"(<text class="mark" x="{0:.2f}%" y="11" text-anchor="{3}">limit {4}</text>)",
                 x, k_above, k_above + k_bars,
                 x > 70   ? "end"
                 : x < 30 ? "start"
                          : "middle",
                 shown_number(output.worst_limit));
}

// What the chart shows, for those who do not see it.
std::string described(const OutputError& output) {
  std::string text = fmt::format("{} {}, {}: elements by error over noise.", output.golden, output.output, output.run);
  for (const auto& bin : output.distribution)
    fmt::format_to(Out(text), " {}: {}.", range_of(bin.decade), format_count(bin.count));
  return text;
}

void write_distribution(std::string& out, const OutputError& output, const Columns& columns) {
  fmt::format_to(Out(out), R"(<figure class="{}"><svg height="{}" role="img" aria-label="{}">)",
                 is_over(output) ? "fail" : "pass", k_above + k_bars + k_below, escape_markup(described(output)));
  write_bars(out, output, columns);
  write_decades(out, columns);
  write_limit(out, output, columns);
  fmt::format_to(Out(out), R"(</svg><figcaption>{} <span class="mono">{}</span>)", escape_markup(output.golden),
                 escape_markup(output.output));
  if (output.worst_limit > 0)
    fmt::format_to(Out(out), "<br>worst element <b>{}</b>, limit {}", shown_ratio(output.worst),
                   shown_ratio(output.worst_limit));
  out += "</figcaption></figure>\n";
}

}  // namespace

void write_distributions(std::string& out, const std::vector<OutputError>& outputs) {
  std::vector<const OutputError*> rest;
  for (const auto& output : outputs)
    if (!output.distribution.empty()) rest.push_back(&output);
  if (rest.empty()) return;
  out +=
      "<h3>How the errors are spread</h3><p class=\"soft\">Elements of each output by their error over noise. The "
      "height grows with the logarithm of their number; 0 stands for no error at all.</p>";
  // The runs lie decades apart, so that each has an axis of its own, which its outputs share.
  while (!rest.empty()) {
    const auto run = rest.front()->run;
    std::vector<const OutputError*> group;
    std::ranges::copy_if(rest, std::back_inserter(group), [&](const auto* output) { return output->run == run; });
    std::erase_if(rest, [&](const auto* output) { return output->run == run; });
    fmt::format_to(Out(out), "<h4>{}</h4><div class=\"multiples\">", escape_markup(run));
    const Columns columns(group);
    for (const auto* output : group) write_distribution(out, *output, columns);
    out += "</div>";
  }
}

}  // namespace goldseal

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
#include <map>
#include <utility>

namespace goldseal {
namespace {

using Out = std::back_insert_iterator<std::string>;

// NaN is over every limit.
bool is_over(double ratio, double limit) { return !(ratio <= limit); }

// Every how many decades there is room for a label.
int label_step(const LogAxis& axis) {
  constexpr int k_most_labels = 7;
  return 1 + (axis.last_decade() - axis.first_decade()) / (k_most_labels + 1);
}

void write_vertical_grid(std::string& out, const LogAxis& axis) {
  for (int decade = axis.first_decade(); decade <= axis.last_decade(); ++decade)
    fmt::format_to(Out(out), R"(<line class="grid" x1="{0:.2f}%" x2="{0:.2f}%" y1="0" y2="100%"/>)",
                   axis.position(std::pow(10.0, decade)));
}

// --- error over noise of each output ---------------------------------------------------------------------------------

LogAxis axis_of(const std::vector<OutputError>& outputs) {
  std::vector<double> values;
  for (const auto& output : outputs) {
    values.push_back(output.ratio);
    values.push_back(output.limit * 2);
  }
  return LogAxis(values);
}

// The whole can lie within its limit while one element does not.
std::string remarks_on(const OutputError& output) {
  std::string text;
  if (!is_over(output.ratio, output.limit) && is_over(output.worst, output.worst_limit))
    text += std::isinf(output.worst) ? std::string(" <span class=\"soft\">NaN or infinities at other places</span>")
                                     : fmt::format(" <span class=\"soft\">one element <b>{}</b> over {}</span>",
                                                   shown_ratio(output.worst), shown_ratio(output.worst_limit));
  if (!output.remark.empty()) text += fmt::format(" <span class=\"soft\">{}</span>", escape_markup(output.remark));
  return text;
}

// All runs of one output beside each other, outputs in the order in which they first occur.
std::vector<const OutputError*> by_output(const std::vector<OutputError>& outputs) {
  std::map<std::pair<std::string_view, std::string_view>, std::size_t> places;
  for (const auto& output : outputs) places.try_emplace({output.golden, output.output}, places.size());
  std::vector<const OutputError*> sorted;
  for (const auto& output : outputs) sorted.push_back(&output);
  std::ranges::stable_sort(sorted, {}, [&](const auto* o) { return places.at({o->golden, o->output}); });
  return sorted;
}

void write_output(std::string& out, const OutputError& output, const LogAxis& axis) {
  const bool over = is_over(output);
  const auto x = axis.position(output.ratio);
  const auto limit = axis.position(output.limit);
  fmt::format_to(Out(out), R"(<li class="{}"><span class="name">{}</span><svg height="26" aria-hidden="true">)",
                 over ? "fail" : "pass", escape_markup(output.run));
  fmt::format_to(Out(out), R"(<rect class="over" x="{0:.2f}%" width="{1:.2f}%" height="100%"/>)", limit, 100 - limit);
  write_vertical_grid(out, axis);
  fmt::format_to(
      Out(out),
      R"(<line class="limit" x1="{0:.2f}%" x2="{0:.2f}%" y1="0" y2="100%"/>)"
      R"(<line class="stem" x1="0" x2="{1:.2f}%" y1="13" y2="13"/><circle class="dot" cx="{1:.2f}%" cy="13" r="5.5"/></svg>)",
      limit, x);
  fmt::format_to(Out(out), R"(<span class="value"><b>{}</b> {} {}{}</span></li>)", shown_ratio(output.ratio),
                 is_over(output.ratio, output.limit) ? "over" : "of", shown_number(output.limit), remarks_on(output));
  out += '\n';
}

void write_axis(std::string& out, const LogAxis& axis) {
  out += R"(<li><span></span><svg height="20" aria-hidden="true">)";
  for (int decade = axis.first_decade(); decade <= axis.last_decade(); decade += label_step(axis))
    fmt::format_to(Out(out), R"(<text x="{:.2f}%" y="14" text-anchor="{}">{}</text>)",
                   axis.position(std::pow(10.0, decade)),
                   decade == axis.first_decade()  ? "start"
                   : decade == axis.last_decade() ? "end"
                                                  : "middle",
                   decade_label(decade));
  out += "</svg><span class=\"soft\">error / noise</span></li>";
}

// --- along the layers ------------------------------------------------------------------------------------------------

constexpr double k_plot = 170;  // pixels

double y_of(const LogAxis& axis, double ratio) { return k_plot * (1 - axis.position(ratio) / 100); }

using Layers = std::vector<const LayerError*>;

void write_layer_axis(std::string& out, const LogAxis& axis) {
  fmt::format_to(Out(out), R"(<svg height="{}" aria-hidden="true">)", k_plot);
  for (int decade = axis.first_decade(); decade <= axis.last_decade(); decade += label_step(axis))
    fmt::format_to(Out(out), R"(<text x="85%" y="{:.1f}" text-anchor="end">{}</text>)",
                   y_of(axis, std::pow(10.0, decade)) + 4, decade_label(decade));
  out += "</svg>";
}

// The line of the limit, in one piece as long as it stays the same.
void write_layer_limits(std::string& out, const Layers& layers, const LogAxis& axis) {
  const auto step = 100.0 / static_cast<double>(layers.size());
  for (std::size_t begin = 0; begin < layers.size();) {
    std::size_t end = begin + 1;
    while (end < layers.size() && layers[end]->limit == layers[begin]->limit) ++end;
    fmt::format_to(Out(out), R"(<line class="limit" x1="{0:.2f}%" x2="{1:.2f}%" y1="{2:.1f}" y2="{2:.1f}"/>)",
                   step * static_cast<double>(begin), step * static_cast<double>(end),
                   y_of(axis, layers[begin]->limit));
    begin = end;
  }
}

void write_layer_bars(std::string& out, const Layers& layers, const LogAxis& axis) {
  const auto step = 100.0 / static_cast<double>(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto& layer = *layers[i];
    const auto y = std::min(y_of(axis, layer.ratio), k_plot - 1);
    fmt::format_to(
        Out(out),
        R"(<rect class="bar {}" x="{:.3f}%" width="{:.3f}%" y="{:.1f}" height="{:.1f}"><title>{}{}{}: {}</title></rect>)",
        is_over(layer.ratio, layer.limit) ? "fail" : "pass", step * static_cast<double>(i), step * 0.8, y, k_plot - y,
        escape_markup(layer.name), layer.op.empty() ? "" : ", ", escape_markup(layer.op), shown_ratio(layer.ratio));
  }
}

// Its name stands below, where a long one has room to wrap.
void write_first_bad(std::string& out, const Layers& layers, std::size_t first) {
  const auto x = 100.0 * (static_cast<double>(first) + 0.4) / static_cast<double>(layers.size());
  fmt::format_to(Out(out),
                 R"(<line x1="{0:.2f}%" x2="{0:.2f}%" y1="-6" y2="{1}" class="first"/>)"
                 R"(<text class="mark" x="{0:.2f}%" y="-10" text-anchor="{2}">first over its limit</text>)",
                 x, k_plot, x < 50 ? "start" : "end");
}

// Some layers of one run; `name` names the run.
void write_layer_chart(std::string& out, const std::string& name, const Layers& layers) {
  std::vector<double> values;
  for (const auto* layer : layers) values.insert(values.end(), {layer->ratio, layer->limit * 2});
  const LogAxis axis(values);
  const auto bad = std::ranges::find_if(layers, [](const auto* l) { return is_over(l->ratio, l->limit); });
  const auto said =
      bad == layers.end()
          ? fmt::format("{}: all {} layers lie within their limits", name, layers.size())
          : fmt::format("{}: {} of {} layers lie over their limits, the first is {} at {} (limit {})", name,
                        std::ranges::count_if(layers, [](const auto* l) { return is_over(l->ratio, l->limit); }),
                        layers.size(), (*bad)->name, shown_ratio((*bad)->ratio), shown_number((*bad)->limit));
  out += "<figure class=\"layers\">";
  write_layer_axis(out, axis);
  fmt::format_to(Out(out), R"(<svg height="{}" role="img" aria-label="{}">)", k_plot, escape_markup(said));
  for (int decade = axis.first_decade(); decade <= axis.last_decade(); ++decade)
    fmt::format_to(Out(out), R"(<line class="grid" x1="0" x2="100%" y1="{0:.1f}" y2="{0:.1f}"/>)",
                   y_of(axis, std::pow(10.0, decade)));
  write_layer_bars(out, layers, axis);
  write_layer_limits(out, layers, axis);
  if (bad != layers.end()) write_first_bad(out, layers, static_cast<std::size_t>(bad - layers.begin()));
  fmt::format_to(Out(out),
                 "</svg><figcaption>{}. Error over noise, from {} to {} in the order of execution; the dashed "
                 "line is the limit.</figcaption></figure>\n",
                 escape_markup(said), escape_markup(layers.front()->name), escape_markup(layers.back()->name));
}

}  // namespace

bool is_over(const OutputError& output) {
  return is_over(output.ratio, output.limit) || is_over(output.worst, output.worst_limit);
}

std::string shown_ratio(double ratio) {
  if (std::isnan(ratio)) return "NaN";
  return std::isinf(ratio) ? "∞" : shown_number(ratio);
}

void write_outputs(std::string& out, const Report& report, std::string_view prefix) {
  const auto& outputs = report.evidence.outputs;
  if (outputs.empty()) return;
  const auto axis = axis_of(outputs);
  fmt::format_to(
      Out(out),
      "<section id=\"{}outputs\"><h2>Outputs: error over noise</h2><p class=\"soft\">How far each output lies from "
      "the sealed one, in units of the noise that float32 leaves there. The dashed line is the limit.</p><ul "
      "class=\"plot\">",
      prefix);
  const OutputError* before = nullptr;
  for (const auto* output : by_output(outputs)) {
    if (before == nullptr || before->golden != output->golden || before->output != output->output)
      fmt::format_to(Out(out), "<li class=\"group\"><span>{} <span class=\"mono\">{}</span></span></li>\n",
                     escape_markup(output->golden), escape_markup(output->output));
    write_output(out, *output, axis);
    before = output;
  }
  write_axis(out, axis);
  out += "</ul>";
  write_distributions(out, outputs);
  out += "</section>\n";
}

void write_layers(std::string& out, const Report& report, std::string_view prefix) {
  const auto& all = report.evidence.layers;
  if (all.empty()) return;
  fmt::format_to(Out(out), "<section id=\"{}layers\"><h2>Layers: where the outputs part</h2>", prefix);
  for (std::size_t begin = 0; begin < all.size();) {
    Layers layers;
    std::size_t end = begin;
    const auto& first = all[begin];
    for (; end < all.size() && all[end].golden == first.golden && all[end].run == first.run; ++end)
      layers.push_back(&all[end]);
    write_layer_chart(out, first.run.empty() ? first.golden : fmt::format("{}, {} run", first.golden, first.run),
                      layers);
    begin = end;
  }
  out += "</section>\n";
}

}  // namespace goldseal

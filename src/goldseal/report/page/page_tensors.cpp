// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/messages/text.hpp>
#include <goldseal/report/page/page.hpp>
#include <goldseal/report/shared/markup.hpp>
#include <goldseal/report/shared/severity_order.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <set>
#include <span>

namespace goldseal {
namespace {

using Out = std::back_insert_iterator<std::string>;

constexpr std::size_t k_most_modules = 120;
constexpr std::size_t k_most_rows = 200;
constexpr std::array k_states{TensorState::changed,    TensorState::mismatched, TensorState::missing,
                              TensorState::unexpected, TensorState::loaded,     TensorState::verified};

bool is_bad(TensorState state) { return state != TensorState::verified && state != TensorState::loaded; }

// A state is told by a sign as well as by a colour.
std::string_view sign_of(TensorState state) {
  switch (state) {
    case TensorState::changed:
      return "≠";
    case TensorState::mismatched:
      return "×";
    case TensorState::missing:
      return "−";
    case TensorState::unexpected:
      return "+";
    case TensorState::verified:
    case TensorState::loaded:
      break;
  }
  return "";
}

// The first `depth` segments of a tensor's path, its own name never among them.
std::string_view module_of(std::string_view name, std::size_t depth) {
  std::size_t end = 0;
  for (std::size_t i = 0; i < depth; ++i) {
    const auto dot = name.find('.', end == 0 ? 0 : end + 1);
    if (dot == std::string_view::npos) break;
    end = dot;
  }
  return name.substr(0, end);
}

// The deepest level at which the modules can still be told apart on one screen.
std::size_t map_depth(std::span<const TensorRow> tensors) {
  std::size_t depth = 1;
  for (std::size_t next = 2; next < 8; ++next) {
    std::set<std::string_view> modules;
    for (const auto& tensor : tensors) modules.insert(module_of(tensor.name, next));
    if (modules.size() > k_most_modules) break;
    depth = next;
  }
  return depth;
}

// Pixels that grow with the logarithm of the size: a bias is low, a convolution's weight high.
double height_of(const TensorRow& tensor) {
  double elements = 1;
  for (const auto size : tensor.shape) elements *= static_cast<double>(std::max<std::int64_t>(size, 1));
  return std::min(3 + 1.05 * std::log2(elements), 26.0);
}

void write_cell(std::string& out, const TensorRow& tensor) {
  fmt::format_to(Out(out), R"(<i class="{}{}" style="height:{:.0f}px" title="{} {} {}: {}{}{}">{}</i>)",
                 to_string(tensor.state), is_bad(tensor.state) ? " bad" : "", height_of(tensor),
                 escape_markup(tensor.name), escape_markup(tensor.dtype), shown_shape(tensor.shape),
                 to_string(tensor.state), tensor.note.empty() ? "" : ", ", escape_markup(tensor.note),
                 sign_of(tensor.state));
}

// Neighbours of one module; the label leaves out what all modules share.
void write_module(std::string& out, std::string_view module, std::span<const TensorRow> tensors) {
  const auto bad = std::ranges::count_if(tensors, [](const TensorRow& t) { return is_bad(t.state); });
  const auto name = escape_markup(module.empty() ? "(top)" : module);
  const auto dot = module.rfind('.');
  const auto label = escape_markup(module.empty()                  ? "(top)"
                                   : dot == std::string_view::npos ? module
                                                                   : module.substr(dot + 1));
  fmt::format_to(Out(out), R"(<div class="mod"><div role="img" aria-label="{}: {} tensors, {} not as sealed">)", name,
                 tensors.size(), bad);
  for (const auto& tensor : tensors) write_cell(out, tensor);
  fmt::format_to(Out(out),
                 R"(</div><span title="{}">{}</span></div>)"
                 "\n",
                 name, label);
}

void write_legend(std::string& out, std::span<const TensorRow> tensors) {
  out += "<ul class=\"legend\">";
  for (const auto state : k_states) {
    const auto n = std::ranges::count(tensors, state, &TensorRow::state);
    if (n > 0)
      fmt::format_to(Out(out), R"(<li><i class="{0}" aria-hidden="true">{1}</i>{2} {0}</li>)", to_string(state),
                     sign_of(state), format_count(static_cast<std::uint64_t>(n)));
  }
  out += "</ul>";
}

void write_bad(std::string& out, std::span<const TensorRow> tensors) {
  Table table{"Tensors that are not as they should be", {"tensor", "dtype", "shape", "state", "note"}, {}};
  for (const auto& tensor : tensors) {
    if (!is_bad(tensor.state) || table.total++ >= k_most_rows) continue;
    table.rows.push_back(
        {tensor.name, tensor.dtype, shown_shape(tensor.shape), std::string(to_string(tensor.state)), tensor.note});
  }
  if (table.rows.empty()) return;
  write_table(out, table);
  if (const auto left = row_count(table) - table.rows.size(); left > 0)
    fmt::format_to(Out(out), "<p class=\"soft\">{} more are in the JSON report.</p>", format_count(left));
}

}  // namespace

void write_tensors(std::string& out, const Report& report, std::string_view prefix) {
  const std::span<const TensorRow> tensors = report.evidence.tensors;
  if (tensors.empty()) return;
  fmt::format_to(Out(out),
                 "<section id=\"{}tensors\"><h2>Tensors: {}</h2><p class=\"soft\">By module, in the order of the state "
                 "dict; the height grows with the logarithm of the size.</p>",
                 prefix, format_count(tensors.size()));
  write_legend(out, tensors);
  out += "<div class=\"map\">\n";
  const auto depth = map_depth(tensors);
  for (std::size_t begin = 0; begin < tensors.size();) {
    const auto module = module_of(tensors[begin].name, depth);
    std::size_t end = begin + 1;
    while (end < tensors.size() && module_of(tensors[end].name, depth) == module) ++end;
    write_module(out, module, tensors.subspan(begin, end - begin));
    begin = end;
  }
  out += "</div>";
  write_bad(out, tensors);
  out += "</section>\n";
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/messages/text.hpp>
#include <goldseal/cli/verbs/inspect_render.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace goldseal::cli {
namespace {

void line(std::string& text, std::string_view label, std::string_view value) {
  if (!value.empty()) text += fmt::format("  {:<11} {}\n", label, value);
}

std::string escaped(const std::vector<std::string>& names) {
  std::vector<std::string> safe;
  for (const auto& name : names) safe.push_back(escape_unprintable(name));
  return fmt::format("{}", fmt::join(safe, ", "));
}

std::string counts(const std::map<std::string, std::size_t>& table) {
  std::vector<std::string> parts;
  for (const auto& [name, count] : table)
    parts.push_back(fmt::format("{} {}", escape_unprintable(name), format_count(count)));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string state_dicts(const Checkpoint& checkpoint) {
  if (checkpoint.entries.size() < 2 && checkpoint.entry.empty()) return {};
  std::vector<std::string> others;
  const std::string opened = checkpoint.entry.empty() ? "." : checkpoint.entry;
  for (const auto& candidate : checkpoint.entries) {
    if (candidate.entry == opened) continue;
    const auto what = !candidate.same_as.empty()
                          ? fmt::format(", in the storages of {}", escape_unprintable(candidate.same_as))
                      : candidate.plausible ? ""
                                            : ", no weights";
    others.push_back(
        fmt::format("{} ({} tensors{})", escape_unprintable(candidate.entry), format_count(candidate.tensors), what));
  }
  if (others.empty()) return escape_unprintable(opened);
  return fmt::format("{}; others, for --entry: {}", escape_unprintable(opened), fmt::join(others, ", "));
}

/// A module's children, those that are alone in their level drawn together: `module.module_list`.
void add_modules(std::string& text, const ModuleNode& parent, std::size_t level, std::size_t depth) {
  if (level > depth) return;
  for (const auto& child : parent.children) {
    auto name = escape_unprintable(child.name);
    const auto* node = &child;
    while (node->children.size() == 1 && node->children.front().tensors == node->tensors) {
      node = &node->children.front();
      name += '.' + escape_unprintable(node->name);
    }
    text += fmt::format("{:<44} {:>7} tensors {:>15} elements {:>10}\n", std::string(2 * level, ' ') + name,
                        format_count(node->tensors), format_count(node->elements), format_bytes(node->bytes));
    add_modules(text, *node, level + 1, depth);
  }
}

void add_tied(std::string& text, const CheckpointSummary& summary) {
  for (const auto& names : summary.tied) line(text, "tied", escaped(names));
  const auto shared = summary.bytes > summary.storage_bytes ? summary.bytes - summary.storage_bytes : 0;
  if (shared > 0) line(text, "shared", format_bytes(shared) + " of the tensors lie in storages of others");
}

void add_pieces(std::string& text, const Checkpoint& checkpoint) {
  const auto in_pieces = [](const Tensor& tensor) { return !tensor.chunks.empty(); };
  const auto count = std::ranges::count_if(checkpoint.tensors, in_pieces);
  if (count > 0) line(text, "in pieces", fmt::format("{} tensors, over several ranks' files", count));
}

void add_packed(std::string& text, const CheckpointSummary& summary) {
  for (const auto& group : group_by_scheme(summary.packed)) {
    line(text, "packed", fmt::format("{} weights in {} entries, {} the first: {}", format_count(group.weights),
                                     format_count(group.entries), escape_unprintable(group.first), group.scheme->what));
  }
}

/// Lines for tensors and values that do not belong to a state dict.
void add_classes(std::string& text, const Checkpoint& checkpoint) {
  for (const auto& tensor : checkpoint.subclass_tensors) {
    line(text, "subclass",
         fmt::format("{}: {}, {}{}, {}; made of {}", escape_unprintable(tensor.name), escape_unprintable(tensor.type),
                     tensor.dtype ? fmt::format("{} ", to_string(*tensor.dtype)) : "", format_shape(tensor.shape),
                     tensor.what, tensor.parts.empty() ? "no tensors" : escaped(tensor.parts)));
  }
  for (const auto& state : checkpoint.extra_states)
    line(text, "extra state", fmt::format("{}: {}, not a tensor", escape_unprintable(state.name), state.what));
  for (const auto& object : checkpoint.objects)
    line(text, "object", fmt::format("{}: {}, {}", escape_unprintable(object.path), escape_unprintable(object.type),
                                     object.what));
}

std::string metadata_of(const Checkpoint& checkpoint) {
  constexpr std::size_t k_most = 60;
  std::vector<std::string> parts;
  for (const auto& [key, value] : checkpoint.metadata) {
    parts.push_back(fmt::format("{} {}", escape_unprintable(std::string_view(key).substr(0, k_most)),
                                escape_unprintable(std::string_view(value).substr(0, k_most))));
    if (value.size() > k_most) parts.back() += " …";
    if (parts.size() == 8) break;
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

/// With the numbers that it holds, where PyTorch's shape counts pairs of them.
std::string shape_text(const Tensor& tensor) {
  const auto logical = logical_shape(tensor.dtype, tensor.shape);
  return logical == tensor.shape ? format_shape(tensor.shape)
                                 : fmt::format("{} (numbers {})", format_shape(tensor.shape), format_shape(logical));
}

void add_values(std::string& text, const std::vector<NonFinite>& rows) {
  if (rows.empty()) line(text, "values", "all finite");
  for (const auto& row : rows) {
    line(text, "not finite",
         fmt::format("{}: {} NaN, {} infinite", escape_unprintable(row.name), format_count(row.nan),
                     format_count(row.infinite)));
  }
}

// Whoever sees every tensor listed takes the file for whole.
std::string_view contents(const Inspection& inspection) {
  if (!inspection.non_finite) return "not read; --values reads them";
  return inspection.checkpoint.records.empty() ? "read; this format has no checksums of its own"
                                               : "read, and as the file's own checksums say";
}

void add_notes(std::string& text, std::string_view label, const std::vector<Note>& notes) {
  for (const auto& note : notes)
    text += fmt::format("{}: {} ({})\n", label, escape_unprintable(note.message), note.rule);
}

}  // namespace

std::string inspection_text(const Inspection& inspection) {
  const auto& [checkpoint, summary, non_finite, depth] = inspection;
  auto text =
      fmt::format("{}: {}, {} tensors, {} elements, {}\n",
                  escape_unprintable(checkpoint.files.front()->path().string()), to_string(checkpoint.container),
                  format_count(summary.tensors), format_count(summary.elements), format_bytes(summary.bytes));
  line(text, "state dict", state_dicts(checkpoint));
  line(text, "dtypes", counts(summary.dtypes));
  line(text, "saved from", counts(summary.locations));
  if (summary.parameters > 0) line(text, "parameters", format_count(summary.parameters));
  line(text, "wrappers", escaped(summary.wrapper_segments));
  line(text, "naming", summary.naming);
  line(text, "needs", summary.needs);
  line(text, "metadata", metadata_of(checkpoint));
  if (checkpoint.big_endian) line(text, "byte order", "big");
  if (checkpoint.files.size() > 1) line(text, "files", format_count(checkpoint.files.size()));
  add_pieces(text, checkpoint);
  add_tied(text, summary);
  add_packed(text, summary);
  add_classes(text, checkpoint);
  line(text, "contents", contents(inspection));
  if (non_finite) add_values(text, *non_finite);
  add_notes(text, "note", checkpoint.notes);
  add_notes(text, "advice", summary.advice);
  if (depth > 0 && !summary.root.children.empty()) {
    text += "\nmodules\n";
    add_modules(text, summary.root, 1, depth);
  }
  text += "\ntensors\n";
  for (const auto& tensor : checkpoint.tensors) {
    text += fmt::format("  {:<60} {:<9} {}\n", escape_unprintable(tensor.name), to_string(tensor.dtype),
                        shape_text(tensor));
  }
  return text;
}

}  // namespace goldseal::cli

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/verbs/inspect_render.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace goldseal::cli {
namespace {

using nlohmann::json;

json tensor_rows(const Checkpoint& checkpoint) {
  auto rows = json::array();
  for (const auto& tensor : checkpoint.tensors) {
    rows.push_back({{"name", tensor.name},
                    {"dtype", to_string(tensor.dtype)},
                    {"shape", tensor.shape},
                    {"logical_shape", logical_shape(tensor.dtype, tensor.shape)},
                    {"strides", tensor.strides},
                    {"offset", tensor.offset},
                    {"storage", tensor.storage},
                    {"pieces", std::max<std::size_t>(tensor.chunks.size(), 1)},
                    {"parameter", tensor.parameter},
                    {"bytes", tensor_bytes(tensor)},
                    {"location", checkpoint.storages[tensor.storage].location}});
  }
  return rows;
}

json packed_rows(const Checkpoint& checkpoint, const CheckpointSummary& summary) {
  auto rows = json::array();
  for (const auto& weight : summary.packed) {
    auto entries = json::array();
    for (const auto part : weight.parts) entries.push_back(checkpoint.tensors[part].name);
    rows.push_back({{"name", weight.name}, {"scheme", weight.scheme->id}, {"entries", std::move(entries)}});
  }
  return rows;
}

json subclass_rows(const Checkpoint& checkpoint) {
  auto rows = json::array();
  for (const auto& tensor : checkpoint.subclass_tensors) {
    rows.push_back({{"name", tensor.name},
                    {"class", tensor.type},
                    {"what", tensor.what},
                    {"shape", tensor.shape},
                    {"parts", tensor.parts}});
    if (tensor.dtype) rows.back()["dtype"] = to_string(*tensor.dtype);
  }
  return rows;
}

json extra_state_rows(const Checkpoint& checkpoint) {
  auto rows = json::array();
  for (const auto& state : checkpoint.extra_states) rows.push_back({{"name", state.name}, {"what", state.what}});
  return rows;
}

json object_rows(const Checkpoint& checkpoint) {
  auto rows = json::array();
  for (const auto& object : checkpoint.objects)
    rows.push_back({{"path", object.path}, {"class", object.type}, {"what", object.what}});
  return rows;
}

json note_rows(const std::vector<Note>& notes) {
  auto rows = json::array();
  for (const auto& note : notes) rows.push_back({{"rule", note.rule}, {"message", note.message}});
  return rows;
}

json module_tree(const ModuleNode& node) {
  auto children = json::array();
  for (const auto& child : node.children) children.push_back(module_tree(child));
  return {{"name", node.name},
          {"tensors", node.tensors},
          {"elements", node.elements},
          {"bytes", node.bytes},
          {"children", std::move(children)}};
}

json entry_rows(const Checkpoint& checkpoint) {
  auto rows = json::array();
  for (const auto& [entry, tensors, plausible, same_as] : checkpoint.entries) {
    rows.push_back({{"entry", entry}, {"tensors", tensors}, {"plausible", plausible}});
    if (!same_as.empty()) rows.back()["same_as"] = same_as;
  }
  return rows;
}

json file_rows(const Checkpoint& checkpoint) {
  auto rows = json::array();
  for (const auto& file : checkpoint.files) rows.push_back({{"path", file->path().string()}, {"bytes", file->size()}});
  return rows;
}

}  // namespace

std::string inspection_json(const Inspection& inspection) {
  const auto& [checkpoint, summary, non_finite, depth] = inspection;
  json document{{"schema", "goldseal.checkpoint/1"},
                {"container", to_string(checkpoint.container)},
                {"entry", checkpoint.entry},
                {"entries", entry_rows(checkpoint)},
                {"candidates", checkpoint.candidates},
                {"files", file_rows(checkpoint)},
                {"elements", summary.elements},
                {"bytes", summary.bytes},
                {"storage_bytes", summary.storage_bytes},
                {"parameters", summary.parameters},
                {"dtypes", summary.dtypes},
                {"locations", summary.locations},
                {"tied", summary.tied},
                {"wrapper_segments", summary.wrapper_segments},
                {"naming", summary.naming},
                {"needs", summary.needs},
                {"metadata", checkpoint.metadata},
                {"packed", packed_rows(checkpoint, summary)},
                {"subclass_tensors", subclass_rows(checkpoint)},
                {"objects", object_rows(checkpoint)},
                {"extra_state", extra_state_rows(checkpoint)},
                {"big_endian", checkpoint.big_endian},
                {"format_version", checkpoint.format_version},
                {"notes", note_rows(checkpoint.notes)},
                {"advice", note_rows(summary.advice)},
                {"modules", module_tree(summary.root)},
                {"contents_read", non_finite.has_value()},
                {"tensors", tensor_rows(checkpoint)}};
  if (non_finite) {
    auto rows = json::array();
    for (const auto& [name, nan, infinite] : *non_finite)
      rows.push_back({{"name", name}, {"nan", nan}, {"infinite", infinite}});
    document["non_finite"] = std::move(rows);
  }
  return document.dump(2, ' ', false, json::error_handler_t::replace) + '\n';
}

}  // namespace goldseal::cli

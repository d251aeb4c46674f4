// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/checked.hpp>
#include <goldseal/base/text.hpp>
#include <goldseal/checkpoint/checkpoint.hpp>
#include <goldseal/cli/output.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <map>
#include <memory>

namespace goldseal::cli {
namespace {

struct Options {
  std::string checkpoint;
  std::string entry;
};

struct Totals {
  std::uint64_t elements = 0;
  std::uint64_t bytes = 0;
  std::map<std::string, std::uint64_t> dtypes;
};

Totals total(const Checkpoint& checkpoint) {
  Totals totals;
  for (const auto& tensor : checkpoint.tensors) {
    totals.elements += static_cast<std::uint64_t>(checked_numel(tensor.shape).value_or(0));
    totals.bytes += tensor_bytes(tensor);
    ++totals.dtypes[std::string(to_string(tensor.dtype))];
  }
  return totals;
}

std::string as_text(const Checkpoint& checkpoint) {
  const auto totals = total(checkpoint);
  auto text = fmt::format("{}: {}, {} tensors, {} elements, {}\n", checkpoint.files.front()->path().string(),
                          checkpoint.container, format_count(checkpoint.tensors.size()), format_count(totals.elements),
                          format_bytes(totals.bytes));
  for (const auto& [dtype, count] : totals.dtypes) text += fmt::format("  {:<10} {}\n", dtype, format_count(count));
  if (!checkpoint.entry.empty()) text += fmt::format("state dict: {}\n", escape_unprintable(checkpoint.entry));
  for (const auto& note : checkpoint.notes)
    text += fmt::format("note: {} ({})\n", escape_unprintable(note.message), note.rule);
  text += '\n';
  for (const auto& tensor : checkpoint.tensors) {
    text += fmt::format("{:<60} {:<9} {}\n", escape_unprintable(tensor.name), to_string(tensor.dtype),
                        format_shape(tensor.shape));
  }
  return text;
}

std::string as_json(const Checkpoint& checkpoint) {
  auto tensors = nlohmann::json::array();
  for (const auto& tensor : checkpoint.tensors) {
    tensors.push_back({{"name", tensor.name},
                       {"dtype", to_string(tensor.dtype)},
                       {"shape", tensor.shape},
                       {"bytes", tensor_bytes(tensor)},
                       {"location", checkpoint.storages[tensor.storage].location}});
  }
  auto notes = nlohmann::json::array();
  for (const auto& note : checkpoint.notes) notes.push_back({{"rule", note.rule}, {"message", note.message}});
  const nlohmann::json document{{"schema", "goldseal.checkpoint/1"}, {"container", checkpoint.container},
                                {"entry", checkpoint.entry},         {"tensors", std::move(tensors)},
                                {"notes", std::move(notes)},         {"candidates", checkpoint.candidates}};
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace

Action add_inspect(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("CHECKPOINT", options->checkpoint, "The file to look into")->required();
  app.add_option("--entry", options->entry, "Which state dict of a checkpoint that holds several")->type_name("KEY");
  return [options, &common] {
    require_text_or_json(common);
    const auto checkpoint = open_checkpoint(options->checkpoint, {options->entry});
    print(common.format == "json" ? as_json(checkpoint) : as_text(checkpoint));
    return ExitCode::conforms;
  };
}

}  // namespace goldseal::cli

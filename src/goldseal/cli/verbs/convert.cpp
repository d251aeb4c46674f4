// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/formats/open_checkpoint.hpp>
#include <goldseal/checkpoint/write/convert.hpp>

#include <goldseal/base/files/protected_paths.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/running/parallel.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/workflow/loading/model_spec.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>

namespace goldseal::cli {
namespace {

struct ConvertCommandLine {
  std::string input;
  std::string output;
  std::string entry;
  std::string model;
  std::string strip_prefix;
  std::vector<std::string> drop;
  std::vector<std::string> rename;
  std::string dtype;
  bool force = false;
};

std::optional<DType> wanted_dtype(const std::string& name) {
  if (name.empty()) return std::nullopt;
  const auto dtype = parse_dtype(name);
  if (dtype == DType::float64 || dtype == DType::float32 || dtype == DType::float16 || dtype == DType::bfloat16)
    return dtype;
  const std::vector<std::string> words{"float64", "float32", "float16", "bfloat16"};
  refuse_word("--dtype", name, words);
}

std::vector<std::pair<std::string, std::string>> renames(const std::vector<std::string>& texts) {
  std::vector<std::pair<std::string, std::string>> result;
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      throw Error(ErrorKind::usage, fmt::format("--rename {}", escape_unprintable(text)),
                  "expected OLD=NEW, whole segments of names on both sides",
                  "write --rename model.language_model=model, or --rename OLD= to leave segments out");
    result.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return result;
}

std::string as_text(const ConvertResult& result, const std::string& path) {
  auto text = fmt::format("{}: {} tensors, {}", path, format_count(result.tensors), format_bytes(result.bytes));
  if (result.renamed > 0) text += fmt::format(", {} renamed", format_count(result.renamed));
  if (result.dropped > 0) text += fmt::format(", {} left out", format_count(result.dropped));
  if (result.converted > 0) text += fmt::format(", {} of another element type", format_count(result.converted));
  text += '\n';
  for (const auto& note : result.notes) text += "note: " + note + '\n';
  return text;
}

std::string as_json(const ConvertResult& result, const std::string& path) {
  const nlohmann::json document{{"schema", "goldseal.conversion/1"},
                                {"output", path},
                                {"tensors", result.tensors},
                                {"bytes", result.bytes},
                                {"renamed", result.renamed},
                                {"dropped", result.dropped},
                                {"converted", result.converted},
                                {"notes", result.notes}};
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace

Action add_convert(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<ConvertCommandLine>();
  app.add_option("CHECKPOINT", options->input, "The file to rewrite")->required();
  app.add_option("-o,--output", options->output, "OUT.safetensors, or OUT.pth for torch.save's format")->required();
  app.add_option("--entry", options->entry, "The state dict to take from a checkpoint that holds several")
      ->type_name("KEY");
  app.add_option("--model", options->model, "Of Darknet's .weights: the network, whose names and shapes they have")
      ->type_name("darknet:FILE.cfg");
  app.add_option("--strip-prefix", options->strip_prefix,
                 "`auto` takes wrapper segments (module, _orig_mod …) out of the names; else a prefix of your own")
      ->type_name("auto|SEGMENT");
  app.add_option("--drop", options->drop, "Leave out the tensors whose names this glob matches; any number of times")
      ->type_name("PATTERN");
  app.add_option("--rename", options->rename,
                 "Put the segments NEW in the place of OLD where they first stand in a name (OLD= leaves them out); any "
                 "number of times, in this order")
      ->type_name("OLD=NEW");
  app.add_option("--dtype", options->dtype, "Element type for all floating tensors, rounded as PyTorch does")
      ->type_name("TYPE");
  app.add_flag("--force", options->force, "Replace the output where it exists");
  add_jobs(app);
  return [options, &common] {
    require_text_or_json(common);
    const auto dtype = wanted_dtype(options->dtype);
    const auto renaming = renames(options->rename);
    OpenOptions open{.entry = options->entry};
    if (!options->model.empty()) open.darknet_cfg = parse_model_spec(options->model).darknet_cfg();
    if (!open.darknet_cfg.empty()) require_no_input(options->output, {&open.darknet_cfg, 1});
    const auto checkpoint = open_checkpoint(options->input, open);
    ByteCounter counter;
    auto work = in_background([&] {
      return convert_checkpoint(checkpoint, {options->output, options->strip_prefix, options->drop, renaming, dtype,
                                             options->force, &counter});
    });
    Progress(progress_mode(common))
        .await(work, fmt::format("writing {}", escape_unprintable(options->output)), counter);
    const auto result = work.get();
    print_words(common.format == "json" ? as_json(result, options->output) : for_locale(as_text(result, options->output)));
    return ExitCode::conforms;
  };
}

}  // namespace goldseal::cli

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/contents/zero_runs.hpp>
#include <goldseal/checkpoint/formats/open_checkpoint.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/cli/verbs/inspect_render.hpp>
#include <goldseal/workflow/loading/model_spec.hpp>

#include <memory>
#include <utility>

namespace goldseal::cli {
namespace {

struct InspectCommandLine {
  std::string checkpoint;
  std::string entry;
  std::string model;
  std::size_t depth = 2;
  bool values = false;
};

Inspection inspect(const InspectCommandLine& options) {
  // Whoever looks wants to see what is there; which of several state dicts is meant is asked where it matters.
  OpenOptions open{.entry = options.entry, .show_all = true};
  if (!options.model.empty()) open.darknet_cfg = parse_model_spec(options.model).darknet_cfg();
  auto checkpoint = open_checkpoint(options.checkpoint, open);
  auto summary = summarize(checkpoint);
  Inspection inspection{std::move(checkpoint), std::move(summary), std::nullopt, options.depth};
  if (options.values) {
    verify_records(inspection.checkpoint);
    inspection.non_finite = find_non_finite(inspection.checkpoint);
    for (const auto& run : find_zero_runs(inspection.checkpoint))
      inspection.checkpoint.notes.push_back(
          {"values.zeros", to_string(inspection.checkpoint, run) + "; a copy or download that stopped leaves this"});
  }
  return inspection;
}

}  // namespace

Action add_inspect(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<InspectCommandLine>();
  app.add_option("CHECKPOINT", options->checkpoint, "The file to look into")->required();
  app.add_option("--entry", options->entry, "The state dict to take from a checkpoint that holds several")
      ->type_name("KEY");
  app.add_option("--model", options->model, "Of Darknet's .weights: the network, whose names and shapes they have")
      ->type_name("darknet:FILE.cfg");
  app.add_flag("--values", options->values,
               "Read every byte, check the file's own checksums, and name the tensors that hold NaN or infinity");
  app.add_option("--module-depth", options->depth, "Levels of the tree of modules that are shown; 0 for none")
      ->capture_default_str();
  add_jobs(app);
  return [options, &common] {
    require_text_or_json(common);
    const auto inspection = inspect(*options);
    print(common.format == "json" ? inspection_json(inspection) : for_locale(inspection_text(inspection)));
    return ExitCode::conforms;
  };
}

}  // namespace goldseal::cli

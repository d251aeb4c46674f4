// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/cli/judge_options.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/cli/run_options.hpp>
#include <goldseal/cli/verb.hpp>
#include <goldseal/workflow/capture/capture.hpp>

#include <fmt/format.h>

#include <memory>

namespace goldseal::cli {
namespace {

struct CaptureCommandLine {
  std::string checkpoint;
  std::string entry;
  std::string model;
  std::vector<std::string> inputs;
  std::string cases;
  std::string preprocess;
  std::vector<std::string> detections;
  std::string seal;
  std::vector<std::string> allow_missing;
  std::vector<std::string> allow_unexpected;
  bool force = false;
  bool anonymous = false;
  bool embed = false;
  bool embed_if_possible = false;
  std::string policy = std::string(k_default_policy);
  std::string depth = "full";
  bool allow_random = false;
  std::int64_t batch = 0;
  std::vector<std::string> pads;
  std::string pad_side = "right";
  std::string pad_mask;
  std::vector<std::string> batch_dimensions;
  RunOptions run{std::chrono::seconds(3600)};
};

void require_inputs(const CaptureRequest& request) {
  if (!request.inputs.empty() || request.cases) return;
  throw Error(ErrorKind::usage, "capture", "expected a golden input, found none",
              "give --input NAME=FILE for each input of the network, or --cases DIR");
}

golden::BatchRequest batch_of(const CaptureCommandLine& options) {
  golden::BatchRequest batch{options.batch, {}, options.pad_side == "left", options.pad_mask, {}};
  if (batch.asked() && (batch.size < k_least_batch || batch.size > k_most_batch))
    throw Error(ErrorKind::usage, "--batch",
                fmt::format("expected {} to {} cases in a batch, found {}", k_least_batch, k_most_batch, batch.size),
                "give as many as the model serves at once: --batch 4");
  for (const auto& pad : options.pads) batch.pads.insert(golden::parse_pad(pad));
  for (const auto& dimension : options.batch_dimensions) batch.dimensions.insert(golden::parse_batch_dimension(dimension));
  const bool told = !batch.pads.empty() || !batch.dimensions.empty() || !batch.mask.empty() || batch.pad_left;
  if (told && !batch.asked())
    throw Error(ErrorKind::usage, "capture", "expected --batch beside --pad, --pad-side, --pad-mask and --batch-dim, found none",
                "say how many cases a batch has: --batch 4");
  return batch;
}

ExitCode run(const CaptureCommandLine& options, CommonOptions common) {
  common.force = options.force;
  CaptureRequest request;
  request.checkpoint = options.checkpoint;
  request.entry = options.entry;
  if (!options.model.empty()) request.model = parse_model_spec(options.model);
  for (const auto& input : options.inputs) request.inputs.push_back(golden::parse_input(input));
  if (!options.cases.empty()) request.cases = options.cases;
  if (!options.preprocess.empty()) request.preprocessing = golden::parse_preprocessing(options.preprocess);
  for (const auto& group : options.detections) {
    const auto names = split(group, ',');
    request.detections.emplace_back(names.begin(), names.end());
  }
  require_inputs(request);
  check_output_options(common, inputs_of(request));
  request.policy = load_policy(options.policy);
  require_own_policy(request.policy, common);
  request.allow_random = options.allow_random;
  request.quick = options.depth == "quick";
  request.batch = batch_of(options);
  options.run.fill(request);
  if (request.device && request.device->kind == DeviceRequest::Kind::all)
    throw Error(ErrorKind::usage, "--device all", "expected one device to seal on, found all",
                "seal on one, as in --device cuda:0; `verify --device all` judges every GPU");
  request.seal = options.seal.empty() ? default_seal_path(options.checkpoint) : std::filesystem::path(options.seal);
  request.force = options.force;
  request.admission = {options.allow_missing, options.allow_unexpected};
  request.anonymous = options.anonymous;
  request.embed = options.embed ? Embed::always : options.embed_if_possible ? Embed::where_possible : Embed::never;
  request.runtime = find_runtime(options.run.runtime, request.model ? request.model->builder : Builder::torchscript);
  if (!request.runtime.channel && !options.run.runtime.empty())
    request.run_options += fmt::format(" --runtime {}", options.run.runtime);
  if (!options.run.device.empty()) request.run_options += fmt::format(" --device {}", options.run.device);
  Progress progress(progress_mode(common));
  auto report = capture(request, progress);
  tell_found_settings(report, common);
  return deliver(report, common);
}

}  // namespace

Action add_capture(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<CaptureCommandLine>();
  app.add_option("CHECKPOINT", options->checkpoint, "The file to seal")->required();
  app.add_option("--model", options->model,
                 "How the network is built: darknet:FILE.cfg, torchscript:FILE.pt, export:FILE.pt2, aoti:FILE.pt2, "
                 "python:package.module:callable?key=value …; not needed for a checkpoint that is an archive itself")
      ->type_name("BUILDER:SOURCE");
  app.add_option("--input", options->inputs,
                 "A golden input: [NAME=]FILE.npy, [NAME=]FILE.png, or [NAME=]random:1x3x416x416,seed=7; once for each "
                 "input of the network")
      ->type_name("INPUT");
  app.add_option("--cases", options->cases,
                 "A directory of golden cases: each file is one (.npy, a picture; .npz, .safetensors or .pt with all "
                 "inputs by name), and each sub-directory one, with a file for each input")
      ->type_name("DIR");
  app.add_option(
         "--preprocess", options->preprocess,
         "How pictures become inputs: size=416x416,resize=bilinear,letterbox=114,order=rgb,scale=255,mean=R/G/B,"
         "std=R/G/B,tolerance=1")
      ->type_name("STEPS");
  app.add_option("--detections", options->detections,
                 "Outputs that hold one row for each object found, such as `boxes,scores,labels`; once for each group. "
                 "Outputs called boxes and scores are recognised by their names")
      ->type_name("OUTPUT,…");
  options->run.declare(app);
  add_jobs(app);
  app.add_option("--policy", options->policy,
                 "How grave it is where golden outputs prove less than they might (golden.capture, golden.coverage): "
                 "strict, deploy, portable, or a policy file")
      ->type_name("POLICY")
      ->capture_default_str();
  app.add_option("--depth", options->depth,
                 "quick: no float64 runs, a third of the time and no memory for wider weights; 1 % of faults, small "
                 "changes of code or configuration, then pass unseen")
      ->check(one_of("--depth", {"quick", "full"}))
      ->type_name("DEPTH")
      ->capture_default_str();
  app.add_option("--batch", options->batch,
                 "Seal that each golden case answers alike alone and inside a batch of N, at every row; verify judges it "
                 "(golden.batch)")
      ->type_name("N");
  app.add_option("--pad", options->pads,
                 "With --batch: what an input of a shorter case is filled up with, as in --pad input_ids=0; once for each "
                 "input whose cases differ in length")
      ->type_name("NAME=VALUE");
  app.add_option("--pad-side", options->pad_side, "With --pad: where shorter cases are filled up, right or left")
      ->check(one_of("--pad-side", {"right", "left"}))
      ->type_name("SIDE")
      ->capture_default_str();
  app.add_option("--pad-mask", options->pad_mask,
                 "With --pad: an input that a batch is given and a case alone is not: int64, 1 where a case has values, 0 "
                 "where it was filled up")
      ->type_name("NAME");
  app.add_option("--batch-dim", options->batch_dimensions,
                 "With --batch: the dimension of an input along which cases stand, where that is not 0; none, where a "
                 "batch has one of it for all of its cases")
      ->type_name("NAME=DIM");
  app.add_option("--entry", options->entry, "The state dict to take from a checkpoint that holds several")
      ->type_name("KEY");
  app.add_option("-o,--output", options->seal, "The seal to write; the checkpoint's name with .seal by default")
      ->type_name("DIR.seal");
  declare_admission(app, options->allow_missing, options->allow_unexpected);
  app.add_flag("--force", options->force, "Replace a seal that exists, and whatever file is where --report writes");
  auto* const embed =
      app.add_flag("--embed", options->embed,
                   "Put the network's architecture, without its weights, into the seal, so that a target needs the "
                   "checkpoint alone (darknet:, torchscript:, export:, and the program of python: code)");
  app.add_flag(
         "--embed-if-possible", options->embed_if_possible,
         "Embed the architecture where that is possible; elsewhere the seal is made without it, and the report warns")
      ->excludes(embed);
  app.add_flag("--allow-random", options->allow_random,
               "Seal a network whose answers follow a random generator: the outputs that are stable; of the others the "
               "seal proves that they vary, and nothing else");
  app.add_flag("--anonymous", options->anonymous, "Leave out host name and serial numbers");
  return [options, &common] { return run(*options, common); };
}

}  // namespace goldseal::cli

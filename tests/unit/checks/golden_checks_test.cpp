// SPDX-License-Identifier: Apache-2.0
#include <catch.hpp>

#include "checks/samples.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {
namespace {

using samples::conforming;
using samples::judge;
using samples::outcome;

TEST_CASE("the shadow's limit separates the largest legitimate noise from the weakest fault") {
  auto observed = conforming();
  observed.run.outputs[0].float64->rms_ratio = 19 * 0x1p-29;
  CHECK(judge("golden.float64", observed).status == Status::pass);
  observed.run.outputs[0].float64->rms_ratio = 1500 * 0x1p-29;
  CHECK(judge("golden.float64", observed).status == Status::fail);
}

TEST_CASE("with the sealed weights a failing shadow points at code or configuration, else at the weights") {
  auto observed = conforming();
  observed.run.outputs[0].float64->rms_ratio = 1;
  CHECK(judge("golden.float64", observed).message.find("code, configuration or mode") != std::string::npos);
  observed.run.loaded_tensors->front().sha256 = sha256("other");
  CHECK(judge("golden.float64", observed).message.find("the weights differ") != std::string::npos);
}

TEST_CASE("a native error of TF32's size fails under deploy and passes where the policy permits TF32") {
  auto observed = conforming();
  observed.run.outputs[0].native->rms_ratio = 5000;
  const auto finding = judge("golden.native", observed);
  CHECK(finding.status == Status::fail);
  CHECK(finding.message.find("TF32") != std::string::npos);
  CHECK(judge("golden.native", observed, "portable").status == Status::pass);
}

TEST_CASE("an output that became NaN fails whatever the ratios") {
  auto observed = conforming();
  observed.run.outputs[0].native->mask_mismatches = 1;
  CHECK(judge("golden.native", observed).status == Status::fail);
}

TEST_CASE("B21: what stands elsewhere than the sealed NaN is named with its place and both values, not measured") {
  auto observed = conforming();
  observed.run.outputs[0].native->mask_mismatches = 2;
  observed.run.outputs[0].native->first_mismatch = {7, {0, 7}, std::nan(""), 0.5};
  const auto finding = judge("golden.native", observed);
  CHECK(finding.message.find("default/out is NaN or infinite where the seal is not, first at (0, 7): nan here, 0.5 in "
                             "the seal; where attention masks every key") == 0);
  CHECK(finding.actual == "2 of 4 elements differ in kind");
  const auto& table = finding.tables.front();
  const auto cell = [&](std::string_view column) {
    const auto at = std::ranges::find(table.columns, column) - table.columns.begin();
    return table.rows.at(0).at(static_cast<std::size_t>(at));
  };
  CHECK(cell("worst element") == "(0, 7)");
  CHECK(cell("expected") == "0.5");
  CHECK(cell("found") == "nan");
  observed.run.outputs[0].native->first_mismatch = {7, {0, 7}, 0.0, std::nan("")};
  CHECK(judge("golden.native", observed)
            .message.find("default/out is not NaN or infinite where the seal is, first at (0, 7): 0 here, nan in") == 0);
}

TEST_CASE("the table of a native run says what it holds the answers against, also where their bits are the sealed ones") {
  auto observed = conforming();
  observed.run.outputs[0].native->same_bits = true;
  const auto finding = judge("golden.native", observed);
  CHECK(finding.message.find("bit for bit the sealed ones") != std::string::npos);
  CHECK(finding.tables.front().title == "outputs, against the sealed float64 answers");
}

TEST_CASE("a lane that single elements alone fail says so, with the limit that they break") {
  auto observed = conforming();
  auto& native = *observed.run.outputs[0].native;
  native.rms_ratio = 5;
  native.max_ratio = 4e4;
  native.worst = {3, {3}, 2, 1};
  const auto finding = judge("golden.native", observed);
  CHECK(finding.message.find("in single elements") != std::string::npos);
  CHECK(finding.expected == "error/noise of one element at most 256");
  CHECK(finding.actual.starts_with("1e+04 at (3), "));
}

TEST_CASE("the table of outputs gives every measure that an output has, and the measurements its digits") {
  auto observed = conforming();
  auto& native = *observed.run.outputs[0].native;
  native = {.output = "out",
            .elements = 600,
            .compared = 600,
            .rms_ratio = 5000,
            .max_ratio = 9000,
            .worst = {12, {1, 2}, 2.5, 2.25},
            .worst_noise = 1e-5,
            .worst_ulp = 1048576,
            .rms = 0.25,
            .max_abs = 0.5,
            .reference_rms = 1,
            .cosine = 0.99987654,
            .psnr = 61.26,
            .top1 = 1,
            .top5 = 0.99999,
            .first_mismatch = {},
            .same_bits = {}};
  auto finding = judge("golden.native", observed);
  CHECK(finding.tables.front().columns == std::vector<std::string>{"output", "error/noise", "limit", "worst element",
                                                                   "expected", "found", "ulp", "cosine", "PSNR (dB)",
                                                                   "top 1", "top 5"});
  CHECK(finding.tables.front().rows.front() == std::vector<std::string>{"default/out", "1.25e+03", "16", "(1, 2)",
                                                                        "2.25", "2.5", "1.05e+06", "0.999877", "61.3",
                                                                        "100%", "99.99%"});
  const auto measured = [&](std::string_view name) {
    const auto found = std::ranges::find(finding.measurements, "default/out." + std::string(name), &Measurement::name);
    return found == finding.measurements.end() ? std::nullopt : std::optional(found->value);
  };
  CHECK(measured("diffuse") == 1250);
  CHECK(measured("local") == 2250);
  CHECK(measured("rms") == 0.25);
  CHECK(measured("max-abs") == 0.5);
  CHECK(measured("worst.place") == 12);
  CHECK(measured("worst.expected") == 2.25);
  CHECK(measured("worst.found") == 2.5);
  CHECK(measured("worst.ulp") == 1048576);
  CHECK(measured("cosine") == 0.99987654);
  CHECK(measured("psnr") == 61.26);
  CHECK(measured("top1") == 1);
  CHECK(measured("top5") == 0.99999);

  // What no output has is neither a column nor a measurement.
  native.top1.reset();
  native.top5.reset();
  finding = judge("golden.native", observed);
  CHECK(finding.tables.front().columns.back() == "PSNR (dB)");
  CHECK(finding.tables.front().rows.front().size() == 9);
  CHECK_FALSE(measured("top5"));
}

TEST_CASE("an output that could not be judged leaves a required check open") {
  auto observed = conforming();
  observed.run.outputs[0].native.reset();
  CHECK(judge("golden.native", observed).status == Status::unknown);
  CHECK(outcome(observed) == ExitCode::inconclusive);
}

TEST_CASE("a machine that does not agree with itself is suspected, unless the model never repeated") {
  auto observed = conforming();
  observed.run.outputs[0].repeat->equal = false;
  observed.run.outputs[0].repeat->differing = 1;
  CHECK(judge("golden.repeat", observed).remedy.find("hardware") != std::string::npos);
  observed.sealed.golden[0].repeatable = false;
  CHECK(judge("golden.repeat", observed).status == Status::skipped);
}

TEST_CASE("an output of another shape is named, and its numbers are not judged") {
  auto observed = conforming();
  observed.run.outputs[0].structure = "expected shape [4], found [5]";
  CHECK(judge("golden.structure", observed).actual == "default/out: expected shape [4], found [5]");
}

TEST_CASE("a quick run says that it is less sensitive") {
  auto observed = conforming();
  observed.run.depth = RunDepth::quick;
  observed.run.outputs[0].float64.reset();
  CHECK(judge("golden.float64", observed).message.find("reduced sensitivity") != std::string::npos);
  CHECK(outcome(observed) == ExitCode::conforms);
}

TEST_CASE("integers and bools must be met where rounding does not decide") {
  auto observed = conforming();
  CHECK(judge("golden.discrete", observed).status == Status::skipped);
  observed.run.outputs[0].discrete = golden::DiscreteVerdict{true, 99, 1, 0, {}};
  CHECK(judge("golden.discrete", observed).status == Status::pass);
  observed.run.outputs[0].discrete_float64 = golden::DiscreteVerdict{false, 99, 1, 1, {7, {0, 7}, 3, 4}};
  const auto finding = judge("golden.discrete", observed);
  CHECK(finding.status == Status::fail);
  CHECK(finding.tables.front().rows.at(1).at(5) == "(0, 7)");
  CHECK(outcome(observed) == ExitCode::fails);
}

TEST_CASE("objects that are missing, strange or in another order fail, and are named") {
  auto observed = conforming();
  CHECK(judge("golden.detections", observed).status == Status::skipped);
  DetectionObservation native{"default", "boxes, scores, labels", Compute::native, {11, 1, 12, {}, {}, false}};
  observed.run.detections = {native, native};
  observed.run.detections[1].run = Compute::float64;
  const auto pass = judge("golden.detections", observed);
  CHECK(pass.status == Status::pass);
  CHECK(pass.message == "every one of the 11 objects that rounding does not decide is found again; 1 is left to it");

  observed.run.detections[1].verdict.missing = {"boxes (1, 2, 3, 4), scores 0.9, labels 3"};
  auto finding = judge("golden.detections", observed);
  CHECK(finding.status == Status::fail);
  CHECK(finding.message == "the float64 run of default finds other objects: 1 missing, 0 that no run at capture found");
  CHECK(finding.tables.at(0).rows.at(0).at(3) == "boxes (1, 2, 3, 4), scores 0.9, labels 3");
  CHECK(outcome(observed) == ExitCode::fails);

  observed.run.detections[1].verdict.missing.clear();
  observed.run.detections[0].verdict.out_of_order = true;
  finding = judge("golden.detections", observed);
  CHECK(finding.status == Status::fail);
  CHECK(finding.message.find("the same objects in another order") != std::string::npos);
}

TEST_CASE("the setting with which a native difference goes is named") {
  auto observed = conforming();
  observed.run.outputs[0].native->rms_ratio = 5e3;
  observed.run.trials = {{"default", "TF32 off", 300}, {"default", "oneDNN off", 0.2}};
  auto finding = judge("golden.native", observed);
  CHECK(finding.status == Status::fail);
  CHECK(finding.message.find("with oneDNN off the difference disappears") != std::string::npos);
  const auto usual = finding.remedy;
  observed.run.trials.back().remedy = "leave oneDNN off";
  CHECK(judge("golden.native", observed).remedy == "leave oneDNN off");

  // A difference just over the limit that chance brings just below it is not gone.
  observed.run.trials.back().agrees_at = 0.1;
  finding = judge("golden.native", observed);
  CHECK(finding.message.find("disappears") == std::string::npos);
  CHECK(finding.remedy == usual);
  CHECK(finding.tables.back().rows.back().back() == "no");
  observed.run.trials.pop_back();
  CHECK(judge("golden.native", observed).message.find("no single setting removes the difference") != std::string::npos);
}

TEST_CASE(
    "channels that the network swaps are named as the cause, with the remedy, where reversing them mends the run") {
  auto observed = conforming();
  observed.run.outputs[0].float64->rms_ratio = 1;
  TrialObservation trial{"default",
                         "the channels of its input reversed",
                         1e-3,
                         Compute::float64,
                         "it takes BGR for RGB",
                         "leave the order alone"};
  observed.run.trials = {trial};
  auto finding = judge("golden.float64", observed);
  CHECK(finding.message.ends_with(
      "; with the channels of its input reversed the difference disappears: it takes BGR for RGB"));
  CHECK(finding.remedy == "leave the order alone");
  CHECK(finding.tables.back().rows.front().back() == "yes");

  // Where it does not help there is nothing to say, and a float64 trial says nothing of a native run.
  observed.run.trials[0].severity = 40;
  finding = judge("golden.float64", observed);
  CHECK(finding.message.find("reversed") == std::string::npos);
  CHECK(finding.remedy != "leave the order alone");
  CHECK(finding.tables.size() == 1);
  observed.run.trials = {trial};
  observed.run.outputs[0].float64->rms_ratio = 0;
  observed.run.outputs[0].native->rms_ratio = 5e3;
  CHECK(judge("golden.native", observed).message.find("reversed") == std::string::npos);
}

TEST_CASE("an input whose preprocessing drifted fails with the drift's own words") {
  auto observed = conforming();
  CHECK(judge("golden.input", observed).status == Status::skipped);
  InputObservation input{"default", "image", "x.npy", {}};
  input.drift.kind = golden::InputDrift::Kind::rounding;
  observed.inputs = {input};
  CHECK(judge("golden.input", observed).status == Status::pass);
  observed.inputs[0].drift = {golden::InputDrift::Kind::order, "its colours are reversed", "reverse them", 1, 1};
  const auto finding = judge("golden.input", observed);
  CHECK(finding.status == Status::fail);
  CHECK(finding.message == "the preprocessing of image drifted: its colours are reversed");
  CHECK(finding.remedy == "reverse them");
}

TEST_CASE("a model with nothing but integers and bools is judged by them alone") {
  auto observed = conforming();
  observed.run.outputs[0].native.reset();
  observed.run.outputs[0].float64.reset();
  CHECK(outcome(observed) == ExitCode::inconclusive);
  observed.run.outputs[0].discrete = golden::DiscreteVerdict{true, 100, 0, 0, {}};
  CHECK(judge("golden.native", observed).status == Status::skipped);
  CHECK(outcome(observed) == ExitCode::conforms);
}

TEST_CASE("the first layer that differs stands in the message, with its neighbours in a table") {
  auto observed = conforming();
  observed.run.outputs[0].float64->rms_ratio = 1;
  CHECK(judge("golden.float64", observed).message.find("no sketches of the layers") != std::string::npos);
  observed.sealed.golden[0].layers = 4;
  golden::LayerTrace trace;
  trace.steps = {{"a (conv2d)", "conv2d", 1e-9, 5e-7},
                 {"b (conv2d)", "conv2d", 1e-9, 5e-7},
                 {"c (relu)", "relu", 1e-3, 5e-7},
                 {"d (linear)", "linear", 1e-2, 5e-7}};
  trace.first = 2;
  observed.run.layers = {{"default", Compute::float64, trace}};
  const auto finding = judge("golden.float64", observed);
  CHECK(finding.message.find("the first layer that differs is c (relu), by 2e+03 times") != std::string::npos);
  REQUIRE(finding.tables.size() == 2);
  CHECK(finding.tables[1].rows.size() == 4);
  CHECK(finding.tables[1].rows[2][3] == "first that differs");
}

}  // namespace
}  // namespace goldseal

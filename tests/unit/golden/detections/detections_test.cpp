// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/base/messages/error.hpp>
#include <goldseal/golden/compare/output_verdict.hpp>
#include <goldseal/golden/detections/detection_rows.hpp>
#include <goldseal/golden/detections/detection_verdict.hpp>
#include <goldseal/golden/detections/detections.hpp>
#include <goldseal/golden/file/detection_probe.hpp>

#include <cmath>

using namespace goldseal;
using namespace goldseal::golden;

namespace {

struct Object {
  float x, y, right, bottom, score;
  std::int64_t label;
};

const std::vector<Object> k_objects = {{10, 20, 110, 220, 0.9F, 3},
                                       {300, 40, 380, 90, 0.8F, 1},
                                       {12, 22, 111, 219, 0.7F, 5},
                                       {200, 200, 260, 250, 0.5F, 1}};

std::vector<HostTensor> outputs(const std::vector<Object>& objects, DType dtype = DType::float32, double moved = 0) {
  std::vector<double> boxes;
  std::vector<double> scores;
  std::vector<std::int64_t> labels;
  for (const auto& object : objects) {
    for (const double value : {object.x, object.y, object.right, object.bottom}) boxes.push_back(value * (1 + moved));
    scores.push_back(object.score * (1 - moved));
    labels.push_back(object.label);
  }
  const auto count = static_cast<std::int64_t>(objects.size());
  return {narrowed("boxes", dtype, {count, 4}, boxes), narrowed("scores", dtype, {count}, scores),
          make_tensor("labels", DType::int64, {count}, labels)};
}

std::vector<Object> some(const std::vector<std::size_t>& rows) {
  std::vector<Object> objects;
  for (const auto row : rows) objects.push_back(k_objects[row]);
  return objects;
}

GoldenTensors golden_of(const std::vector<HostTensor>& native) {
  GoldenTensors golden;
  for (const auto& output : native) {
    golden.outputs.push_back({output, std::nullopt, std::nullopt, std::nullopt});
    if (!is_floating(output.dtype))
      golden.outputs.back().stable =
          make_tensor(output.name, DType::uint8, output.shape, std::vector<std::uint8_t>(output.numel(), 1));
  }
  return golden;
}

const std::vector<std::string> k_names = {"boxes", "scores", "labels"};

// A capture whose perturbed runs find these rows of k_objects.
DetectionProbe captured(const std::vector<std::size_t>& rows_of_a_coarse_run,
                        const std::vector<std::size_t>& native = {0, 1, 2, 3}) {
  DetectionProbe probe(k_names, outputs(some(native)), k_bits_float32);
  const auto add = [&](DetectionProbe::Run run, std::int64_t seed, std::vector<HostTensor> found) {
    probe.add(run, seed, found);
  };
  add(DetectionProbe::Run::native, 0, outputs(some(native)));
  add(DetectionProbe::Run::reference, 0, outputs(some(native), DType::float64));
  for (std::int64_t seed = 1; seed <= 4; ++seed) {
    const double size = std::ldexp(seed % 2 == 0 ? 1 : -1, -24);
    add(DetectionProbe::Run::response, seed, outputs(some(native), DType::float64, size));
    add(DetectionProbe::Run::fine, seed, outputs(some(native), DType::float64, std::ldexp(size, -20)));
  }
  add(DetectionProbe::Run::coarse, 1, outputs(some(rows_of_a_coarse_run), DType::float64, 0x1p-18));
  return probe;
}

DetectionVerdict judge(const SealedDetections& sealed, const std::vector<HostTensor>& native,
                       const std::vector<HostTensor>& found) {
  const auto aligned = align_detections(native, found);
  REQUIRE(aligned);
  return judge_detections(sealed, native, found, *aligned);
}

}  // namespace

TEST_CASE("Detections are known by their names and by what stands beside them") {
  auto found = outputs(k_objects);
  CHECK(find_detections(found) == std::vector<std::vector<std::string>>{k_names});
  for (auto& output : found) output.name = "1." + output.name;
  auto raw = narrowed("0.boxes", DType::float32, {3, 4}, std::vector<double>(12));
  found.push_back(raw);
  CHECK(find_detections(found) == std::vector<std::vector<std::string>>{{"1.boxes", "1.scores", "1.labels"}});
  auto second = found[0];
  second.name = "1.pred_boxes";
  found.push_back(second);
  CHECK(find_detections(found).size() == 1);
  found.pop_back();
  found[1].name = "1.areas";
  CHECK(find_detections(found).empty());
}

TEST_CASE("Rows that are declared to be objects must be of one number") {
  const auto found = outputs(k_objects);
  CHECK_NOTHROW(require_detections(k_names, found));
  CHECK_THROWS_AS(require_detections(std::vector<std::string>{"boxes", "nothing"}, found), Error);
  CHECK_THROWS_AS(require_detections(k_names, outputs({})), Error);
  const std::vector<HostTensor> raw = {make_tensor("raw", DType::int64, {4097}, std::vector<std::int64_t>(4097))};
  CHECK_THROWS_AS(require_detections(std::vector<std::string>{"raw"}, raw), Error);
}

TEST_CASE("A row is held against the sealed row that it belongs to, wherever it stands") {
  const auto sealed = outputs(k_objects);
  const auto aligned = align_detections(sealed, outputs(some({3, 1, 0}), DType::float64, 1e-5));
  REQUIRE(aligned);
  CHECK(aligned->rows == std::vector<std::optional<std::size_t>>{2, 1, std::nullopt, 0});
  CHECK(aligned->strangers.empty());
  REQUIRE(aligned->outputs[0].shape == sealed[0].shape);
  CHECK(element_as_double(aligned->outputs[0], 12) == Approx(200));
  CHECK(std::isnan(element_as_double(aligned->outputs[0], 8)));
  CHECK(element_as_double(aligned->outputs[2], 2) == 0);
}

TEST_CASE("An object of another class is another object, though its box is the same") {
  auto changed = k_objects;
  changed[1].label = 2;
  const auto sealed = outputs(k_objects);
  const auto verdict = judge({k_names, {}, {}, true}, sealed, outputs(changed));
  CHECK_FALSE(verdict.pass());
  CHECK(verdict.missing == std::vector<std::string>{"boxes (300, 40, 380, 90), scores 0.8, labels 1"});
  CHECK(verdict.strange == std::vector<std::string>{"boxes (300, 40, 380, 90), scores 0.8, labels 2"});
}

TEST_CASE("Nothing found at all is every object missing") {
  const auto verdict = judge({k_names, {1}, {}, true}, outputs(k_objects), outputs({}));
  CHECK(verdict.missing.size() == 3);
  CHECK(verdict.found == 0);
}

TEST_CASE("The order is judged where it was the same in every run at capture") {
  const auto sealed = outputs(k_objects);
  CHECK(judge({k_names, {}, {}, true}, sealed, outputs(some({1, 0, 2, 3}))).out_of_order);
  CHECK_FALSE(judge({k_names, {}, {}, false}, sealed, outputs(some({1, 0, 2, 3}))).out_of_order);
  CHECK_FALSE(judge({k_names, {1}, {}, true}, sealed, outputs(some({1, 0, 2, 3}))).out_of_order);
}

TEST_CASE("A row that a run at capture lacked is left to rounding, and says nothing of the noise") {
  const auto probe = captured({0, 1, 2});
  const auto detections = probe.finish();
  CHECK(detections.unsettled == std::vector<std::size_t>{3});
  const auto native = outputs(k_objects);
  CHECK(judge(detections, native, outputs(some({0, 1, 2}))).pass());
  CHECK(judge(detections, native, outputs(k_objects)).pass());
  CHECK_FALSE(judge(detections, native, outputs(some({0, 1, 3}))).pass());

  auto golden = golden_of(native);
  probe.settle(golden);
  REQUIRE(golden.outputs[0].noise);
  CHECK(std::isnan(element_as_double(*golden.outputs[0].reference, 12)));
  // The boxes move by 2^-24 of their size, so the response is that of their rms and no more.
  CHECK(golden.outputs[0].noise->response_rms < 2e-5);
  CHECK(golden.outputs[0].noise->pure());
  CHECK(golden.outputs[0].noise->overflows == 0);
  CHECK(element_as_double(*golden.outputs[2].stable, 3) == 0);
  CHECK(element_as_double(*golden.outputs[2].stable, 0) == 1);
  const auto objections = probe.objections(golden);
  REQUIRE(objections.size() == 1);
  CHECK_FALSE(objections[0].refuse);
  CHECK(objections[0].message == "depends on rounding in 1 of 4 detections");
}

TEST_CASE("A row that only another run at capture gave may be found, any other stranger may not") {
  const auto detections = captured({0, 1, 2, 3}, {0, 1, 3}).finish();
  REQUIRE(detections.others.size() == 3);
  CHECK(detections.others[0].shape == std::vector<std::int64_t>{1, 4});
  CHECK(detections.others[0].dtype == DType::float32);
  const auto native = outputs(some({0, 1, 3}));
  CHECK(judge(detections, native, outputs(some({0, 1, 2, 3}))).pass());
  auto more = some({0, 1, 3});
  more.push_back({500, 500, 520, 530, 0.3F, 7});
  CHECK(judge(detections, native, outputs(more)).strange.size() == 1);
}

TEST_CASE("Detections that rounding decides altogether are refused") {
  const auto probe = captured({});
  auto golden = golden_of(outputs(k_objects));
  probe.settle(golden);
  const auto objections = probe.objections(golden);
  REQUIRE(objections.size() == 1);
  CHECK(objections[0].refuse);
}

TEST_CASE("A capture whose rows change their form is refused with what to do") {
  DetectionProbe probe(k_names, outputs(k_objects), k_bits_float32);
  auto other = outputs(k_objects);
  other[0] = narrowed("boxes", DType::float32, {4, 5}, std::vector<double>(20));
  CHECK_THROWS_AS(probe.add(DetectionProbe::Run::native, 0, other), Error);
}

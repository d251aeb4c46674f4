// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/batch/batch.hpp>
#include <goldseal/golden/batch/batch_outputs.hpp>
#include <goldseal/golden/batch/block.hpp>

#include <goldseal/base/messages/error.hpp>

#include "catch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <set>

namespace goldseal::golden {
namespace {

HostTensor ids(std::vector<std::int64_t> values, std::string name = "ids") {
  const auto count = static_cast<std::int64_t>(values.size());
  return make_tensor(std::move(name), DType::int64, {1, count}, std::move(values));
}

std::vector<std::int64_t> whole(const HostTensor& tensor) {
  std::vector<std::int64_t> values(tensor.numel());
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

std::vector<float> numbers(const HostTensor& tensor) {
  std::vector<float> values(tensor.numel());
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

GoldenCase record(std::string name, std::vector<std::string> beside) {
  GoldenCase golden;
  golden.name = std::move(name);
  golden.beside = std::move(beside);
  return golden;
}

using Values = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("a case stands at every row once, and nowhere beside itself in all batches") {
  for (std::int64_t size = k_least_batch; size <= 9; ++size) {
    std::set<std::size_t> rows;
    std::size_t count = 0;
    for (const auto& set : arrangements(size)) {
      rows.insert(set.begin(), set.end());
      count += set.size();
    }
    CHECK(rows.size() == static_cast<std::size_t>(size));
    CHECK(count == rows.size());
  }
  CHECK(arrangements(2).size() == 2);
  CHECK(arrangements(8).size() == 4);
}

TEST_CASE("shorter cases are filled up on the side that was said, and a mask says where") {
  const std::vector<HostTensor> longer{ids({5, 6, 7})};
  const std::vector<HostTensor> shorter{ids({8, 9})};
  const std::vector<BatchCase> cases{{"long", longer}, {"short", shorter}};
  BatchRequest request{2, {{"ids", 3}}, false, "mask", {}};
  for (const bool left : {false, true}) {
    request.pad_left = left;
    const auto plan = plan_batch(request, cases);
    CHECK(choose_beside(plan, 0, cases) == std::vector<std::string>{"short"});
    const std::vector<std::size_t> last{1};
    const auto batch = make_batch(plan, record("short", {"long"}), cases, last);
    CHECK(batch.padded);
    REQUIRE(batch.inputs.size() == 2);
    CHECK(batch.inputs[0].shape == Values{2, 3});
    CHECK(whole(batch.inputs[0]) == (left ? Values{5, 6, 7, 3, 8, 9} : Values{5, 6, 7, 8, 9, 3}));
    CHECK(batch.inputs[1].name == "mask");
    CHECK(whole(batch.inputs[1]) == (left ? Values{1, 1, 1, 0, 1, 1} : Values{1, 1, 1, 1, 1, 0}));
  }
}

TEST_CASE("rows that no case takes are made of the case, each otherwise, and longer where padding is to be seen") {
  const std::vector<HostTensor> own{ids({5, 6, 7, 8})};
  const std::vector<BatchCase> cases{{"default", own}};
  const auto plan = plan_batch({3, {{"ids", 0}}, false, "", {}}, cases);
  CHECK(choose_beside(plan, 0, cases) == std::vector<std::string>{"~1+", "~2"});
  const std::vector<std::size_t> first{0};
  const auto batch = make_batch(plan, record("default", {"~1+", "~2"}), cases, first);
  CHECK(batch.inputs[0].shape == Values{3, 6});
  CHECK(whole(batch.inputs[0]) == Values{5, 6, 7, 8, 0, 0, 5, 8, 7, 6, 5, 8, 6, 5, 8, 7, 0, 0});
  const auto plain = make_batch(plan, record("default", {"~1+", "~2"}), cases, first, Beside::plain);
  CHECK_FALSE(plain.padded);
  const auto changed = make_batch(plan, record("default", {"~1+", "~2"}), cases, first, Beside::changed);
  CHECK(changed.inputs[0].shape == batch.inputs[0].shape);
  CHECK(whole(changed.inputs[0]) != whole(batch.inputs[0]));
}

TEST_CASE("whole rows are smaller, masks of a case's own stay, and one input may be of all") {
  const auto picture = make_tensor<float>("x", DType::float32, {1, 1, 2}, {16, 32});
  const auto scale = make_tensor<float>("scale", DType::float32, {}, {2});
  const std::vector<HostTensor> own{picture, scale, ids({1, 1}, "mask")};
  const std::vector<BatchCase> cases{{"default", own}};
  const auto plan = plan_batch({2, {{"mask", 0}}, false, "", {}}, cases);
  const std::vector<std::size_t> first{0};
  const auto batch = make_batch(plan, record("default", {"~1"}), cases, first);
  CHECK(batch.inputs[0].shape == Values{2, 1, 2});
  CHECK(numbers(batch.inputs[0])[0] == 16);
  CHECK(numbers(batch.inputs[0])[2] == Approx(16 / 1.0625));
  CHECK(batch.inputs[1].shape.empty());
  CHECK(whole(batch.inputs[2]) == Values{1, 1, 1, 1});
}

TEST_CASE("every second row reaches beyond the case on both sides, and its mean is another") {
  const auto extremes = [](const std::vector<float>& values, const char* row, std::size_t rank = 2) {
    const auto count = static_cast<std::int64_t>(values.size());
    std::vector<std::int64_t> shape(rank, 1);
    shape.back() = count;
    const auto x = make_tensor<float>("x", DType::float32, shape, values);
    const std::vector<HostTensor> own{x};
    const std::vector<BatchCase> cases{{"default", own}};
    const auto plan = plan_batch({2, {}, false, "", {}}, cases);
    const std::vector<std::size_t> first{0};
    auto all = numbers(make_batch(plan, record("default", {row}), cases, first).inputs[0]);
    const std::vector<double> made(all.begin() + count, all.end());
    const double sum = std::accumulate(made.begin(), made.end(), 0.0);
    return std::array{std::ranges::min(made), std::ranges::max(made), sum / static_cast<double>(count)};
  };
  const std::vector<float> values{0.25F, 0.5F, -0.75F, 1};
  const auto wide = extremes(values, "~1");
  CHECK(wide[0] < -0.75);
  CHECK(wide[1] > 1);
  CHECK(std::abs(wide[2] - 0.25) > 0.001);
  CHECK(extremes(values, "~2")[1] < 1);
  CHECK(extremes({0, 3, 255}, "~1", 4)[1] > 255);
  // An index stays one, and what a mask excludes stays excluded.
  CHECK(extremes({0, 3, 7}, "~1")[1] <= 7);
  CHECK(std::isinf(extremes({0, 0.5F, -std::numeric_limits<float>::infinity()}, "~1")[0]));
  CHECK(extremes({0.5F, 0.5F}, "~1")[1] < 0.5);
}

TEST_CASE("cases stand along the dimension that was said") {
  const auto frames = make_tensor<float>("frames", DType::float32, {2, 1, 1}, {1, 2});
  const std::vector<HostTensor> own{frames};
  const std::vector<BatchCase> cases{{"default", own}};
  const auto plan = plan_batch({2, {}, false, "", {{"frames", 1}}}, cases);
  const std::vector<std::size_t> last{1};
  const auto batch = make_batch(plan, record("default", {"~1"}), cases, last);
  CHECK(batch.inputs[0].shape == Values{2, 2, 1});
  CHECK(numbers(batch.inputs[0])[1] == 1);
  CHECK(numbers(batch.inputs[0])[3] == 2);
}

TEST_CASE("what makes no batch is refused by name") {
  const std::vector<HostTensor> own{ids({5, 6, 7}), make_tensor<float>("boxes", DType::float32, {9, 4}, std::vector<float>(36))};
  const std::vector<BatchCase> cases{{"default", own}};
  CHECK_THROWS_AS(plan_batch({2, {}, false, "", {}}, cases), Error);
  CHECK_NOTHROW(plan_batch({2, {}, false, "", {{"boxes", std::nullopt}}}, cases));
  CHECK_THROWS_AS(plan_batch({2, {{"idz", 0}}, false, "", {{"boxes", std::nullopt}}}, cases), Error);
  CHECK_THROWS_AS(plan_batch({2, {}, false, "mask", {{"boxes", std::nullopt}}}, cases), Error);
  CHECK_THROWS_AS(plan_batch({2, {}, false, "", {{"boxes", 2}}}, cases), Error);
  CHECK_THROWS_AS(parse_pad("ids"), Error);
  CHECK_THROWS_AS(parse_pad("ids=x"), Error);
  CHECK(parse_pad("ids=-1.5") == std::pair<std::string, double>{"ids", -1.5});
  CHECK_THROWS_AS(parse_batch_dimension("ids=-1"), Error);
  CHECK(parse_batch_dimension("ids=none").second == std::nullopt);
  CHECK_THROWS_AS(element_of(DType::int64, 0.5), Error);
  CHECK_THROWS_AS(element_of(DType::int8, 200), Error);
}

TEST_CASE("a seal that puts cases together that do not fit is refused") {
  const std::vector<HostTensor> one{ids({5, 6, 7})};
  const std::vector<HostTensor> other{make_tensor<float>("ids", DType::float32, {1, 1, 3}, {1, 2, 3})};
  const std::vector<BatchCase> cases{{"one", one}, {"other", other}};
  const BatchRecord plan{2, false, {{"ids", 0}}};
  const std::vector<std::size_t> first{0};
  CHECK_THROWS_AS(make_batch(plan, record("one", {"other"}), cases, first), Error);
  CHECK_THROWS_AS(make_batch(plan, record("one", {"third"}), cases, first), Error);
}

TEST_CASE("the answers of a case are found along one dimension, two, in a list, or not at all") {
  const auto output = [](std::string name, Values shape) {
    std::size_t count = 1;
    for (const auto size : shape) count *= static_cast<std::size_t>(size);
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i);
    return make_tensor(std::move(name), DType::float32, std::move(shape), std::move(values));
  };
  const std::vector<GoldenOutput> alone{{output("logits", {1, 2}), {}, {}, {}}, {output("hidden", {2, 1, 3}), {}, {}, {}},
                                        {output("pairs", {1, 1}), {}, {}, {}},  {output("0.boxes", {2, 4}), {}, {}, {}},
                                        {output("loss", {}), {}, {}, {}},       {output("anchors", {3, 2}), {}, {}, {}}};
  const std::vector<HostTensor> found{output("logits", {3, 2}), output("hidden", {2, 3, 3}), output("pairs", {3, 3}),
                                      output("0.boxes", {2, 4}), output("1.boxes", {5, 4}), output("2.boxes", {2, 4}),
                                      make_tensor<float>("loss", DType::float32, {}, {7}), output("anchors", {3, 2})};
  const std::vector<std::vector<HostTensor>> runs{found};
  const auto places = find_places(alone, runs, {3, false, {}});
  CHECK(places[0].dimensions == Values{0});
  CHECK(places[1].dimensions == Values{1});
  CHECK(places[2].dimensions == Values{0, 1});
  CHECK(places[3].in_list);
  CHECK(places[4].of_all);
  CHECK((places[5].dimensions.empty() && !places[5].of_all));

  const BatchRecord batch{3, false, {}};
  const auto answers = answers_at(1, batch, places, alone, found);
  REQUIRE(answers.size() == 5);
  CHECK(numbers(answers[0]) == std::vector<float>{2, 3});
  CHECK(numbers(answers[1]) == std::vector<float>{3, 4, 5, 12, 13, 14});
  CHECK(numbers(answers[2]) == std::vector<float>{4});
  CHECK(answers[3].name == "0.boxes");
  CHECK(answers[3].shape == Values{5, 4});
}

TEST_CASE("an answer that lacks the dimension of its rows alone is found in a batch, at the place of the inputs' first") {
  const auto y = [](Values shape, std::vector<float> values) {
    return make_tensor<float>("y", DType::float32, std::move(shape), std::move(values));
  };
  const std::vector<GoldenOutput> alone{{y({2}, {0, 0}), {}, {}, {}}};
  const std::vector<std::vector<HostTensor>> runs{{y({2, 2}, {1, 2, 3, 4})}};
  const BatchRecord first{2, false, {{"x", 0}}};
  const BatchRecord second{2, false, {{"x", 1}}};
  const auto rows = find_places(alone, runs, first);
  const auto columns = find_places(alone, runs, second);
  CHECK(rows[0].added == 0);
  CHECK(columns[0].added == 1);
  CHECK(numbers(answers_at(1, first, rows, alone, runs[0])[0]) == std::vector<float>{3, 4});
  CHECK(numbers(answers_at(1, second, columns, alone, runs[0])[0]) == std::vector<float>{2, 4});
  const std::vector<HostTensor> fewer{y({1, 2}, {1, 2})};
  CHECK(answers_at(1, first, rows, alone, fewer)[0].shape == Values{1, 2});
}

TEST_CASE("an output whose size follows the values is of no case") {
  const auto hits = [](std::size_t count) {
    return make_tensor<float>("hits", DType::float32, {static_cast<std::int64_t>(count)}, std::vector<float>(count, 1));
  };
  const std::vector<GoldenOutput> alone{{hits(2), {}, {}, {}}};
  const std::vector<std::vector<HostTensor>> runs{{hits(6)}, {hits(5)}};
  CHECK(find_places(alone, std::span(runs).first(1), {3, false, {}})[0].dimensions == Values{0});
  CHECK(find_places(alone, runs, {3, false, {}})[0].of_all);
}

TEST_CASE("rows of different lengths are cut out of places that are folded with them") {
  const std::vector<GoldenOutput> sealed{{make_tensor<float>("y", DType::float32, {2}, {0, 0}), {}, {}, {}}};
  const std::vector<HostTensor> found{make_tensor<float>("y", DType::float32, {6}, {1, 2, 3, 4, 5, 6})};
  const std::vector<BatchOutput> places{{"y", {0}, false, false}};
  const std::vector<BatchInput> filled{{"x", 0, 0.0}};
  CHECK(numbers(answers_at(1, {2, false, filled}, places, sealed, found)[0]) == std::vector<float>{4, 5});
  CHECK(numbers(answers_at(1, {2, true, filled}, places, sealed, found)[0]) == std::vector<float>{5, 6});
  CHECK(answers_at(1, {2, false, {{"x", 0}}}, places, sealed, found)[0].shape == Values{6});
}

TEST_CASE("what is filled up is cut away from the answers, on its side") {
  const auto alone = make_tensor<float>("y", DType::float32, {1, 2}, {0, 0});
  const std::vector<GoldenOutput> sealed{{alone, {}, {}, {}}};
  const std::vector<HostTensor> found{make_tensor<float>("y", DType::float32, {2, 3}, {1, 2, 3, 4, 5, 6})};
  const std::vector<BatchOutput> places{{"y", {0}, false, false}};
  CHECK(numbers(answers_at(1, {2, false, {}}, places, sealed, found)[0]) == std::vector<float>{4, 5});
  CHECK(numbers(answers_at(1, {2, true, {}}, places, sealed, found)[0]) == std::vector<float>{5, 6});
}

}  // namespace goldseal::golden

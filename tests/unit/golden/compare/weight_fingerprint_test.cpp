// SPDX-License-Identifier: Apache-2.0
#include "golden/synthetic.hpp"

#include "catch.hpp"
#include "golden/halves.hpp"

#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/tensors/half.hpp>
#include <goldseal/golden/compare/weight_fingerprint.hpp>

#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

using namespace goldseal;
using namespace goldseal::golden;

namespace {

using Kind = WeightChange::Kind;

std::vector<float> weights(std::size_t count, std::uint64_t seed) {
  const auto values = synthetic::normal(count, 0.1, seed);
  return {values.begin(), values.end()};
}

float flipped(float value, int bit) {
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) ^ (std::uint32_t{1} << bit));
}

WeightChange change(const std::vector<float>& before, const std::vector<float>& after) {
  return explain_change(synthetic::floats(after), trace(synthetic::floats(before)));
}

}  // namespace

TEST_CASE("Any one flipped bit is named with its element and both values") {
  CHECK(rc::check("element and bit", [] {
    const auto before = weights(*rc::gen::inRange<std::size_t>(2, 5000), *rc::gen::inRange<std::uint64_t>(0, 99));
    const auto index = *rc::gen::inRange<std::size_t>(0, before.size());
    const auto bit = *rc::gen::inRange(0, 32);
    auto after = before;
    after[index] = flipped(before[index], bit);
    const auto found = change(before, after);
    RC_ASSERT(found.kind == Kind::one_element);
    RC_ASSERT(found.text.starts_with(
        fmt::format("bit {} of element [{}] flipped: {:.9g} became", bit, index, static_cast<double>(before[index]))));
  }));
}

TEST_CASE("A wholly overwritten element is told by how many bits differ") {
  auto before = weights(100, 1);
  before[40] = 1.5F;
  auto after = before;
  after[40] = -1.5F;
  CHECK(change(before, after).text == "bit 31 of element [40] flipped: 1.5 became -1.5");
  after[40] = 0;
  CHECK(change(before, after).text == "8 bits of element [40] flipped: 1.5 became 0");
}

TEST_CASE("Rounding to half precision is recognised") {
  const auto before = weights(1000, 2);
  auto after = before;
  for (auto& value : after) value = round_to_float16(value);
  CHECK(change(before, after).kind == Kind::to_float16);
  after = before;
  for (auto& value : after) value = round_to_bfloat16(value);
  CHECK(change(before, after).kind == Kind::to_bfloat16);
}

TEST_CASE("What was never loaded, is not finite, or stands in another order is told apart") {
  const auto before = weights(1000, 3);
  CHECK(change(before, before).kind == Kind::none);
  CHECK(change(before, std::vector<float>(1000, 0)).kind == Kind::zero);
  CHECK(change(before, std::vector<float>(1000, 1)).kind == Kind::constant);
  auto after = before;
  after[5] = after[6] = std::numeric_limits<float>::quiet_NaN();
  CHECK(change(before, after).text == "2 of 1000 elements are NaN or infinite");
  after = before;
  std::ranges::reverse(after);
  CHECK(change(before, after).kind == Kind::permuted);
  CHECK(change(before, weights(1000, 4)).kind == Kind::other);
}

TEST_CASE("B23: an integer that changed is told by its values, not by bits") {
  const auto before = make_tensor("n", DType::int64, {3}, std::vector<std::int64_t>{7, -8, 9});
  const auto after = make_tensor("n", DType::int64, {3}, std::vector<std::int64_t>{7, -8, 25});
  CHECK(explain_change(after, trace(before)).text == "element [2]: 9 became 25");
  const auto byte = make_tensor("b", DType::uint8, {2}, std::vector<std::uint8_t>{1, 2});
  const auto other = make_tensor("b", DType::uint8, {2}, std::vector<std::uint8_t>{1, 130});
  CHECK(explain_change(other, trace(byte)).text == "element [1]: 2 became 130");
}

TEST_CASE("B23: a counter tells how far it went on") {
  const auto counter = [](std::int64_t value) { return make_tensor("n", DType::int64, {}, std::vector{value}); };
  const auto found = explain_change(counter(8), trace(counter(12)));
  CHECK(found.kind == Kind::counted);
  CHECK(found.before == 12);
  CHECK(found.after == 8);
  CHECK(found.text == "12 became 8");
  CHECK_FALSE(found.one_byte);
}

TEST_CASE("Only what differs within one byte of one element among several is that of a damaged byte") {
  const auto before = weights(100, 1);
  auto after = before;
  after[7] = flipped(before[7], 13);
  CHECK(change(before, after).one_byte);
  after[7] = flipped(flipped(before[7], 13), 15);
  CHECK(change(before, after).one_byte);
  after[7] = flipped(flipped(before[7], 15), 16);
  CHECK_FALSE(change(before, after).one_byte);
  CHECK_FALSE(change({0.5F}, {flipped(0.5F, 3)}).one_byte);
}

TEST_CASE("B15: the sealed values with their axes exchanged, or one run backwards, are told by their digest") {
  const auto tensor = [](std::vector<std::int64_t> shape, std::vector<float> values) {
    return make_tensor("w", DType::float32, std::move(shape), std::move(values));
  };
  const auto values = weights(64, 9);
  const auto sealed = tensor({8, 8}, values);
  auto transposed = values;
  for (std::size_t i = 0; i < 64; ++i) transposed[i] = values[(i % 8) * 8 + i / 8];
  const auto explained = [&](const HostTensor& found, const HostTensor& before) {
    return explain_change(found, trace(before), sha256(before.bytes));
  };
  CHECK(explained(tensor({8, 8}, transposed), sealed).kind == Kind::exchanged);
  CHECK(explained(tensor({8, 8}, transposed), sealed).text == "the sealed values transposed");
  auto backwards = values;
  for (std::size_t i = 0; i < 64; ++i) backwards[i] = values[(7 - i / 8) * 8 + i % 8];
  CHECK(explained(tensor({8, 8}, backwards), sealed).text == "the sealed values with axis 0 run backwards");
  auto shuffled = values;
  std::swap(shuffled[3], shuffled[40]);
  CHECK(explained(tensor({8, 8}, shuffled), sealed).kind == Kind::permuted);
  // A kernel of a convolution with its first two axes exchanged, as of a transposed one.
  const auto kernel = tensor({4, 4, 2, 2}, values);
  auto exchanged = values;
  for (std::size_t i = 0; i < 64; ++i) exchanged[i] = values[(i / 4 % 4) * 16 + (i / 16) * 4 + i % 4];
  CHECK(explained(tensor({4, 4, 2, 2}, exchanged), kernel).text == "the sealed values with axes (1, 0, 2, 3)");
  CHECK(exchanged_axes(tensor({16, 4}, weights(64, 2)), std::vector<std::int64_t>{4, 16}, sha256("x")) == std::nullopt);
  const auto wide = tensor({4, 16}, values);
  auto tall = values;
  for (std::size_t i = 0; i < 64; ++i) tall[i] = values[(i % 4) * 16 + i / 4];
  CHECK(exchanged_axes(tensor({16, 4}, tall), wide.shape, sha256(wide.bytes)) == "transposed");
}

namespace {

using Order = std::vector<std::size_t>;

// The weight's rows in an order, as a file of another library has them; what is said of it against the seal.
WeightChange reordered(std::int64_t rows, std::int64_t columns, const Order& order) {
  const auto values = weights(static_cast<std::size_t>(rows * columns), 17);
  const auto size = static_cast<std::size_t>(columns);
  std::vector<float> moved;
  for (const auto row : order) moved.insert(moved.end(), &values[row * size], &values[row * size] + size);
  const auto sealed = make_tensor("w", DType::float32, {rows, columns}, std::vector<float>(values));
  const auto found = make_tensor("w", DType::float32, {rows, columns}, std::move(moved));
  return explain_change(found, trace(sealed), sha256(sealed.bytes));
}

// Rows counted as heads × halves × pairs with the two last exchanged.
Order rope(std::size_t heads, std::size_t size, bool to_halves) {
  Order order;
  for (std::size_t head = 0; head < heads; ++head)
    for (std::size_t i = 0; i < size; ++i)
      order.push_back(head * size + (to_halves ? i % (size / 2) * 2 + i / (size / 2) : i % 2 * (size / 2) + i / 2));
  return order;
}

}  // namespace

TEST_CASE("B59: rows that a library keeps in another order are named with the order") {
  const auto halves = reordered(32, 3, rope(4, 8, true));
  CHECK(halves.kind == Kind::rows);
  CHECK(halves.text.find("each head of 8 in RoPE's other layout: its halves one after the other, sealed as pairs") != std::string::npos);
  CHECK(reordered(32, 3, rope(4, 8, false)).text.find("pairs side by side, sealed as its halves") != std::string::npos);
  // Gates i, f, g, o as i, f, o, g; gate and up exchanged; q, k, v of each head together.
  CHECK(reordered(8, 5, {0, 1, 2, 3, 6, 7, 4, 5}).text.find("its 4 blocks of 2 rows in another order (sealed as 0, 1, 3, 2 of these)") !=
        std::string::npos);
  CHECK(reordered(6, 5, {3, 4, 5, 0, 1, 2}).text.find("its 2 blocks of 3 rows") != std::string::npos);
  Order together;
  for (std::size_t head = 0; head < 4; ++head)
    for (std::size_t part = 0; part < 3; ++part)
      for (std::size_t row = 0; row < 5; ++row) together.push_back((part * 4 + head) * 5 + row);
  const auto grouped = reordered(60, 3, together);
  CHECK(grouped.kind == Kind::rows);
  CHECK(grouped.text.find("in 12 blocks of 5") != std::string::npos);
}

TEST_CASE("B59: rows in no known order are told by their sums, where rows are wide, and other moves are not") {
  Order shuffled(50);
  for (std::size_t i = 0; i < 50; ++i) shuffled[i] = (i * 7 + 3) % 50;
  CHECK(reordered(50, 64, shuffled).text == "the same rows in another order");
  CHECK(reordered(50, 192, shuffled).kind == Kind::rows);
  CHECK(reordered(50, 3, shuffled).kind == Kind::permuted);  // three elements tell too little
  const auto values = weights(50 * 64, 17);
  auto moved = values;
  std::swap(moved[3], moved[70]);
  const auto sealed = make_tensor("w", DType::float32, {50, 64}, std::vector<float>(values));
  const auto found = make_tensor("w", DType::float32, {50, 64}, std::move(moved));
  CHECK(explain_change(found, trace(sealed), sha256(sealed.bytes)).kind == Kind::permuted);
}

TEST_CASE("The fast roundings agree with the definition on every exponent") {
  CHECK(rc::check("float -> half -> float", [] {
    const auto value = std::bit_cast<float>(*rc::gen::arbitrary<std::uint32_t>());
    const float half = round_to_float16(value);
    const float brain = round_to_bfloat16(value);
    if (std::isnan(value)) {
      RC_ASSERT(std::isnan(half) && std::isnan(brain));
      return;
    }
    RC_ASSERT(half == float16_to_float(half_bits(static_cast<double>(value), DType::float16)));
    RC_ASSERT(brain == bfloat16_to_float(half_bits(static_cast<double>(value), DType::bfloat16)));
    RC_ASSERT(std::signbit(half) == std::signbit(value));
  }));
}

TEST_CASE("Traces are packed and unpacked") {
  const std::vector<WeightFingerprint> traces{{1, 2, 3, 4, 5}, {6, 7, 8, 9, ~std::uint64_t{0}}};
  CHECK(unpack_traces(pack_traces(traces)) == traces);
  CHECK_THROWS_AS(unpack_traces(synthetic::floats({1, 2})), Error);
}

namespace {

// Rounded to steps of each stretch's largest value, as quantization to 2 * `levels` + 1 values does, and taken back.
std::vector<float> quantized(const std::vector<float>& values, std::size_t stretch, float levels) {
  auto result = values;
  for (std::size_t begin = 0; begin < values.size(); begin += stretch) {
    float largest = 0;
    for (std::size_t i = begin; i < begin + stretch; ++i) largest = std::max(largest, std::abs(values[i]));
    for (std::size_t i = begin; i < begin + stretch; ++i) result[i] = std::round(values[i] / largest * levels) * largest / levels;
  }
  return result;
}

std::string told_of(const std::vector<float>& before, const std::vector<float>& after, const std::vector<std::int64_t>& shape) {
  auto found = synthetic::floats(after);
  found.shape = shape;
  return explain_change(found, trace(synthetic::floats(before))).text;
}

}  // namespace

TEST_CASE("B15: values that were quantized and taken back are told by how few they are") {
  const auto before = weights(8192, 3);
  CHECK(told_of(before, quantized(before, 8192, 127), {8192}).ends_with("different values, as after quantization to 8 bits"));
  CHECK(told_of(before, quantized(before, 8192, 7), {8, 1024}).ends_with("different values, as after quantization to 4 bits"));
  CHECK(told_of(before, quantized(before, 2048, 127), {4, 2048}) ==
        "at most 256 different values in each row, as after quantization to 8 bits");
  CHECK(told_of(before, quantized(before, 64, 7), {8, 1024}).find("in each group of") != std::string::npos);
}

TEST_CASE("values that were trained further, and small tensors, are no quantized ones") {
  const auto before = weights(8192, 3);
  CHECK(told_of(before, weights(8192, 4), {8, 1024}) == "other values throughout");
  const auto few = weights(512, 3);
  CHECK(told_of(few, quantized(few, 512, 127), {512}) == "other values throughout");
}

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/formats/open_checkpoint.hpp>
#include <goldseal/checkpoint/write/convert.hpp>

#include "checkpoint/builders.hpp"

#include <goldseal/checkpoint/contents/difference.hpp>
#include <goldseal/checkpoint/contents/summary.hpp>
#include <goldseal/checkpoint/tensors/element.hpp>

#include <catch.hpp>

#include <cmath>
#include <cstring>
#include <limits>

using namespace goldseal;
using namespace goldseal::test;

namespace {

std::string floats(float a, float b) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &a, 4);
  std::memcpy(bytes.data() + 4, &b, 4);
  return bytes;
}

/// A directory with a checkpoint of these names, each tensor of the two values.
class Fixture {
 public:
  explicit Fixture(const std::vector<std::string>& names, float first = 1, float second = 2,
                   const char* file = "in.pth")
      : m_input(m_directory.path() / file) {
    const std::vector<std::string> storages(names.size(), floats(first, second));
    write_file_atomically(m_input, torch_file(state_dict_pickle(names), storages));
  }
  [[nodiscard]] Checkpoint input() const { return open_checkpoint(m_input); }
  [[nodiscard]] std::filesystem::path path(const char* name) const { return m_directory.path() / name; }

 private:
  TemporaryDirectory m_directory;
  std::filesystem::path m_input;
};

std::vector<std::string> names_of(const Checkpoint& checkpoint) {
  std::vector<std::string> names;
  for (const auto& tensor : checkpoint.tensors) names.push_back(tensor.name);
  return names;
}

CheckpointDifference compared(const Checkpoint& a, const Checkpoint& b) {
  return compare_checkpoints(a, digest_all(a), b, digest_all(b));
}

}  // namespace

TEST_CASE("what is converted keeps every bit, in either format") {
  const Fixture fixture({"a.weight", "a.bias"});
  for (const auto* name : {"out.safetensors", "out.pth"}) {
    const auto result = convert_checkpoint(fixture.input(), {fixture.path(name)});
    CHECK(result.tensors == 2);
    const auto output = open_checkpoint(fixture.path(name));
    CHECK(output.notes.empty());
    CHECK(names_of(output) == names_of(fixture.input()));
    CHECK(digest_everything(output).tensors == digest_all(fixture.input()));
    CHECK(result.bytes == output.files.front()->size());
  }
}

TEST_CASE("wrapper segments are stripped, names without them are left alone") {
  const Fixture fixture({"module.conv.weight", "encoder", "mlp_module.weight"});
  CHECK(convert_checkpoint(fixture.input(), {.output = fixture.path("out.pth"), .strip_prefix = "auto"}).renamed == 1);
  CHECK(names_of(open_checkpoint(fixture.path("out.pth"))) ==
        std::vector<std::string>{"conv.weight", "encoder", "mlp_module.weight"});
}

TEST_CASE("a prefix of one's own is stripped as whole segments") {
  const Fixture fixture({"net.core.a", "net.core.b", "net.corex"});
  (void)convert_checkpoint(fixture.input(), {.output = fixture.path("out.pth"), .strip_prefix = "net.core"});
  CHECK(names_of(open_checkpoint(fixture.path("out.pth"))) == std::vector<std::string>{"a", "b", "net.corex"});
  CHECK(error_of([&] {
          (void)convert_checkpoint(fixture.input(), {.output = fixture.path("x.pth"), .strip_prefix = "other"});
        }).kind() == ErrorKind::usage);
}

TEST_CASE("names that would collide stop the conversion, and nothing is written") {
  const Fixture fixture({"module.a", "a"});
  const auto error = error_of(
      [&] { (void)convert_checkpoint(fixture.input(), {.output = fixture.path("out.pth"), .strip_prefix = "auto"}); });
  CHECK(error.kind() == ErrorKind::usage);
  CHECK(error.message().find("two tensors would be named 'a'") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(fixture.path("out.pth")));
}

TEST_CASE("an existing file is replaced only when asked, and an unknown ending is refused") {
  const Fixture fixture({"a"});
  write_file_atomically(fixture.path("out.pth"), "old");
  CHECK(error_of([&] { (void)convert_checkpoint(fixture.input(), {.output = fixture.path("out.pth")}); }).kind() ==
        ErrorKind::usage);
  CHECK_NOTHROW(convert_checkpoint(fixture.input(), {.output = fixture.path("out.pth"), .replace = true}));
  CHECK(error_of([&] { (void)convert_checkpoint(fixture.input(), {.output = fixture.path("out.onnx")}); }).kind() ==
        ErrorKind::usage);
}

TEST_CASE("a damaged input is not made into a sound output") {
  const Fixture fixture({"a"});
  auto bytes = torch_file(state_dict_pickle({"a"}), {floats(1, 2)});
  bytes[bytes.find(floats(1, 2)) + 2] = '\x55';
  write_file_atomically(fixture.path("in.pth"), bytes);
  CHECK(error_of([&] { (void)convert_checkpoint(fixture.input(), {.output = fixture.path("out.pth")}); }).kind() ==
        ErrorKind::malformed);
  CHECK_FALSE(std::filesystem::exists(fixture.path("out.pth")));
}

TEST_CASE("two checkpoints are compared by value, with a wrapper on either side") {
  const Fixture a({"module.w", "module.v"}, 1, 2);
  const Fixture b({"w", "v"}, 1, 2.5F);
  for (const bool swapped : {false, true}) {
    const auto difference = swapped ? compared(b.input(), a.input()) : compared(a.input(), b.input());
    CHECK(difference.removed_segments == std::vector<std::string>{"module"});
    CHECK(difference.removed_from_b == swapped);
    REQUIRE(difference.changed.size() == 2);
    const auto& values = difference.changed[0].values.value();
    CHECK(values.elements == 2);
    CHECK(values.differing == 1);
    CHECK(values.max_absolute == 0.5);
    CHECK(values.rms == Approx(std::sqrt(0.125)));
    CHECK(values.max_ulp == std::uint64_t{1} << 21);
  }
}

TEST_CASE("equal checkpoints do not differ, and one-sided names are listed") {
  const Fixture a({"x", "y"});
  const Fixture b({"x", "z"});
  CHECK(compared(a.input(), a.input()).same());
  const auto difference = compared(a.input(), b.input());
  CHECK(difference.equal == 1);
  CHECK(difference.only_a == std::vector<std::string>{"y"});
  CHECK(difference.only_b == std::vector<std::string>{"z"});
}

TEST_CASE("half precision is decoded and rounded as IEEE 754 says") {
  const std::vector<double> values{0.0,
                                   -0.0,
                                   1.0,
                                   65504.0,
                                   65520.0,
                                   6e-8,
                                   2.0 + 1.0 / 1024,
                                   2.0 + 3.0 / 1024,
                                   -std::numeric_limits<double>::infinity()};
  std::vector<std::byte> bytes;
  from_doubles(values, DType::float16, bytes);
  std::vector<std::uint16_t> bits(values.size());
  std::memcpy(bits.data(), bytes.data(), bytes.size());
  CHECK(bits == std::vector<std::uint16_t>{0x0000, 0x8000, 0x3c00, 0x7bff, 0x7c00, 0x0001, 0x4000, 0x4002, 0xfc00});
  std::vector<double> back;
  to_doubles(bytes, DType::float16, back);
  CHECK(back[3] == 65504.0);
  CHECK(back[5] == std::ldexp(1.0, -24));
}

TEST_CASE("every half and bfloat16 survives the way to double and back") {
  for (const auto dtype : {DType::float16, DType::bfloat16}) {
    std::vector<std::byte> bytes(2 * 65'536);
    for (std::uint32_t i = 0; i < 65'536; ++i) {
      const auto bits = static_cast<std::uint16_t>(i);
      std::memcpy(bytes.data() + 2 * i, &bits, 2);
    }
    std::vector<double> values;
    to_doubles(bytes, dtype, values);
    std::vector<std::byte> back;
    from_doubles(values, dtype, back);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isnan(values[i]) && std::memcmp(bytes.data() + 2 * i, back.data() + 2 * i, 2) != 0) ++wrong;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("A14: the distance of two values of float8_e4m3fn goes up to its greatest, 448") {
  CHECK(ulp_distance(256, 448, DType::float8_e4m3fn) == 6);
  CHECK(ulp_distance(240, 256, DType::float8_e4m3fn) == 1);
  CHECK(ulp_distance(-448, 448, DType::float8_e4m3fn) == 2 * 0x7E);
  CHECK(ulp_distance(57344, std::numeric_limits<double>::infinity(), DType::float8_e5m2) == 1);
}

TEST_CASE("distances in ulp are those of the element type") {
  CHECK(ulp_distance(1.0, std::nextafter(1.0F, 2.0F), DType::float32) == 1);
  CHECK(ulp_distance(1.0, 1.0 + 1.0 / 128, DType::bfloat16) == 1);
  CHECK(ulp_distance(-0.0, 0.0, DType::float32) == 0);
  CHECK(ulp_distance(-std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::denorm_min(),
                     DType::float32) == 2);
  CHECK_FALSE(ulp_distance(std::nan(""), 1.0, DType::float32).has_value());
  CHECK_FALSE(ulp_distance(1, 2, DType::int32).has_value());
}

TEST_CASE("a summary counts by module, type and place") {
  const Fixture fixture({"module.a.weight", "module.a.bias", "module.b.weight"});
  const auto summary = summarize(fixture.input());
  CHECK(summary.tensors == 3);
  CHECK(summary.elements == 6);
  CHECK(summary.bytes == 24);
  CHECK(summary.dtypes.at("float32") == 3);
  CHECK(summary.locations.at("cpu") == 3);
  CHECK(summary.wrapper_segments == std::vector<std::string>{"module"});
  REQUIRE(summary.root.children.size() == 1);
  REQUIRE(summary.root.children[0].children.size() == 2);
  CHECK(summary.root.children[0].children[0].name == "a");
  CHECK(summary.root.children[0].children[0].tensors == 2);
}

TEST_CASE("values that are no numbers are found") {
  const Fixture fixture({"good", "bad"}, 1, std::nanf(""));
  const auto found = find_non_finite(fixture.input());
  REQUIRE(found.size() == 2);
  CHECK(found[0].nan == 1);
  CHECK(found[0].infinite == 0);
  const Fixture clean({"good"});
  CHECK(find_non_finite(clean.input()).empty());
}

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/packing/packing.hpp>
#include <goldseal/checkpoint/packing/packing_schemes.hpp>

#include <catch.hpp>

#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace goldseal;

namespace {

using Names = std::vector<std::pair<std::string, DType>>;

std::vector<PackedWeight> find(const Names& names) {
  std::vector<PackingEntry> entries;
  for (const auto& [name, dtype] : names) entries.push_back({name, dtype, {}});
  return find_packed_weights(entries);
}

DType example(TypeClass type) {
  switch (type) {
    case TypeClass::byte:
      return DType::uint8;
    case TypeClass::int32:
    case TypeClass::integer:
      return DType::int32;
    case TypeClass::uint32:
      return DType::uint32;
    case TypeClass::float8:
    case TypeClass::narrow:
      return DType::float8_e4m3fn;
    case TypeClass::any:
      return DType::float32;
  }
  return DType::float32;
}

}  // namespace

TEST_CASE("B12: each scheme of the table is recognised by its own entries, with and without the optional ones") {
  for (const auto& row : packing_rows()) {
    for (const bool all : {false, true}) {
      Names names{{"other.weight", DType::float32}};
      for (const auto& part : row.parts) {
        if (part.suffix.data() != nullptr && (all || part.required))
          names.emplace_back("model.fc" + std::string(part.suffix), example(part.type));
      }
      INFO(row.scheme.id << (all ? ", all parts" : ""));
      const auto found = find(names);
      REQUIRE(found.size() == 1);
      CHECK(found[0].scheme->id == row.scheme.id);
      CHECK(found[0].name == "model.fc" + std::string(row.weight));
      CHECK(found[0].parts.size() == names.size() - 1);
    }
  }
}

TEST_CASE("B12: ids of schemes are distinct, and each says what to do") {
  std::set<std::string_view> ids;
  for (const auto& row : packing_rows()) {
    CHECK(ids.insert(row.scheme.id).second);
    CHECK_FALSE(row.scheme.what.empty());
    CHECK_FALSE(row.scheme.remedy.empty());
    CHECK(row.parts[row.anchor].required);
    CHECK_FALSE(row.parts[row.anchor].suffix.empty());
  }
}

TEST_CASE("B12: a bitsandbytes weight with nested scales takes its seven entries, its bias none") {
  const auto found = find({{"fc.bias", DType::float32},
                           {"fc.weight", DType::uint8},
                           {"fc.weight.absmax", DType::uint8},
                           {"fc.weight.nested_absmax", DType::float32},
                           {"fc.weight.nested_quant_map", DType::float32},
                           {"fc.weight.quant_map", DType::float32},
                           {"fc.weight.quant_state.bitsandbytes__nf4", DType::uint8}});
  REQUIRE(found.size() == 1);
  CHECK(found[0].name == "fc.weight");
  CHECK(found[0].parts.size() == 6);
  const auto groups = group_by_scheme(found);
  REQUIRE(groups.size() == 1);
  CHECK(groups[0].scheme->id == "bitsandbytes-nf4");
  CHECK(groups[0].weights == 1);
  CHECK(groups[0].entries == 6);
  CHECK(groups[0].first == "fc.weight");
}

TEST_CASE("B12: a layer's own state dict, without a name before the dots, is recognised too") {
  const auto found = find({{"weight", DType::int8}, {"bias", DType::float16}, {"SCB", DType::float32}});
  REQUIRE(found.size() == 1);
  CHECK(found[0].scheme->id == "bitsandbytes-int8");
  CHECK(found[0].name == "weight");
}

TEST_CASE("B12: GPTQ has a group index and AWQ none") {
  Names names{{"q.qweight", DType::int32}, {"q.qzeros", DType::int32}, {"q.scales", DType::float16}};
  CHECK(find(names).at(0).scheme->id == "awq");
  names.emplace_back("q.g_idx", DType::int32);
  CHECK(find(names).at(0).scheme->id == "gptq");
}

TEST_CASE("plain networks are not taken for packed ones") {
  CHECK(find({{"bn.weight", DType::float32}, {"bn.scale", DType::float32}, {"bn.weight_scale", DType::float32}}).empty());
  CHECK(find({{"w", DType::uint8}, {"w.absmax", DType::float32}}).empty());
  CHECK(find({{"qweight", DType::float32}, {"scales", DType::float32}, {"qzeros", DType::float32}}).empty());
  CHECK(find({{"fc.weight_g", DType::float32}, {"fc.weight_v", DType::float32}}).empty());
  CHECK(find({}).empty());
}

TEST_CASE("an entry belongs to one packed weight at most") {
  // Two weights whose names differ by a suffix: `a` and `a.weight`.
  const auto found = find({{"e_blocks", DType::uint8},
                           {"e_scales", DType::uint8},
                           {"f_blocks", DType::uint8},
                           {"f_scales", DType::uint8},
                           {"f_bias", DType::bfloat16}});
  REQUIRE(found.size() == 2);
  CHECK(found[0].name == "e");
  CHECK(found[1].name == "f");
}

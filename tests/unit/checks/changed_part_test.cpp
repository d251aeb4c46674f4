// SPDX-License-Identifier: Apache-2.0
#include <catch.hpp>

#include <checks/tensors/changed_part.hpp>

#include <string>
#include <vector>

namespace goldseal {
namespace {

using Names = std::vector<std::string>;

const Names k_norms{"norm.weight", "norm.bias"};
const Names k_queries{"layers.0.q_proj.weight", "layers.1.q_proj.weight"};
const Names k_values{"layers.0.v_proj.weight", "layers.1.v_proj.weight"};
const Names k_biases{"layers.0.q_proj.bias", "layers.1.q_proj.bias"};

Names joined(std::initializer_list<Names> lists) {
  Names all;
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

}  // namespace

TEST_CASE("what was changed apart from the rest is told by the names") {
  CHECK(changed_part(joined({k_queries, k_values}), joined({k_norms, k_biases})) == "each q_proj.weight and v_proj.weight");
  CHECK(changed_part(k_biases, k_queries) == "each bias");
  CHECK(changed_part(k_norms, k_queries) == "all of norm");
  CHECK(changed_part(Names{"layers.2.a.weight", "layers.2.b.weight"}, Names{"layers.20.a.weight", "head.bias"}) == "all of layers.2");
}

TEST_CASE("changed names without anything in common are no part") {
  CHECK(changed_part(Names{"layers.0.q_proj.weight", "norm.bias"}, joined({k_values, Names{"layers.1.q_proj.weight"}})).empty());
  CHECK(changed_part(Names{"layers.0.q_proj.weight"}, k_values).empty());  // the name itself says it
  CHECK(changed_part(k_queries, {}).empty());
  CHECK(changed_part(Names{"w", "v"}, Names{"u"}).empty());
  CHECK(changed_part(Names{".", "..", "a."}, Names{"b"}).find('b') == std::string::npos);
}

}  // namespace goldseal

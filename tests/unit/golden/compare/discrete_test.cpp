// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/base/messages/error.hpp>
#include <goldseal/golden/compare/discrete.hpp>

using namespace goldseal;
using namespace goldseal::golden;

namespace {

HostTensor ids(std::vector<std::int64_t> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return make_tensor("ids", DType::int64, {count}, std::move(values));
}

}  // namespace

TEST_CASE("Elements that rounding decides are ignored, all others must be met") {
  StabilityProbe probe(ids({1, 2, 3, 4}));
  probe.add(ids({1, 2, 3, 4}));
  probe.add(ids({1, 9, 3, 4}));
  CHECK(probe.unstable() == 1);
  const auto stable = probe.stable();

  auto verdict = judge_discrete(ids({1, 7, 3, 4}), ids({1, 2, 3, 4}), stable);
  CHECK(verdict.pass);
  CHECK(verdict.judged == 3);
  CHECK(verdict.ignored == 1);

  verdict = judge_discrete(ids({1, 2, 5, 6}), ids({1, 2, 3, 4}), stable);
  CHECK_FALSE(verdict.pass);
  CHECK(verdict.differing == 2);
  CHECK(verdict.first.flat == 2);
  CHECK(verdict.first.found == 5);
  CHECK(verdict.first.expected == 3);
}

TEST_CASE("An output that mostly depends on rounding is warned of, one that does wholly is refused") {
  StabilityProbe clear(ids(std::vector<std::int64_t>(100, 0)));
  std::vector<std::int64_t> few(100, 0);
  few[0] = few[1] = few[2] = few[3] = few[4] = 1;
  clear.add(ids(few));
  CHECK(clear.objections().empty());
  few[5] = 1;
  clear.add(ids(few));
  REQUIRE(clear.objections().size() == 1);
  CHECK_FALSE(clear.objections()[0].refuse);

  StabilityProbe none(ids({1, 2}));
  none.add(ids({2, 1}));
  REQUIRE(none.objections().size() == 1);
  CHECK(none.objections()[0].refuse);
  StabilityProbe empty(ids({}));
  CHECK(empty.objections().empty());
}

TEST_CASE("A number of results that changes with rounding cannot be sealed") {
  StabilityProbe probe(ids({1, 2}));
  CHECK_THROWS_WITH(probe.add(ids({1})), Catch::Contains("found int64 [1]"));
}

TEST_CASE("The perturbation is the whole error of a sound machine") {
  CHECK(stability_perturbation(0) == 64 * 0x1p-24);
  CHECK(stability_perturbation(10) == 160 * 0x1p-24);
  CHECK(stability_perturbation(1e9) == 1024 * 0x1p-24);
}

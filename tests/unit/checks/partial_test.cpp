// SPDX-License-Identifier: Apache-2.0
// What was admitted is judged by three things: whether the answers depend on it, whether each build gives the same value,
// and whether that value is the sealed one. Kinds: a counter, a weight that answers do or do not depend on or that could not
// be tried, alike in each build or not or not tried, sealed with this or another value or not at all, left-out entries.
#include <catch.hpp>

#include <checks/keys/partial.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace goldseal {
namespace {

InitialObservation entry(std::string name, std::optional<bool> answers, std::optional<bool> repeatable,
                         std::optional<std::string_view> sealed = std::nullopt) {
  InitialObservation made;
  made.name = std::move(name);
  made.shape = {2};
  made.found = sha256("here");
  if (sealed) made.sealed = sha256(*sealed);
  made.answers = answers;
  made.repeatable = repeatable;
  return made;
}

Finding at(PartialAt where, InitialObservation one) {
  PartialFindings partial;
  partial.initial.push_back(std::move(one));
  partial.loaded = 3;
  return judge_partial(partial, where);
}

bool says(const Finding& finding, std::string_view part) { return finding.message.find(part) != std::string::npos; }

TEST_CASE("a capture admits what answers depend on only where each build gives the same value") {
  for (const auto answers : {std::optional(true), std::optional<bool>()}) {
    CHECK(at(PartialAt::capture, entry("head.weight", answers, false)).status == Status::fail);
    CHECK(at(PartialAt::capture, entry("head.weight", answers, std::nullopt)).status == Status::fail);
    CHECK(at(PartialAt::capture, entry("head.weight", answers, true)).status == Status::warn);
  }
  CHECK(says(at(PartialAt::capture, entry("head.weight", true, false)), "each build draws other values"));
  CHECK(says(at(PartialAt::capture, entry("head.weight", true, std::nullopt)), "the value that this model has"));
  CHECK(says(at(PartialAt::capture, entry("head.weight", true, true)), "the answers depend on 1 of them"));
}

TEST_CASE("what no golden answer depends on is admitted with a warning: nothing else vouches for it") {
  const auto repeatable = GENERATE(std::optional(true), std::optional(false), std::optional<bool>());
  const auto finding = at(PartialAt::capture, entry("aux.weight", false, repeatable));
  CHECK(finding.status == Status::warn);
  CHECK(says(finding, "no golden answer depends on them"));
  CHECK(at(PartialAt::verify, entry("aux.weight", false, std::nullopt, "elsewhere")).status == Status::warn);
}

TEST_CASE("at a verification what answers depend on has the sealed value, or fails") {
  for (const auto answers : {std::optional(true), std::optional<bool>()}) {
    CHECK(at(PartialAt::verify, entry("head.weight", answers, std::nullopt, "here")).status == Status::warn);
    const auto other = at(PartialAt::verify, entry("head.weight", answers, std::nullopt, "elsewhere"));
    CHECK(other.status == Status::fail);
    CHECK(says(other, "another value than the sealed one"));
    const auto unsealed = at(PartialAt::verify, entry("head.weight", answers, true));
    CHECK(unsealed.status == Status::fail);
    CHECK(says(unsealed, "a value that the seal says nothing of"));
  }
}

TEST_CASE("BatchNorm's counter is for training alone, whatever its value") {
  const auto answers = GENERATE(std::optional(true), std::optional(false), std::optional<bool>());
  for (const auto where : {PartialAt::capture, PartialAt::verify}) {
    const auto finding = at(where, entry("norm.num_batches_tracked", answers, false, "elsewhere"));
    CHECK(finding.status == Status::pass);
    CHECK(says(finding, "3 tensors were loaded, 1 were not"));
  }
}

TEST_CASE("one that fails is named among many, and what went nowhere is counted") {
  PartialFindings partial;
  partial.loaded = 7;
  for (int i = 0; i < 20; ++i) partial.initial.push_back(entry("aux." + std::to_string(i), false, true));
  partial.initial.push_back(entry("head.weight", true, false));
  partial.left_out = {"criterion.weight", "criterion.bias"};
  const auto finding = judge_partial(partial, PartialAt::capture);
  CHECK(finding.status == Status::fail);
  CHECK(says(finding, "head.weight is not loaded"));
  CHECK(says(finding, "21 were not"));
  CHECK(says(finding, "2 of the checkpoint went nowhere (criterion.weight"));
  partial.initial.clear();
  CHECK(judge_partial(partial, PartialAt::verify).status == Status::pass);
}

}  // namespace
}  // namespace goldseal

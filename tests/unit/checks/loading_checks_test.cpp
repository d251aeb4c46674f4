// SPDX-License-Identifier: Apache-2.0
#include <catch.hpp>

#include "checks/samples.hpp"

#include <checks/keys/tied_names.hpp>
#include <checks/model/loading.hpp>
#include <checks/model/state.hpp>

#include <cmath>
#include <vector>

namespace goldseal {
namespace {

using samples::conforming;
using samples::judge;
using samples::outcome;

Key named(std::string name, std::string alias_of = {}) {
  Key key{std::move(name), DType::float32, {2, 3}};
  key.alias_of = std::move(alias_of);
  return key;
}

OutsideRecord table(const std::string& values, double first = 1) {
  OutsideRecord record{"rotary.inv_freq", "buffer", "float32", {8}, sha256(values), true, {}};
  record.sketch = {first, 1, 1, 1, 1, 1, 1, 1, 1, 0};
  return record;
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_CASE("B02: names of one tensor that differ in the file are all named") {
  const std::vector<Key> network{named("a"), named("b", "a"), named("c", "b"), named("d")};
  const TensorDigests file{{"a", sha256("1")}, {"b", sha256("1")}, {"c", sha256("2")}, {"d", sha256("3")}};
  const auto finding = judge_ties(network, file);
  CHECK(finding.status == Status::fail);
  CHECK(holds(finding.message, "a, b and c are one tensor in the network and differ in the file"));
  CHECK(names_in_conflict(network, file) == std::set<std::string>{"a", "b", "c"});
}

TEST_CASE("B02: equal values, and one name alone, are fine") {
  const std::vector<Key> network{named("a"), named("b", "a")};
  CHECK(judge_ties(network, {{"a", sha256("1")}, {"b", sha256("1")}}).status == Status::pass);
  CHECK(judge_ties(network, {{"b", sha256("1")}}).status == Status::pass);
}

TEST_CASE("B02: a tie that differs fails, and is no damage") {
  auto observed = conforming();
  observed.run.network_keys->want[1].alias_of = "a.weight";
  (*observed.run.loaded_tensors)[0].sha256 = sha256("b");
  CHECK(judge("keys.tied", observed).status == Status::fail);
  CHECK(outcome(observed) == ExitCode::fails);
}

TEST_CASE("B03: what a load hook changes is named with the hook, and is no damage") {
  auto observed = conforming();
  (*observed.run.loaded_tensors)[0].sha256 = sha256("halved");
  observed.run.changed = {"a.weight"};
  observed.run.load_steps = {{"head", "load hook halve"}};
  const auto finding = judge("model.loading", observed);
  CHECK(finding.status == Status::fail);
  CHECK(holds(finding.message, "other values of a.weight than the file holds: load hook halve in head"));
  CHECK(outcome(observed) == ExitCode::fails);
}

TEST_CASE("B04: another extra state in the file or in the network fails by name") {
  auto observed = conforming();
  observed.sealed.model.extra_states = {{"a._extra_state", "dict", sha256("3")}};
  observed.files.extra_states = std::vector<ExtraStateRecord>{{"a._extra_state", "dict", sha256("3")}};
  observed.run.extra_states = observed.files.extra_states;
  CHECK(judge("tensors.extra_state", observed).status == Status::pass);
  (*observed.run.extra_states)[0].sha256 = sha256("1");
  CHECK(holds(judge("tensors.extra_state", observed).message, "a._extra_state is not the sealed one in the network"));
  observed.files.extra_states->clear();
  CHECK(judge("tensors.extra_state", observed).status == Status::fail);
  CHECK(outcome(observed) == ExitCode::fails);
}

OutsideRecord number(double value) {
  OutsideRecord record{"layers.1.rate", "number", "float64", {}, sha256(fmt::format("{}", value)), true, {}};
  record.sketch = {value, value, value, value, value, value, value, value, value, 0};
  return record;
}

TEST_CASE("B01: a number that was reckoned in float32 may have other last bits of it, and one that was written may not") {
  const float rate = 0.0333333351F;
  CHECK(distance(number(rate), number(std::nextafter(rate, 1.0F))) == StateDistance::rounding);
  CHECK(distance(number(rate), number(rate * 1.0001F)) == StateDistance::beyond);
  CHECK(distance(number(rate), number(-std::nextafter(rate, 1.0F))) == StateDistance::beyond);
  CHECK(distance(number(0.1), number(std::nextafter(0.1F, 1.0F))) == StateDistance::beyond);
  CHECK(distance(number(0.1), number(0.1 + 1e-8)) == StateDistance::beyond);
}

TEST_CASE("B01: the last bits are told from other values") {
  const auto sealed = table("sealed");
  CHECK(distance(sealed, table("sealed")) == StateDistance::equal);
  CHECK(distance(sealed, table("other", 1 + std::ldexp(1.0, -20))) == StateDistance::rounding);
  CHECK(distance(sealed, table("other", 1.5)) == StateDistance::beyond);
  auto wide = table("other", 1 + std::ldexp(1.0, -20));
  wide.dtype = "float64";
  auto narrow = sealed;
  narrow.dtype = "float64";
  CHECK(distance(narrow, wide) == StateDistance::beyond);
  auto broken = table("other");
  broken.sketch[9] = 1;
  CHECK(distance(sealed, broken) == StateDistance::beyond);
  auto whole = sealed;
  whole.sketch.clear();
  CHECK(distance(whole, table("other")) == StateDistance::beyond);
  auto shorter = table("sealed");
  shorter.shape = {shorter.shape.front() - 1};
  CHECK(distance(sealed, shorter) == StateDistance::beyond);
  shorter.remade = true;  // a forward pass gives it its size
  CHECK(distance(sealed, shorter) == StateDistance::size);
}

TEST_CASE("B01: garbage fails by its path, the last bits warn, and what no run reads is not judged") {
  auto observed = conforming();
  observed.sealed.model.outside = {table("sealed")};
  observed.run.outside = std::vector<OutsideRecord>{table("sealed")};
  CHECK(judge("model.state", observed).status == Status::pass);
  observed.run.outside = std::vector<OutsideRecord>{table("other", 1 + std::ldexp(1.0, -20))};
  CHECK(judge("model.state", observed).status == Status::warn);
  CHECK(outcome(observed) == ExitCode::conforms);
  observed.run.outside = std::vector<OutsideRecord>{table("garbage", 1e30)};
  const auto finding = judge("model.state", observed);
  CHECK(finding.status == Status::fail);
  CHECK(holds(finding.message, "rotary.inv_freq has other values than the sealed network: no state dict holds it"));
  CHECK(holds(finding.remedy, "to_empty"));
  observed.sealed.model.outside[0].read = false;
  CHECK(judge("model.state", observed).status == Status::skipped);
}

TEST_CASE("B01: two builds of one network that differ are named") {
  const std::vector<OutsideRecord> first{table("one")};
  CHECK(judge_builds(first, first).status == Status::pass);
  const std::vector<OutsideRecord> second{table("two", 7)};
  CHECK(holds(judge_builds(first, second).message, "rotary.inv_freq has other values in each process"));
}

TEST_CASE("B20: an output that was random and is the same in every run here fails") {
  auto observed = conforming();
  CHECK(judge("golden.random", observed).status == Status::skipped);
  observed.sealed.golden[0].random = {{"noise", DType::float32, {4}, ""}};
  observed.run.random = {{"default", "noise", true}};
  CHECK(judge("golden.random", observed).status == Status::warn);
  observed.run.random[0].varies = false;
  CHECK(judge("golden.random", observed).status == Status::fail);
  CHECK(outcome(observed) == ExitCode::fails);
}

}  // namespace
}  // namespace goldseal

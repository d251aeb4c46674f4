// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/environment/probe/guarded_probe.hpp>

#include <unistd.h>

#include <csignal>
#include <stdexcept>

using namespace goldseal;  // NOLINT: a test file
using namespace std::chrono_literals;

namespace {

struct Outcome {
  Environment facts;
  std::string problem;
  std::chrono::duration<double> took{};
};

Outcome run(const std::function<void(const FactSink&)>& gather, std::chrono::milliseconds limit = 5s) {
  Outcome outcome;
  const auto began = std::chrono::steady_clock::now();
  GuardedProbe probe(gather);
  outcome.problem = probe.collect(began + limit, [&](std::string name, FactValue value, std::string origin) {
    outcome.facts.set(std::move(name), std::move(value), std::move(origin));
  });
  outcome.took = std::chrono::steady_clock::now() - began;
  return outcome;
}

}  // namespace

TEST_CASE("facts of every type come back from the child as they were") {
  const auto outcome = run([](const FactSink& fact) {
    fact("a", true, "f");
    fact("b", std::int64_t{1} << 40, "f");
    fact("c", 1.5, "f");
    fact("d", std::string("text \"with\"\nlines"), "f");
    fact("e", std::vector<std::string>{"x", "y"}, "origin");
  });
  CHECK(outcome.problem.empty());
  CHECK(outcome.facts.boolean("a") == true);
  CHECK(outcome.facts.integer("b") == std::int64_t{1} << 40);
  CHECK(outcome.facts.find("c")->value == FactValue(1.5));
  CHECK(outcome.facts.text("d") == "text \"with\"\nlines");
  CHECK(outcome.facts.list("e") == std::vector<std::string>{"x", "y"});
  CHECK(outcome.facts.find("e")->origin == "origin");
}

TEST_CASE("a child that hangs costs its deadline, and what it said before is kept") {
  const auto outcome = run(
      [](const FactSink& fact) {
        fact("before", true, "");
        for (;;) ::pause();
      },
      100ms);
  CHECK(outcome.facts.boolean("before") == true);
  CHECK(outcome.problem == "no answer within 0.1 s");
  CHECK(outcome.took < 30s);
}

TEST_CASE("a child that crashes is told from one that throws") {
  const auto crashed = run([](const FactSink& fact) {
    fact("before", true, "");
    ::raise(SIGKILL);
  });
  CHECK(crashed.problem == "crashed (signal 9, Killed)");
  CHECK(crashed.facts.has("before"));
  const auto threw = run([](const FactSink&) { throw std::runtime_error("no luck"); });
  CHECK(threw.problem == "no luck");
}

TEST_CASE("a child that floods is cut off") {
  const auto outcome = run(
      [](const FactSink& fact) {
        for (;;) fact("flood", std::string(10000, 'x'), "");
      },
      120s);  // long behind the bound below: what ends it is how much it says
  CHECK_FALSE(outcome.problem.empty());
  CHECK(outcome.took < 30s);
}

TEST_CASE("a child holds none of the caller's files open while it hangs") {
  int ends[2] = {-1, -1};  // NOLINT: pipe(2) takes an array
  REQUIRE(::pipe(ends) == 0);
  GuardedProbe probe([](const FactSink& fact) {
    fact("ready", true, "");
    for (;;) ::pause();
  });
  // The child closes its copies before it runs the probe, so its first fact shows that it is past that.
  const auto problem = probe.collect(std::chrono::steady_clock::now() + 200ms, [](auto, auto, auto) {});
  ::close(ends[1]);
  char byte = 0;
  CHECK(::read(ends[0], &byte, 1) == 0);
  ::close(ends[0]);
  CHECK(problem.starts_with("no answer"));
}

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/error.hpp>
#include <goldseal/worker/worker.hpp>

#include <fmt/format.h>
#include <catch.hpp>

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

namespace goldseal {
namespace {

using namespace std::chrono_literals;

Runtime fake_runtime() { return {"libtorch", "", "fake", "", FAKE_WORKER_PROGRAM}; }

RunRequest some_run() {
  RunRequest request;
  request.inputs = "in";
  request.outputs = "out";
  return request;
}

class Behaviour {
 public:
  Behaviour(const std::string& what, const std::string& stage) {
    ::setenv("FAKE_WORKER", what.c_str(), 1);
    ::setenv("FAKE_WORKER_STAGE", stage.c_str(), 1);
  }
  ~Behaviour() {
    ::unsetenv("FAKE_WORKER");
    ::unsetenv("FAKE_WORKER_STAGE");
  }
};

struct Outcome {
  std::optional<WorkerFailure> failure;
  std::string message;
  std::chrono::milliseconds took{};
};

// Greets a fake and asks it to run; what goes wrong is the outcome.
Outcome provoke(const std::string& what, const std::string& stage, std::chrono::milliseconds limit = 20s) {
  const Behaviour behaviour(what, stage);
  const auto began = std::chrono::steady_clock::now();
  Outcome outcome;
  {
    std::optional<Worker> worker;
    try {
      worker.emplace(fake_runtime(), limit);
      worker->run(some_run());
    } catch (const Error& error) {
      outcome.message = error.what();
      if (worker) outcome.failure = worker->failure();
    }
  }
  outcome.took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
  return outcome;
}

int open_descriptors() {
  int count = 0;
  DIR* const directory = ::opendir("/proc/self/fd");
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

bool has_children() {
  std::ifstream list("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  int pid = 0;
  return static_cast<bool>(list >> pid);
}

bool is_alive(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  return std::getline(status, text) && text.find(") Z ") == std::string::npos;
}

TEST_CASE("a well-behaved worker greets, runs and leaves; progress notes are skipped") {
  Worker worker(fake_runtime(), 20s);
  CHECK(worker.hello().runtime == "fake");
  CHECK(worker.run(some_run()).seconds == 0.5);
  CHECK_NOTHROW(worker.finish());
}

TEST_CASE("a worker inherits no descriptor but standard streams and its channel") {
  Worker worker(fake_runtime(), 20s);
  CHECK(worker.hello().version == "0");
}

TEST_CASE("a worker that dies of a signal is a crash that names it") {
  const auto number = GENERATE(SIGSEGV, SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGKILL);
  const auto outcome = provoke("signal-" + std::to_string(number), "run");
  REQUIRE(outcome.failure);
  CHECK(outcome.failure->kind == WorkerFailure::Kind::crashed);
  CHECK(outcome.failure->stage == "run");
  CHECK(outcome.message.find("SIG" + std::string(::sigabbrev_np(number))) != std::string::npos);
}

TEST_CASE("a worker that leaves without an answer is a crash, its last words kept") {
  CHECK(provoke("exit-0", "run").failure->kind == WorkerFailure::Kind::crashed);
  const auto outcome = provoke("exit-3", "run");
  CHECK(outcome.message.find("exit code 3") != std::string::npos);
  CHECK(outcome.failure->last_output == "last words\n");
}

TEST_CASE("a worker that hangs is ended at its deadline") {
  const auto what = GENERATE("hang", "hang-ignoring-term", "close-channel");
  const auto outcome = provoke(what, "run", 400ms);
  CHECK_FALSE(outcome.message.empty());
  CHECK(outcome.took < 30s);
  if (std::string(what) != "close-channel") CHECK(outcome.failure->kind == WorkerFailure::Kind::hung);
}

TEST_CASE("a worker that floods a stream is ended and named") {
  CHECK(provoke("flood-stdout", "run").failure->kind == WorkerFailure::Kind::flooded);
  CHECK(provoke("flood-stderr", "run").failure->kind == WorkerFailure::Kind::flooded);
  CHECK(provoke("flood-protocol", "run").failure->kind == WorkerFailure::Kind::violated);
}

TEST_CASE("a worker that lies or babbles breaks the protocol") {
  const auto what = GENERATE("garbage", "deep-message", "wrong-nonce", "wrong-id", "no-ok");
  const auto outcome = provoke(what, "run");
  REQUIRE(outcome.failure);
  CHECK(outcome.failure->kind == WorkerFailure::Kind::violated);
}

TEST_CASE("a reply without its members is an error, not a result") {
  CHECK_FALSE(provoke("missing-members", "run").message.empty());
}

TEST_CASE("half a message is a crash") {
  CHECK(provoke("half-message", "run").failure->kind == WorkerFailure::Kind::crashed);
}

TEST_CASE("what PyTorch raises is passed on in its own words, and the worker lives") {
  const auto outcome = provoke("raise", "run");
  CHECK(outcome.failure->kind == WorkerFailure::Kind::raised);
  CHECK(outcome.message.find("no kernel image") != std::string::npos);
}

TEST_CASE("every misbehaviour before the greeting is an error too") {
  const auto what =
      GENERATE("exit-0", "garbage", "half-message", "wrong-nonce", "missing-members", "signal-11", "exhaust-memory");
  CHECK_FALSE(provoke(what, "hello").message.empty());
}

TEST_CASE("a grandchild does not outlive the worker, also one that left its session") {
  const auto what = GENERATE("grandchild", "setsid-grandchild", "setsid-grandchild-and-hang");
  const auto pids = std::filesystem::path("/dev/shm") / fmt::format("goldseal-test-{}", ::getpid());  // writable to all
  ::setenv("FAKE_WORKER_PIDS", pids.c_str(), 1);
  const auto outcome = provoke(what, "run", 800ms);
  ::unsetenv("FAKE_WORKER_PIDS");
  CHECK_FALSE(outcome.message.empty());
  CHECK(outcome.took < 30s);
  int pid = 0;
  std::ifstream list(pids);
  REQUIRE(list >> pid);
  std::filesystem::remove(pids);
  CHECK_FALSE(is_alive(pid));
}

TEST_CASE("a model's code reaches neither the network nor files outside its directory, and can be let to") {
  const auto confinement = GENERATE(Confinement::sandbox, Confinement::none);
  const TemporaryDirectory outside;
  std::ofstream(outside.path() / "kept") << "something";
  ::setenv("FAKE_WORKER_OUTSIDE", outside.path().c_str(), 1);
  const Behaviour behaviour("trespass", "run");
  Worker worker(fake_runtime(), 20s, std::nullopt, confinement);
  const auto reply = worker.run(some_run());
  ::unsetenv("FAKE_WORKER_OUTSIDE");
  const auto done = [&](const std::string& what) {
    return std::ranges::find(reply.outputs, what, &RunOutput::name)->dtype == "done";
  };
  CHECK(done("write inside"));
  CHECK(done("local socket"));
  CHECK(done("name a thread"));
  if (confinement == Confinement::none) {
    CHECK(worker.sandbox() == "none");
    CHECK(done("write outside"));
    CHECK(done("internet"));
    return;
  }
  // Only what the kernel can do is promised.
  const bool writes = worker.sandbox().find("writes only") != std::string::npos;
  const bool network = worker.sandbox().find("no network") != std::string::npos;
  CHECK(done("write outside") == !writes);
  CHECK(done("truncate") == !writes);
  CHECK(done("remove") == !writes);
  CHECK(done("read outside") == writes);
  CHECK(done("internet") == !network);
  CHECK(done("internet 6") == !network);
}

TEST_CASE("a program that cannot be started is an error with the command that builds one") {
  auto runtime = fake_runtime();
  runtime.worker = "/nowhere/worker";
  try {
    Worker worker(runtime, 1s);
    FAIL("started");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::worker);
    CHECK(error.remedy().find("goldseal runtime build") != std::string::npos);
  }
}

TEST_CASE("a thousand runs leak no descriptor, no child and no directory") {
  const auto before = open_descriptors();
  for (int i = 0; i < 1000; ++i) {
    Worker worker(fake_runtime(), 20s);
    if (i % 2 == 0) worker.finish();
  }
  CHECK(open_descriptors() == before);
  CHECK_FALSE(has_children());
}

}  // namespace
}  // namespace goldseal

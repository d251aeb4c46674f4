// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/messages/error.hpp>
#include <goldseal/worker/worker.hpp>

#include <fmt/format.h>
#include <catch.hpp>

#include <dirent.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
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

Runtime fake_runtime() { return {.kind = RuntimeKind::libtorch, .version = "fake", .worker = FAKE_WORKER_PROGRAM}; }

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

TEST_CASE("a worker of another goldseal is this installation's fault, not the model's") {
  const auto what = GENERATE("speak-protocol-1", "greet-as-protocol-9", "greet-without-number");
  const Behaviour behaviour(what, "hello");
  try {
    const Worker worker(fake_runtime(), 20s);
    FAIL("it was greeted");
  } catch (const Error& error) {
    CAPTURE(error.what());
    CHECK(error.kind() == ErrorKind::io);  // exit code 2, from verify too
    CHECK(error.message().find("one of another") != std::string::npos);
    CHECK(error.remedy().find("runtime build") != std::string::npos);
  }
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

class Sleeper {
 public:
  Sleeper() : m_pid(::fork()) {
    if (m_pid == 0) {
      ::setsid();
      for (;;) ::pause();
    }
  }
  ~Sleeper() {
    ::kill(m_pid, SIGKILL);
    ::waitpid(m_pid, nullptr, 0);
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  [[nodiscard]] bool lives() const { return is_alive(m_pid); }

 private:
  int m_pid;
};

TEST_CASE("A3: children that the program had, and those that it starts meanwhile, outlive every worker") {
  const auto what = GENERATE("exit-0", "setsid-grandchild", "hang");
  const Sleeper before;
  const Behaviour behaviour(what, "run");
  std::optional<Sleeper> meanwhile;
  {
    Worker worker(fake_runtime(), 400ms);
    meanwhile.emplace();
    CHECK_THROWS_AS(worker.run(some_run()), Error);
  }
  CHECK(before.lives());
  CHECK(meanwhile->lives());
}

TEST_CASE("A3: the calling process stays as it was: it adopts no orphans, and its signal handlers are its own") {
  int adopts = -1;
  struct sigaction child {};
  {
    Worker worker(fake_runtime(), 20s);
    CHECK(::prctl(PR_GET_CHILD_SUBREAPER, &adopts) == 0);
    CHECK(::sigaction(SIGCHLD, nullptr, &child) == 0);
  }
  CHECK(adopts == 0);
  CHECK(child.sa_handler == SIG_DFL);
}

TEST_CASE("A21: a crash is told with its signal where the program ignores SIGCHLD, or another part of it reaps") {
  ::signal(SIGCHLD, SIG_IGN);
  const auto outcome = provoke("signal-11", "run");
  ::signal(SIGCHLD, SIG_DFL);
  REQUIRE(outcome.failure);
  CHECK(outcome.message.find("SIGSEGV") != std::string::npos);
}

TEST_CASE("nothing outlives a worker that ends its keeper, or leaves a program without environment") {
  const auto what = GENERATE("end-keeper", "forget-environment");
  const auto confinement = GENERATE(Confinement::sandbox, Confinement::none);
  const auto pids = std::filesystem::path("/dev/shm") / fmt::format("goldseal-test-{}", ::getpid());
  ::setenv("FAKE_WORKER_PIDS", pids.c_str(), 1);
  {
    const Behaviour behaviour(what, "run");
    Worker worker(fake_runtime(), 2s, std::nullopt, confinement);
    CHECK_THROWS_AS(worker.run(some_run()), Error);
  }
  ::unsetenv("FAKE_WORKER_PIDS");
  int pid = 0;
  std::ifstream list(pids);
  REQUIRE(list >> pid);
  std::filesystem::remove(pids);
  std::this_thread::sleep_for(50ms);
  CHECK_FALSE(is_alive(pid));
}

// What a sandboxed model's attempts came to.
struct Attempts {
  std::vector<RunOutput> outputs;
  [[nodiscard]] bool done(const std::string& what) const {
    const auto tried = [&](const RunOutput& output) { return output.name.starts_with(what + '='); };
    const auto found = std::ranges::find_if(outputs, tried);
    REQUIRE(found != outputs.end());
    return found->name == what + "=done";
  }
};

int listen_at(const std::filesystem::path& path, int type) {
  const int listener = ::socket(AF_UNIX, type, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(path.string(), address.sun_path);
  REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::listen(listener, 4);
  return listener;
}

TEST_CASE("A19, faults 14: a model's code reaches neither network nor files outside its directory, and can be let to") {
  const auto confinement = GENERATE(Confinement::sandbox, Confinement::none);
  const TemporaryDirectory outside;
  std::ofstream(outside.path() / "kept") << "something";
  const int listener = listen_at(outside.path() / "socket", SOCK_STREAM);
  const auto before = std::filesystem::last_write_time(outside.path() / "kept");
  ::setenv("FAKE_WORKER_OUTSIDE", outside.path().c_str(), 1);
  const Behaviour behaviour("trespass", "run");
  Worker worker(fake_runtime(), 20s, std::nullopt, confinement);
  const Attempts tried{worker.run(some_run()).outputs};
  ::unsetenv("FAKE_WORKER_OUTSIDE");
  ::close(listener);
  for (const auto* const needed :
       {"write inside", "local socket", "name a thread", "write to null", "read random", "share memory"}) {
    INFO(needed);
    CHECK(tried.done(needed));
  }
  if (confinement == Confinement::none) {
    CHECK(worker.sandbox() == "none");
    for (const auto* const open : {"write outside", "internet", "connect", "chmod", "fchmod", "utimensat", "chown",
                                   "datagram pair", "signal the parent"}) {
      INFO(open);
      CHECK(tried.done(open));
    }
    return;
  }
  // Only what the kernel can do is promised.
  const auto level = worker.sandbox();
  const bool writes = level.find("writes only") != std::string::npos;
  const bool calls = level.find("no network, no other program's sockets") != std::string::npos;
  for (const auto* const closed :
       {"write outside", "truncate", "remove", "make a file in /dev", "open a device", "mount"}) {
    INFO(closed);
    CHECK(tried.done(closed) == !writes);
  }
  for (const auto* const closed : {"internet", "internet 6", "connect", "connect packets", "datagrams", "datagram pair",
                                   "chmod", "fchmod", "fchmodat2", "utimensat", "futimens", "chown", "fchown", "lchown",
                                   "setxattr", "fsetxattr", "chattr", "limit the parent", "network settings"}) {
    INFO(closed);
    CHECK(tried.done(closed) == !calls);
  }
  CHECK(tried.done("read outside") == writes);
  if (calls) CHECK(std::filesystem::last_write_time(outside.path() / "kept") == before);
  // Linux 6.12: the sandbox has a scope of its own for signals.
  const auto version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  CHECK(tried.done("signal the parent") == (version < 6));
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

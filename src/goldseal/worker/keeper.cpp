// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/keeper.hpp>

#include <goldseal/base/running/descriptor_range.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <thread>

namespace goldseal {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr long k_pause_ns = 1'000'000;
// Of a thousandth of a second: a killed process that is not gone by then sits in the kernel, and no wait helps.
constexpr int k_most_rounds = 4000;
constexpr int k_marked_rounds = 20;

// The keeper was forked from a program with threads and never calls exec: it may use nothing but system calls, and no
// memory but its stack.
void close_all_but(int descriptor) {
  if (descriptor > 0) close_descriptors(0, static_cast<unsigned>(descriptor - 1), Closing::now);
  close_descriptors(static_cast<unsigned>(descriptor + 1), ~0U, Closing::now);
}

int kill_number(const char*& at, const char* end) {
  int pid = 0;
  for (; at < end && *at >= '0' && *at <= '9'; ++at) pid = 10 * pid + (*at - '0');
  if (pid > 1) ::kill(pid, SIGKILL);
  return pid;
}

// The keeper has one thread. Without /proc the worker's group is all that can be named.
void kill_children(pid_t worker) {
  ::kill(-worker, SIGKILL);
  const int list = ::open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  if (list < 0) return;
  std::array<char, 4096> text;
  const auto count = ::read(list, text.data(), text.size());
  ::close(list);
  if (count <= 0) return;
  const char* end = text.data() + count;
  // A number that was cut off would be another process's.
  while (end > text.data() && *(end - 1) != ' ' && count == static_cast<ssize_t>(text.size())) --end;
  for (const char* at = text.data(); at < end; ++at) kill_number(at, end);
}

// True while there are children.
bool reap_all(pid_t worker, int leash, bool& told) {
  for (;;) {
    int status = 0;
    const auto pid = ::waitpid(-1, &status, WNOHANG);
    if (pid == worker && !told) {
      told = true;
      static_cast<void>(::send(leash, &status, sizeof status, MSG_NOSIGNAL));
    }
    if (pid == 0) return true;
    if (pid < 0 && errno != EINTR) return false;
  }
}

void wait_for_end(pid_t worker, int leash, int signals, bool& told) {
  while (!told) {
    std::array<pollfd, 2> polled{{{leash, POLLIN, 0}, {signals, POLLIN, 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
    if (polled[0].revents != 0) return;  // nothing is ever sent: the other end was closed
    signalfd_siginfo ignored;
    while (::read(signals, &ignored, sizeof ignored) > 0) {
    }
    reap_all(worker, leash, told);
  }
}

[[noreturn]] void keep(pid_t worker, int leash) {
  ::prctl(PR_SET_NAME, "goldseal-keeper");
  static_cast<void>(::chdir("/"));
  close_all_but(leash);
  sigset_t child_signal;
  ::sigemptyset(&child_signal);
  ::sigaddset(&child_signal, SIGCHLD);
  const int signals = ::signalfd(-1, &child_signal, SFD_NONBLOCK | SFD_CLOEXEC);
  bool told = false;
  // The worker may have ended before the descriptor was there.
  reap_all(worker, leash, told);
  wait_for_end(worker, leash, signals, told);
  // A process that forks while it is killed makes new ones: as many rounds as it takes, within the limit.
  for (int round = 0; round < k_most_rounds; ++round) {
    kill_children(worker);
    if (!reap_all(worker, leash, told)) break;
    const timespec pause{0, k_pause_ns};
    ::nanosleep(&pause, nullptr);
  }
  ::_exit(0);
}

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

bool is_readable(int descriptor, Clock::time_point deadline) {
  for (;;) {
    pollfd polled{descriptor, POLLIN, 0};
    const int ready = ::poll(&polled, 1, milliseconds_until(deadline));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

// True at the end of the stream, which is the keeper's own.
bool read_to_end(int leash, Clock::time_point deadline, std::optional<int>& status) {
  while (is_readable(leash, deadline)) {
    int told = 0;
    const auto count = ::recv(leash, &told, sizeof told, 0);
    if (count == static_cast<ssize_t>(sizeof told)) status = told;
    if (count == 0) return true;
    if (count < 0 && errno != EINTR && errno != EAGAIN) return true;
  }
  return false;
}

// Where the caller's program ignores SIGCHLD, or waits for children of its own, there is nothing left to reap.
void reap(pid_t pid, Clock::time_point deadline) {
  while (::waitpid(pid, nullptr, WNOHANG) == 0 && Clock::now() < deadline) std::this_thread::sleep_for(200us);
}

bool holds(const std::filesystem::path& environ, const std::string& variable) {
  std::ifstream stream(environ, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const auto found = ('\0' + text).find('\0' + variable + '\0');
  return found != std::string::npos;
}

int kill_once(const std::string& variable) {
  int killed = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const auto name = entry.path().filename().string();
    int pid = 0;
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (failed != std::errc{} || end != name.data() + name.size() || pid == ::getpid()) continue;
    if (holds(entry.path() / "environ", variable)) killed += ::kill(pid, SIGKILL) == 0 ? 1 : 0;
  }
  return killed;
}

}  // namespace

pid_t split_off_keeper(int leash) noexcept {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  // The handlers of the program that this was forked from must not run here.
  ::sigprocmask(SIG_SETMASK, &all, &before);
  ::signal(SIGCHLD, SIG_DFL);  // ignored, it would leave no status to read
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 || ::setpgid(0, 0) != 0) return -1;
  const pid_t keeper = ::getpid();
  const auto worker = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  if (worker < 0) return -1;
  if (worker > 0) keep(worker, leash);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return -1;
  if (::getppid() != keeper) ::_exit(127);  // it died before the line above
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  return keeper;
}

KeptEnding end_kept(pid_t keeper, int leash, std::chrono::milliseconds grace, std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  static_cast<void>(is_readable(leash, Clock::now() + grace));
  ::shutdown(leash, SHUT_WR);
  KeptEnding ending;
  const bool gone = read_to_end(leash, deadline, ending.status);
  ending.keeper_told = gone && ending.status.has_value();
  ::close(leash);
  if (!gone) ::kill(keeper, SIGKILL);  // stopped, or stuck: its end is the worker's too
  reap(keeper, gone ? Clock::now() + 1s : Clock::now() + limit);
  return ending;
}

void kill_marked(const std::string& variable) {
  for (int round = 0; round < k_marked_rounds && kill_once(variable) > 0; ++round) std::this_thread::sleep_for(1ms);
}

}  // namespace goldseal

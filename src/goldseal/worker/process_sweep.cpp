// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/process_sweep.hpp>

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

namespace goldseal {
namespace {

using namespace std::chrono_literals;

constexpr auto k_reap_limit = 5s;  // a killed process that is not gone by then sits in the kernel, and no wait helps

Ending to_ending(int status) {
  if (WIFSIGNALED(status)) return {0, WTERMSIG(status)};
  return {WEXITSTATUS(status), 0};
}

// Waits for one child without blocking for ever.
std::optional<Ending> reap(int pid, Deadline deadline) {
  for (auto pause = 200us;; pause = std::min<std::chrono::microseconds>(pause * 2, 20ms)) {
    int status = 0;
    const auto result = ::waitpid(pid, &status, WNOHANG);
    if (result == pid) return to_ending(status);
    if (result < 0 && errno != EINTR) return Ending{};
    if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(pause);
  }
}

// Workers are started and ended by one thread.
std::set<int>& at_work() {
  static std::set<int> pids;
  return pids;
}

// But for workers at work.
std::set<int> orphans() {
  std::set<int> pids;
  std::error_code error;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", error)) {
    std::ifstream list(thread.path() / "children");
    for (int pid = 0; list >> pid;) {
      if (!at_work().contains(pid)) pids.insert(pid);
    }
  }
  return pids;
}

// goldseal starts nothing but workers, so whatever is left as a child came from one. A process that forks while it is
// killed makes new ones: as many rounds as it takes, within the limit.
void sweep_orphans(Deadline deadline) {
  for (auto left = orphans(); !left.empty() && std::chrono::steady_clock::now() < deadline; left = orphans()) {
    for (const int pid : left) ::kill(pid, SIGKILL);
    for (const int pid : left) static_cast<void>(reap(pid, deadline));
  }
}

}  // namespace

void become_subreaper() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

void note_started(int pid) { at_work().insert(pid); }

Ending kill_and_reap(int pid) {
  at_work().erase(pid);
  const auto deadline = std::chrono::steady_clock::now() + k_reap_limit;
  // One that has just said good-bye is about to leave by itself; its own exit code is worth a moment.
  auto ending = reap(pid, std::chrono::steady_clock::now() + 50ms);
  ::kill(-pid, SIGKILL);
  ::kill(pid, ending ? 0 : SIGKILL);
  if (!ending) ending = reap(pid, deadline);
  sweep_orphans(deadline);
  return ending.value_or(Ending{0, SIGKILL});
}

}  // namespace goldseal

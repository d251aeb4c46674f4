// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/running/interrupt.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/running/mapping_guard.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace goldseal {
namespace {

// A signal handler can reach nothing but statics.
std::atomic<int> g_signal{0};
int g_descriptor = -1;

extern "C" void goldseal_note_signal(int signal) {
  const int saved = errno;
  g_signal = signal;
  const std::uint64_t one = 1;
  if (::write(g_descriptor, &one, sizeof(one)) < 0) errno = saved;
  errno = saved;
}

// Each would end the process: what it has half-written is removed first. Besides those of a terminal and of supervisors,
// batch systems warn with USR1, USR2 and XCPU, and some containers are stopped by QUIT.
constexpr std::array k_requests{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU};

// What the parent had ignored (nohup, a shell's jobs in the background) stays ignored.
void note(int signal) {
  struct sigaction action {};
  if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) return;
  action = {};
  action.sa_handler = goldseal_note_signal;
  ::sigaction(signal, &action, nullptr);
}

// A parent's thread that had them blocked hands that on, and nobody could stop this run.
void hear_again() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : k_requests) ::sigaddset(&signals, signal);
  for (const int signal : {SIGCHLD, SIGBUS, SIGPIPE, SIGXFSZ}) ::sigaddset(&signals, signal);
  ::sigprocmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace

void catch_interrupts() {
  g_descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  for (const int signal : k_requests) note(signal);
  hear_again();
  struct sigaction action {};
  action.sa_handler = SIG_IGN;
  for (const int signal : {SIGPIPE, SIGXFSZ}) ::sigaction(signal, &action, nullptr);
  action.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &action, nullptr);
}

int interrupting_signal() { return g_signal; }
int interrupt_descriptor() { return g_descriptor; }

void throw_if_interrupted() {
  if (g_signal != 0) throw Error(ErrorKind::interrupted, "", "stopped on request before it was done");
  throw_if_cut();
}

void end_by_signal() {
  const int signal = g_signal == 0 ? SIGTERM : g_signal.load();
  ::signal(signal, SIG_DFL);
  ::raise(signal);
  std::abort();
}

}  // namespace goldseal

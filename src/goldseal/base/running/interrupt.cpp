// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/running/interrupt.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/running/mapping_guard.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

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

}  // namespace

void catch_interrupts() {
  g_descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct sigaction action {};
  action.sa_handler = goldseal_note_signal;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
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

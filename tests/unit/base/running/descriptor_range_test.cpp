// SPDX-License-Identifier: Apache-2.0
// Kinds tried: a kernel that closes a range and one that does not know how (a filter answers ENOSYS), closing now and at
// exec, a range with holes, with thousands, with an upper and a lower end, empty, and the last number.
#include <goldseal/base/running/descriptor_range.hpp>

#include <catch.hpp>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <vector>

namespace goldseal {
namespace {

// This process's kernel no longer knows close_range.
bool forget_close_range() {
  std::array code{
      sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_close_range},
      sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS},
      sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 &&
         ::syscall(SYS_close_range, 900'000U, 900'000U, 0U) != 0 && errno == ENOSYS;
}

// In a child, whose descriptors are its own. True where it said so.
bool holds_in_child(const std::function<bool()>& proves) {
  const auto child = ::fork();
  if (child == 0) ::_exit(proves() ? 0 : 1);
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) >= 0; }

bool closes(Closing closing, int count) {
  const rlimit enough{8192, 8192};
  ::setrlimit(RLIMIT_NOFILE, &enough);
  std::vector<int> opened;
  const int null = ::open("/dev/null", O_RDONLY);
  for (int i = 0; i < count; ++i) opened.push_back(::fcntl(null, F_DUPFD, 100 + 3 * i));
  const auto first = static_cast<unsigned>(opened[1]);
  const auto last = static_cast<unsigned>(opened[opened.size() - 2]);
  close_descriptors(last, first, closing);  // none lies between
  if (!is_open(opened[1])) return false;
  close_descriptors(first, last, closing);
  for (std::size_t i = 0; i < opened.size(); ++i) {
    const bool within = i > 0 && i + 1 < opened.size();
    const int flags = ::fcntl(opened[i], F_GETFD);
    if (closing == Closing::now ? (flags < 0) != within : (flags == FD_CLOEXEC) != within) return false;
  }
  close_descriptors(static_cast<unsigned>(null + 1), ~0U, Closing::now);
  return is_open(null) && !is_open(opened.front()) && !is_open(opened.back());
}

TEST_CASE("A child holds no descriptor that it was not given, on kernels without close_range too") {
  for (const int count : {4, 2000}) {
    for (const auto closing : {Closing::now, Closing::at_exec}) {
      CAPTURE(count);
      CHECK(holds_in_child([&] { return closes(closing, count); }));
      CHECK(holds_in_child([&] { return forget_close_range() && closes(closing, count); }));
    }
  }
}

}  // namespace
}  // namespace goldseal

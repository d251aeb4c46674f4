// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/running/memory_guard.hpp>

#include <catch.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <exception>
#include <limits>
#include <new>
#include <string>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GOLDSEAL_UNDER_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define GOLDSEAL_UNDER_ASAN 1
#endif

namespace goldseal {
namespace {

struct End {
  int status;
  std::string said;
};

// What a process of its own leaves on standard error, and how it ends.
template <typename Work>
End end_of(Work work) {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  const auto child = ::fork();
  if (child == 0) {
    for (const int number : {SIGABRT, SIGSEGV}) ::signal(number, SIG_DFL);  // Catch2 listens to them
    ::dup2(pipe[1], STDERR_FILENO);
    work();
    ::_exit(0);
  }
  ::close(pipe[1]);
  std::string said;
  std::array<char, 256> bytes{};
  for (auto count = ::read(pipe[0], bytes.data(), bytes.size()); count > 0; count = ::read(pipe[0], bytes.data(), bytes.size()))
    said.append(bytes.data(), static_cast<std::size_t>(count));
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return {status, said};
}

#ifndef GOLDSEAL_UNDER_ASAN  // whose operator new ends the process itself
// As the standard library's functions are that may not throw and do allocate.
void allocate_without_a_way_out() noexcept {
  volatile std::size_t more = std::numeric_limits<std::ptrdiff_t>::max() / 2;
  ::operator delete(::operator new(more));
}

TEST_CASE("memory that ends where nothing can be caught is told, without a crash") {
  const auto end = end_of([] {
    tell_end_of_memory(2);
    allocate_without_a_way_out();
  });
  REQUIRE(WIFEXITED(end.status));
  CHECK(WEXITSTATUS(end.status) == 2);
  CHECK(end.said == "error: out of memory\n");
}

TEST_CASE("memory that ends where it is caught ends nothing") {
  const auto end = end_of([] {
    tell_end_of_memory(2);
    try {
      volatile std::size_t more = std::numeric_limits<std::ptrdiff_t>::max() / 2;
      ::operator delete(::operator new(more));
    } catch (const std::bad_alloc&) {
      ::_exit(7);
    }
  });
  REQUIRE(WIFEXITED(end.status));
  CHECK(WEXITSTATUS(end.status) == 7);
}
#endif

TEST_CASE("another end by std::terminate stays a crash") {
  const auto end = end_of([] {
    tell_end_of_memory(2);
    std::terminate();
  });
  CHECK(WIFSIGNALED(end.status));
  CHECK(WTERMSIG(end.status) == SIGABRT);
}

}  // namespace
}  // namespace goldseal

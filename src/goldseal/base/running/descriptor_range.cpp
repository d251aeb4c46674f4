// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/running/descriptor_range.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace goldseal {
namespace {

constexpr unsigned k_close_range_cloexec = 1U << 2U;  // CLOSE_RANGE_CLOEXEC of linux/close_range.h, which older headers lack
// A table of descriptors of this size is what systemd gives at most; beyond it a limit means "any number".
constexpr rlim_t k_most_numbers = 1U << 20U;

void close_one(unsigned descriptor, Closing closing) noexcept {
  const auto number = static_cast<int>(descriptor);
  if (closing == Closing::now) {
    ::close(number);
  } else if (const int flags = ::fcntl(number, F_GETFD); flags >= 0) {
    ::fcntl(number, F_SETFD, flags | FD_CLOEXEC);
  }
}

// The number that a name of /proc/self/fd is; false for `.` and `..`.
bool read_number(const char* name, unsigned& number) noexcept {
  number = 0;
  if (*name == '\0') return false;
  for (; *name != '\0'; ++name) {
    if (*name < '0' || *name > '9') return false;
    number = 10 * number + static_cast<unsigned>(*name - '0');
  }
  return true;
}

// linux_dirent64 of getdents64(2): inode and offset of 8 bytes each, the length of 2, the type of 1, the name.
constexpr std::size_t k_length_at = 16;
constexpr std::size_t k_name_at = 19;

// False where /proc does not tell.
bool close_listed(unsigned first, unsigned last, Closing closing) noexcept {
  const int list = ::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (list < 0) return false;
  alignas(std::uint64_t) std::array<char, 4096> entries;
  bool told = false;
  for (;;) {
    const auto count = ::syscall(SYS_getdents64, list, entries.data(), entries.size());
    if (count <= 0) {
      told = told && count == 0;
      break;
    }
    told = true;
    for (std::size_t at = 0; at < static_cast<std::size_t>(count);) {
      std::uint16_t length = 0;
      std::memcpy(&length, entries.data() + at + k_length_at, sizeof length);
      unsigned number = 0;
      if (read_number(entries.data() + at + k_name_at, number) && number >= first && number <= last &&
          number != static_cast<unsigned>(list))
        close_one(number, closing);
      at += length;
    }
  }
  ::close(list);
  return told;
}

void close_numbers(unsigned first, unsigned last, Closing closing) noexcept {
  rlimit limit{};
  const auto known = ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? std::min(limit.rlim_cur, k_most_numbers) : k_most_numbers;
  for (unsigned number = first; number <= last && number < known; ++number) close_one(number, closing);
}

}  // namespace

void close_descriptors(unsigned first, unsigned last, Closing closing) noexcept {
  if (first > last) return;
  const auto flags = closing == Closing::at_exec ? k_close_range_cloexec : 0U;
  if (::syscall(SYS_close_range, first, last, flags) == 0) return;
  if (!close_listed(first, last, closing)) close_numbers(first, last, closing);
}

}  // namespace goldseal

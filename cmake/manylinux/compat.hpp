// SPDX-License-Identifier: Apache-2.0
// What glibc 2.28 lacks of what is called where the kernel's headers have it: Boost.Process calls close_range, which
// glibc has from 2.34 on. The kernel is asked directly; one older than 5.9 answers ENOSYS, and Boost goes on without.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#if !defined(SYS_close_range)
#define SYS_close_range 436
#endif

extern "C" inline int close_range(unsigned first, unsigned last, int flags) noexcept {
  return static_cast<int>(::syscall(SYS_close_range, first, last, flags));
}

// SPDX-License-Identifier: Apache-2.0
// What Debian 12's own compiler and static libraries ask of a glibc that is newer than 2.28, written with what 2.28 has. It is
// linked with goldseal_2_28 alone, so that an ordinary build uses its glibc as it is. Every function here has the contract of
// glibc's of the same name.
#include <dlfcn.h>
#include <link.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

extern "C" {

// glibc before 2.33 has these for programs under other names, with the number of the structure's layout.
#if defined(__x86_64__)
constexpr int k_layout = 1;
#else
constexpr int k_layout = 0;
#endif
int __xstat(int layout, const char* path, struct stat* into);
int __lxstat(int layout, const char* path, struct stat* into);
int __fxstat(int layout, int file, struct stat* into);
int __fxstatat(int layout, int directory, const char* path, struct stat* into, int flags);

int stat(const char* path, struct stat* into) { return __xstat(k_layout, path, into); }
int lstat(const char* path, struct stat* into) { return __lxstat(k_layout, path, into); }
int fstat(int file, struct stat* into) { return __fxstat(k_layout, file, into); }
int fstatat(int directory, const char* path, struct stat* into, int flags) {
  return __fxstatat(k_layout, directory, path, into, flags);
}
// On 64-bit machines the two structures are one.
int stat64(const char* path, struct stat64* into) { return stat(path, reinterpret_cast<struct stat*>(into)); }
int lstat64(const char* path, struct stat64* into) { return lstat(path, reinterpret_cast<struct stat*>(into)); }
int fstat64(int file, struct stat64* into) { return fstat(file, reinterpret_cast<struct stat*>(into)); }

// From 2.36. As glibc's it never fails: without random numbers the process ends.
std::uint32_t arc4random() {
  std::uint32_t value = 0;
  long got = 0;
  do got = ::syscall(SYS_getrandom, &value, sizeof value, 0);
  while (got < 0 && errno == EINTR);
  if (got != static_cast<long>(sizeof value)) std::abort();
  return value;
}

// From 2.34. A kernel before 5.9 answers ENOSYS.
int close_range(unsigned first, unsigned last, int flags) noexcept {
  return static_cast<int>(::syscall(SYS_close_range, first, last, flags));
}

// From 2.32. libstdc++ counts references without locks where it says so; that it never does is always right.
char __libc_single_threaded = 0;

}  // extern "C"

namespace {

struct Search {
  std::uintptr_t code;
  dl_find_object* into;
};

// dl_iterate_phdr's answer 1 ends the search.
int look_in(dl_phdr_info* object, std::size_t, void* argument) {
  const auto& search = *static_cast<Search*>(argument);
  std::uintptr_t first = UINTPTR_MAX;
  std::uintptr_t last = 0;
  const ElfW(Phdr)* frames = nullptr;
  bool holds = false;
  for (ElfW(Half) i = 0; i < object->dlpi_phnum; ++i) {
    const auto& header = object->dlpi_phdr[i];
    const auto begin = object->dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_GNU_EH_FRAME) frames = &header;
    if (header.p_type != PT_LOAD) continue;
    first = begin < first ? begin : first;
    last = begin + header.p_memsz > last ? begin + header.p_memsz : last;
    holds = holds || (search.code >= begin && search.code < begin + header.p_memsz);
  }
  if (!holds) return 0;
  if (frames == nullptr) return 2;
  search.into->dlfo_flags = 0;
  search.into->dlfo_map_start = reinterpret_cast<void*>(first);
  search.into->dlfo_map_end = reinterpret_cast<void*>(last);
  search.into->dlfo_link_map = nullptr;
  search.into->dlfo_eh_frame = reinterpret_cast<void*>(object->dlpi_addr + frames->p_vaddr);
  return 1;
}

}  // namespace

// From 2.35: where an exception's way through the object that holds `code` is written down.
extern "C" int _dl_find_object(void* code, dl_find_object* into) noexcept {
  Search search{reinterpret_cast<std::uintptr_t>(code), into};
  return dl_iterate_phdr(look_in, &search) == 1 ? 0 : -1;
}

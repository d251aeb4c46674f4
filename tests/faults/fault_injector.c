/* SPDX-License-Identifier: Apache-2.0
 * A library to be preloaded into one command, which lets one call of its write path fail. It needs neither root nor
 * ptrace, and its count is that of the calls that can lose a file: strace counts those of the loader and of reading too.
 *
 *   FAULT_PROGRAM   the command's file; in other programs (workers) nothing is done
 *   FAULT_UNDER     a directory: only calls on files in it, and on descriptors of such files, are counted
 *   FAULT_LOG       a file that gets a line for each call that is counted: its number, its name, its path
 *   FAULT_AT        the number of the call that fails
 *   FAULT_KIND      how: EIO, ENOSPC, EINTR, EMFILE, KILL (SIGKILL in its place), SHORT (half of a write is made)
 *   FAULT_CLOCK     what time() says, in seconds since 1970
 *   FAULT_PLAIN     renameat2 is unknown to the file system, as on NFS; with `nolink` so is link
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_int g_calls;
static int g_active;
static int g_at;
static int g_log = -1;
static const char* g_kind = "";
static const char* g_under = "";
static const char* g_plain;

__attribute__((constructor)) static void begin(void) {
  char self[PATH_MAX];
  const char* const program = getenv("FAULT_PROGRAM");
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (program == NULL || length < 0) return;
  self[length] = '\0';
  if (strcmp(self, program) != 0) return;
  g_under = getenv("FAULT_UNDER") != NULL ? getenv("FAULT_UNDER") : "/";
  g_at = getenv("FAULT_AT") != NULL ? atoi(getenv("FAULT_AT")) : 0;
  g_kind = getenv("FAULT_KIND") != NULL ? getenv("FAULT_KIND") : "";
  g_plain = getenv("FAULT_PLAIN");
  if (getenv("FAULT_LOG") != NULL)
    g_log = (int)syscall(SYS_openat, AT_FDCWD, getenv("FAULT_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  g_active = 1;
}

time_t time(time_t* out) {
  const char* const clock = g_active ? getenv("FAULT_CLOCK") : NULL;
  const time_t now = clock != NULL ? (time_t)strtoll(clock, NULL, 10) : REAL(time)(NULL);
  if (out != NULL) *out = now;
  return now;
}

/* An absolute path; the empty text for what is not to be counted. */
static const char* at_path(int directory, const char* path, char* buffer) {
  char base[64];
  if (!g_active || path == NULL) return "";
  if (path[0] == '/') {
    snprintf(buffer, PATH_MAX, "%s", path);
  } else {
    ssize_t length;
    snprintf(base, sizeof base, directory == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", directory);
    length = readlink(base, buffer, PATH_MAX - 1);
    if (length < 0) return "";
    snprintf(buffer + length, (size_t)(PATH_MAX - length), "/%s", path);
  }
  return strncmp(buffer, g_under, strlen(g_under)) == 0 ? buffer : "";
}

static const char* of_descriptor(int descriptor, char* buffer) {
  char link[64];
  ssize_t length;
  if (!g_active || descriptor < 3) return "";
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  length = readlink(link, buffer, PATH_MAX - 1);
  if (length < 0) return "";
  buffer[length] = '\0';
  return strncmp(buffer, g_under, strlen(g_under)) == 0 ? buffer : "";
}

static int errno_of(const char* kind) {
  if (strcmp(kind, "EIO") == 0) return EIO;
  if (strcmp(kind, "ENOSPC") == 0) return ENOSPC;
  if (strcmp(kind, "EINTR") == 0) return EINTR;
  return EMFILE;
}

/* 1 where the call is to fail, with errno set; 2 where half of it is to be made. */
static int struck(const char* name, const char* path) {
  const int number = path[0] == '\0' ? 0 : atomic_fetch_add(&g_calls, 1) + 1;
  if (number == 0) return 0;
  if (g_log >= 0) {
    char line[PATH_MAX + 64];
    const int length = snprintf(line, sizeof line, "%d %s %s\n", number, name, path);
    syscall(SYS_write, g_log, line, (size_t)length);
  }
  if (number != g_at) return 0;
  if (strcmp(g_kind, "KILL") == 0) syscall(SYS_kill, getpid(), SIGKILL);
  if (strcmp(g_kind, "SHORT") == 0) return strcmp(name, "write") == 0 ? 2 : 0;
  errno = errno_of(g_kind);
  return 1;
}

/* Opening to read is not the write path; a directory is opened to be synced or emptied. */
static int is_written(int flags) { return (flags & (O_CREAT | O_WRONLY | O_RDWR | O_DIRECTORY)) != 0; }

static int opened(int directory, const char* path, int flags, mode_t mode) {
  char buffer[PATH_MAX];
  if (is_written(flags) && struck("open", at_path(directory, path, buffer)) == 1) return -1;
  return (int)syscall(SYS_openat, directory, path, flags, mode);
}

static mode_t mode_of(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? (mode_t)va_arg(arguments, int) : 0;
}

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return opened(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return opened(AT_FDCWD, path, flags, mode);
}
int openat(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return opened(directory, path, flags, mode);
}
int openat64(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return opened(directory, path, flags, mode);
}

ssize_t write(int descriptor, const void* bytes, size_t count) {
  char buffer[PATH_MAX];
  const int how = struck("write", of_descriptor(descriptor, buffer));
  if (how == 1) return -1;
  return syscall(SYS_write, descriptor, bytes, how == 2 && count > 1 ? count / 2 : count);
}

#define ON_DESCRIPTOR(name, parameters, ...)                             \
  int name parameters {                                                  \
    char buffer[PATH_MAX];                                               \
    if (struck(#name, of_descriptor(descriptor, buffer)) == 1) return -1; \
    return REAL(name)(__VA_ARGS__);                                      \
  }
ON_DESCRIPTOR(fsync, (int descriptor), descriptor)
ON_DESCRIPTOR(fdatasync, (int descriptor), descriptor)
ON_DESCRIPTOR(fchmod, (int descriptor, mode_t mode), descriptor, mode)
ON_DESCRIPTOR(ftruncate, (int descriptor, off_t size), descriptor, size)
ON_DESCRIPTOR(sync_file_range, (int descriptor, off64_t offset, off64_t bytes, unsigned flags), descriptor, offset, bytes, flags)

/* The descriptor is gone even where close fails. */
int close(int descriptor) {
  char buffer[PATH_MAX];
  const int failed = struck("close", of_descriptor(descriptor, buffer)) == 1;
  const int reason = errno;
  const int result = (int)syscall(SYS_close, descriptor);
  if (!failed) return result;
  errno = reason;
  return -1;
}

#define ON_PATH(name, parameters, directory, path, ...)                     \
  int name parameters {                                                     \
    char buffer[PATH_MAX];                                                  \
    if (struck(#name, at_path(directory, path, buffer)) == 1) return -1;    \
    return REAL(name)(__VA_ARGS__);                                         \
  }
ON_PATH(rename, (const char* from, const char* to), AT_FDCWD, to, from, to)
ON_PATH(renameat, (int a, const char* from, int b, const char* to), b, to, a, from, b, to)
ON_PATH(unlink, (const char* path), AT_FDCWD, path, path)
ON_PATH(unlinkat, (int directory, const char* path, int flags), directory, path, directory, path, flags)
ON_PATH(rmdir, (const char* path), AT_FDCWD, path, path)
ON_PATH(remove, (const char* path), AT_FDCWD, path, path)
ON_PATH(mkdir, (const char* path, mode_t mode), AT_FDCWD, path, path, mode)
ON_PATH(symlink, (const char* target, const char* path), AT_FDCWD, path, target, path)

int renameat2(int a, const char* from, int b, const char* to, unsigned flags) {
  char buffer[PATH_MAX];
  if (struck("renameat2", at_path(b, to, buffer)) == 1) return -1;
  if (g_active && g_plain != NULL && flags != 0) {
    errno = EINVAL;
    return -1;
  }
  return (int)syscall(SYS_renameat2, a, from, b, to, flags);
}

int link(const char* from, const char* to) {
  char buffer[PATH_MAX];
  if (struck("link", at_path(AT_FDCWD, to, buffer)) == 1) return -1;
  if (g_active && g_plain != NULL && strcmp(g_plain, "nolink") == 0) {
    errno = EPERM;
    return -1;
  }
  return REAL(link)(from, to);
}

char* mkdtemp(char* pattern) {
  char buffer[PATH_MAX];
  if (struck("mkdtemp", at_path(AT_FDCWD, pattern, buffer)) == 1) return NULL;
  return REAL(mkdtemp)(pattern);
}

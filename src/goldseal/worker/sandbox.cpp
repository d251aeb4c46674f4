// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/sandbox.hpp>

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

#if defined(__x86_64__)
constexpr std::uint32_t k_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t k_architecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t k_architecture = 0;  // system calls are not filtered
#endif

constexpr std::uint32_t k_x32_calls = 0x40000000;  // x86-64's second numbering of the same calls
constexpr std::uint32_t k_refuse = SECCOMP_RET_ERRNO | EACCES;

constexpr sock_filter load(std::size_t offset) {
  return {BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(offset)};
}
// Where the loaded word is `value`, the next `count` instructions are left out, else none.
constexpr sock_filter skip_if(std::uint32_t value, std::uint8_t count) {
  return {BPF_JMP | BPF_JEQ | BPF_K, count, 0, value};
}
constexpr sock_filter skip_unless(std::uint32_t value, std::uint8_t count) {
  return {BPF_JMP | BPF_JEQ | BPF_K, 0, count, value};
}
constexpr sock_filter answer(std::uint32_t what) { return {BPF_RET | BPF_K, 0, 0, what}; }

// Sockets are local ones or the kernel's own. io_uring would make sockets past this filter; who asks for it gets what
// an older kernel says.
constexpr std::array k_filter{
    load(offsetof(seccomp_data, arch)),
    skip_if(k_architecture, 1),
    answer(SECCOMP_RET_KILL_PROCESS),
    load(offsetof(seccomp_data, nr)),
    sock_filter{BPF_JMP | BPF_JGE | BPF_K, 0, 1, k_x32_calls},
    answer(k_refuse),
    skip_unless(SYS_io_uring_setup, 1),
    answer(SECCOMP_RET_ERRNO | ENOSYS),
    skip_unless(SYS_socket, 4),
    load(offsetof(seccomp_data, args)),  // the family; little-endian
    skip_if(AF_UNIX, 2),
    skip_if(AF_NETLINK, 1),
    answer(k_refuse),
    answer(SECCOMP_RET_ALLOW),
};

constexpr std::uint64_t k_refer = 1ULL << 13;     // LANDLOCK_ACCESS_FS_REFER, version 2
constexpr std::uint64_t k_truncate = 1ULL << 14;  // LANDLOCK_ACCESS_FS_TRUNCATE, version 3

// Everything that changes a file or a directory. Two rights came later, and an older kernel refuses a set with them.
std::uint64_t writing_rights(int version) {
  std::uint64_t rights = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                         LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
                         LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                         LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
  if (version >= 2) rights |= k_refer;
  if (version >= 3) rights |= k_truncate;
  return rights;
}

void allow(int rules, const fs::path& directory, std::uint64_t rights) {
  const int descriptor = ::open(directory.c_str(), O_PATH | O_CLOEXEC | O_DIRECTORY);
  if (descriptor < 0) return;  // what is not there need not be written to
  const landlock_path_beneath_attr rule{rights, descriptor};
  ::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  ::close(descriptor);
}

fs::path kernel_cache() {
  if (const char* const path = std::getenv("CUDA_CACHE_PATH")) return path;
  const char* const home = std::getenv("HOME");
  return home == nullptr ? fs::path() : fs::path(home) / ".nv";
}

// A child's own descriptors are the low ones, and are put there before the rules are used.
int out_of_the_way(int descriptor) {
  constexpr int k_first = 10;
  const int moved = ::fcntl(descriptor, F_DUPFD_CLOEXEC, k_first);
  ::close(descriptor);
  return moved;
}

int landlock_version() {
  return static_cast<int>(::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
}

int make_rules(const fs::path& writable) {
  const auto version = landlock_version();
  if (version < 1) return -1;
  const auto rights = writing_rights(version);
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = rights;
  // The struct has grown: its first member is all that the first version knows.
  auto rules =
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0));
  if (rules < 0) return -1;
  rules = out_of_the_way(rules);
  allow(rules, writable, rights);
  allow(rules, "/dev", rights & ~std::uint64_t{LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_CHAR});
  if (const auto cache = kernel_cache(); !cache.empty()) allow(rules, cache, rights);
  return rules;
}

// CUDA's driver names its threads by fopen(/proc/self/task/N/comm, "wb"), and cuInit ends with error 304 where it may
// not. The process's own directory in /proc is known from the fork on, and stays the same over exec.
bool allow_own_process(int rules) noexcept {
  const int self = ::open("/proc/self", O_PATH | O_CLOEXEC | O_DIRECTORY);
  if (self < 0) return true;  // no /proc: nothing that could be written to
  const auto rights = writing_rights(landlock_version()) & (LANDLOCK_ACCESS_FS_WRITE_FILE | k_truncate);
  const landlock_path_beneath_attr rule{rights, self};
  const bool added = ::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
  ::close(self);
  return added;
}

bool can_filter() {
  if (k_architecture == 0) return false;
  const std::uint32_t action = SECCOMP_RET_ERRNO;
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

}  // namespace

Sandbox::Sandbox(const fs::path& writable) : m_rules(make_rules(writable)), m_filters(can_filter()) {}

Sandbox::~Sandbox() {
  if (m_rules >= 0) ::close(m_rules);
}

bool Sandbox::enter() const noexcept {
  if (m_rules < 0 && !m_filters) return true;
  // Without it a program of another user's rights could be started, and the kernel allows no filter.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  if (m_rules >= 0 && !(allow_own_process(m_rules) && ::syscall(SYS_landlock_restrict_self, m_rules, 0) == 0))
    return false;
  if (!m_filters) return true;
  const sock_fprog program{k_filter.size(), const_cast<sock_filter*>(k_filter.data())};  // the kernel only reads it
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

std::string Sandbox::level() const {
  if (m_rules >= 0)
    return m_filters ? "no network, writes only to the run directory" : "writes only to the run directory";
  return m_filters ? "no network" : "none";
}

}  // namespace goldseal

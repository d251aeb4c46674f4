// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/system_calls.hpp>

#include <linux/audit.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <utility>

namespace goldseal {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t k_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t k_architecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t k_architecture = 0;  // system calls are not filtered
#endif

constexpr std::uint32_t k_x32_calls = 0x40000000;  // x86-64's second numbering of the same calls
constexpr std::uint32_t k_socket_type = 0xF;       // SOCK_TYPE_MASK: what is above are flags

// Modes, owners, times and attributes, by path or by a descriptor that was opened for reading: Landlock has no right
// for them. Numbers that the headers may lack are the same on every architecture.
constexpr std::uint32_t k_files[] = {
#ifdef SYS_chmod
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_utime,
    SYS_utimes,
    SYS_futimesat,
#endif
    SYS_fchmod,
    SYS_fchmodat,
    452 /* fchmodat2 */,
    SYS_fchown,
    SYS_fchownat,
    SYS_utimensat,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_fsetxattr,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_fremovexattr,
    463 /* setxattrat */,
    466 /* removexattrat */,
    469 /* file_setattr */};

// What changes the machine, for a worker of root; keys are the user's own.
constexpr std::uint32_t k_machine[] = {SYS_mount,
                                       SYS_umount2,
                                       SYS_pivot_root,
                                       SYS_swapon,
                                       SYS_swapoff,
                                       SYS_reboot,
                                       SYS_sethostname,
                                       SYS_setdomainname,
                                       SYS_init_module,
                                       SYS_finit_module,
                                       SYS_delete_module,
                                       SYS_kexec_load,
                                       SYS_settimeofday,
                                       SYS_clock_settime,
                                       SYS_adjtimex,
                                       SYS_clock_adjtime,
                                       SYS_acct,
                                       SYS_quotactl,
                                       SYS_bpf,
                                       SYS_setns,
                                       SYS_unshare,
                                       SYS_open_by_handle_at,
                                       SYS_add_key,
                                       SYS_request_key,
                                       SYS_keyctl,
                                       428 /* open_tree */,
                                       429 /* move_mount */,
                                       430 /* fsopen */,
                                       442 /* mount_setattr */};

constexpr sock_filter load(std::size_t offset) {
  return {BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(offset)};
}
constexpr std::size_t argument(std::size_t index) {  // its low half: little-endian
  return offsetof(seccomp_data, args) + index * sizeof(std::uint64_t);
}
constexpr sock_filter answer(std::uint32_t what) { return {BPF_RET | BPF_K, 0, 0, what}; }
constexpr sock_filter refuse(int error) { return answer(SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)); }
// Where the loaded word is `value`, the next `count` instructions are left out, else none.
constexpr sock_filter skip_if(std::uint32_t value, std::uint8_t count) {
  return {BPF_JMP | BPF_JEQ | BPF_K, count, 0, value};
}
constexpr sock_filter skip_unless(std::uint32_t value, std::uint8_t count) {
  return {BPF_JMP | BPF_JEQ | BPF_K, 0, count, value};
}
constexpr sock_filter mask(std::uint32_t bits) { return {BPF_ALU | BPF_AND | BPF_K, 0, 0, bits}; }

class Filter {
 public:
  Filter() {
    add({load(offsetof(seccomp_data, arch)), skip_if(k_architecture, 1), answer(SECCOMP_RET_KILL_PROCESS),
         load(offsetof(seccomp_data, nr)), sock_filter{BPF_JMP | BPF_JGE | BPF_K, 0, 1, k_x32_calls}, refuse(EACCES)});
  }

  void refuse_call(std::uint32_t call, int error) { add({skip_unless(call, 1), refuse(error)}); }

  // `steps` judge the call's arguments, and let through what they do not refuse.
  void judge(std::uint32_t call, std::initializer_list<sock_filter> steps) {
    add({skip_unless(call, static_cast<std::uint8_t>(steps.size() + 1))});
    add(steps);
    add({answer(SECCOMP_RET_ALLOW)});
  }

  std::vector<sock_filter> take() {
    add({answer(SECCOMP_RET_ALLOW)});
    return std::move(m_program);
  }

 private:
  void add(std::initializer_list<sock_filter> steps) { m_program.insert(m_program.end(), steps); }

  std::vector<sock_filter> m_program;
};

// SOCK_RAW is another name of a datagram here. Sockets are streams between processes of the model's own, or the
// kernel's. A datagram's receiver is named in memory, which no filter sees; so is the one that connect() is given, for
// whom there is nobody: ENOENT is what a driver hears where no daemon of its own runs. io_uring would do all that past
// this filter; who asks for it gets what an older kernel says.
void refuse_other_programs(Filter& filter) {
  filter.refuse_call(SYS_io_uring_setup, ENOSYS);
  filter.refuse_call(SYS_connect, ENOENT);
  filter.judge(SYS_socket, {load(argument(0)), skip_if(AF_NETLINK, 5), skip_unless(AF_UNIX, 5), load(argument(1)),
                            mask(k_socket_type), skip_if(SOCK_STREAM, 1), skip_unless(SOCK_SEQPACKET, 1),
                            answer(SECCOMP_RET_ALLOW), refuse(EACCES)});
  filter.judge(SYS_socketpair, {load(argument(1)), mask(k_socket_type), skip_if(SOCK_STREAM, 2),
                                skip_if(SOCK_SEQPACKET, 1), refuse(EACCES)});
}

// FS_IOC_SETFLAGS and FS_IOC_FSSETXATTR are chattr's; prlimit64 takes limits of other processes.
void refuse_by_argument(Filter& filter) {
  filter.judge(SYS_ioctl, {load(argument(1)), skip_if(static_cast<std::uint32_t>(FS_IOC_SETFLAGS), 1),
                           skip_unless(static_cast<std::uint32_t>(FS_IOC_FSSETXATTR), 1), refuse(EPERM)});
  filter.judge(SYS_prlimit64, {load(argument(0)), skip_if(0, 5), load(argument(2)), skip_unless(0, 2),
                               load(argument(2) + sizeof(std::uint32_t)), skip_if(0, 1), refuse(EPERM)});
}

bool can_filter() {
  if (k_architecture == 0) return false;
  const std::uint32_t action = SECCOMP_RET_ERRNO;
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

}  // namespace

std::vector<sock_filter> system_call_filter() {
  if (!can_filter()) return {};
  Filter filter;
  refuse_other_programs(filter);
  for (const auto call : k_files) filter.refuse_call(call, EPERM);
  for (const auto call : k_machine) filter.refuse_call(call, EPERM);
  refuse_by_argument(filter);
  return filter.take();
}

}  // namespace goldseal

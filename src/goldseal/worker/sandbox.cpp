// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/sandbox.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/worker/system_calls.hpp>

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <string_view>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

// Rights and members of linux/landlock.h that came after its first version, which is the one that older headers have.
constexpr std::uint64_t k_refer = 1ULL << 13;            // LANDLOCK_ACCESS_FS_REFER, version 2
constexpr std::uint64_t k_truncate = 1ULL << 14;         // LANDLOCK_ACCESS_FS_TRUNCATE, version 3
constexpr std::uint64_t k_ioctl_dev = 1ULL << 15;        // LANDLOCK_ACCESS_FS_IOCTL_DEV, version 5
constexpr std::uint64_t k_abstract_sockets = 1ULL << 0;  // LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET, version 6
constexpr std::uint64_t k_signals = 1ULL << 1;           // LANDLOCK_SCOPE_SIGNAL, version 6
constexpr int k_scopes = 6;

struct RulesetAttributes {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;  // version 4
  std::uint64_t scoped;              // version 6
};

// Everything that changes a file or a directory. An older kernel refuses a set with rights that it does not know.
std::uint64_t writing_rights(int version) {
  std::uint64_t rights = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                         LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
                         LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                         LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
  if (version >= 2) rights |= k_refer;
  if (version >= 3) rights |= k_truncate;
  if (version >= 5) rights |= k_ioctl_dev;
  return rights;
}

std::uint64_t rights_of_files(int version) {
  return writing_rights(version) & (LANDLOCK_ACCESS_FS_WRITE_FILE | k_truncate | k_ioctl_dev);
}

enum class Absent { ignored, refused };

// What is beneath `path`, or the file itself. Rights that only directories have must not be given to a file.
bool allow(int rules, const fs::path& path, std::uint64_t rights, int version, Absent absent = Absent::ignored) {
  const int descriptor = ::open(path.c_str(), O_PATH | O_CLOEXEC);
  if (descriptor < 0) {
    if (absent == Absent::ignored && errno == ENOENT) return false;  // what is not there need not be written to
    throw system_error(path.string(), "open it for the sandbox", errno);
  }
  std::error_code ignored;
  const bool directory = fs::is_directory(path, ignored);
  const landlock_path_beneath_attr rule{directory ? rights : rights & rights_of_files(version), descriptor};
  const bool added = ::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
  const int error = errno;
  ::close(descriptor);
  if (!added) throw system_error(path.string(), "allow it in the sandbox", error);
  return true;
}

// A child's own descriptors are the low ones, and are put there before the rules are used.
int out_of_the_way(int descriptor) {
  constexpr int k_first = 10;
  const int moved = ::fcntl(descriptor, F_DUPFD_CLOEXEC, k_first);
  ::close(descriptor);
  return moved;
}

int landlock_version() {
  const auto version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version < 1 ? 0 : static_cast<int>(version);
}

int create_rules(int version) {
  const RulesetAttributes attributes{writing_rights(version), 0,
                                     version >= k_scopes ? k_abstract_sockets | k_signals : 0};
  // The struct has grown: an older kernel takes no more than it knows.
  const auto size = version >= k_scopes ? sizeof attributes : sizeof attributes.handled_access_fs;
  const auto rules = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0));
  return rules < 0 ? -1 : out_of_the_way(rules);
}

// Nodes that every program may need, and shared memory: locks of Python's multiprocessing, and of OpenMP.
constexpr std::array<std::string_view, 6> k_nodes{"null", "zero", "full", "random", "urandom", "shm"};
// Of NVIDIA (also nvidia-caps and the nodes of a Tegra), of AMD and Intel, and of WSL; docs/verify.md names them.
constexpr std::array<std::string_view, 9> k_gpu_prefixes{"nvidia", "nvhost", "nvmap", "nvgpu", "nvsci",
                                                         "host1x", "kfd",    "dri",   "dxg"};

bool is_gpu_node(const std::string& name) {
  return std::ranges::any_of(k_gpu_prefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

// True where there are GPUs. None of the rights to make a device's node.
bool allow_devices(int rules, int version) {
  const auto rights =
      writing_rights(version) & ~std::uint64_t{LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_CHAR};
  for (const auto node : k_nodes) allow(rules, fs::path("/dev") / node, rights, version);
  bool gpus = false;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/dev", ignored)) {
    if (is_gpu_node(entry.path().filename().string()))
      gpus = allow(rules, entry.path(), rights_of_files(version), version) || gpus;
  }
  return gpus;
}

// CUDA's driver names its threads by fopen(/proc/self/task/N/comm, "wb"), and cuInit ends with error 304 where it may
// not. The process's own directory in /proc is known from the fork on, and stays the same over exec.
bool allow_own_process(int rules, int version) noexcept {
  const int self = ::open("/proc/self", O_PATH | O_CLOEXEC | O_DIRECTORY);
  if (self < 0) return true;  // no /proc: nothing that could be written to
  const auto rights = writing_rights(version) & (LANDLOCK_ACCESS_FS_WRITE_FILE | k_truncate);
  const landlock_path_beneath_attr rule{rights, self};
  const bool added = ::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
  ::close(self);
  return added;
}

// A worker of root keeps what reading takes, and nothing that an administrator may do: mounts, network settings, other
// users' processes. The set that a later exec may take from is cut too.
bool drop_capabilities() noexcept {
  constexpr std::uint32_t k_kept = (1U << CAP_DAC_OVERRIDE) | (1U << CAP_DAC_READ_SEARCH);
  constexpr int k_most = 64;
  for (int capability = 0; capability < k_most; ++capability) {
    const bool kept = capability < 32 && ((k_kept >> capability) & 1U) != 0;
    if (!kept) static_cast<void>(::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0));  // who has none cannot, and need not
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct held[_LINUX_CAPABILITY_U32S_3]{};
  if (::syscall(SYS_capget, &header, held) != 0) return false;
  for (int half = 0; half < _LINUX_CAPABILITY_U32S_3; ++half) {
    const std::uint32_t kept = half == 0 ? k_kept : 0;
    held[half] = {held[half].effective & kept, held[half].permitted & kept, held[half].inheritable & kept};
  }
  return ::syscall(SYS_capset, &header, held) == 0;
}

}  // namespace

Sandbox::Sandbox(const fs::path& writable) : m_version(landlock_version()), m_filter(system_call_filter()) {
  if (m_version == 0) return;
  m_rules = create_rules(m_version);
  if (m_rules < 0) return;
  allow(m_rules, writable, writing_rights(m_version), m_version, Absent::refused);
  m_gpus = allow_devices(m_rules, m_version);
}

Sandbox::~Sandbox() {
  if (m_rules >= 0) ::close(m_rules);
}

bool Sandbox::enter() const noexcept {
  if (m_rules < 0 && m_filter.empty()) return true;
  if (!drop_capabilities()) return false;
  // Without it a program of another user's rights could be started, and the kernel allows no filter.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  if (m_rules >= 0 &&
      !(allow_own_process(m_rules, m_version) && ::syscall(SYS_landlock_restrict_self, m_rules, 0) == 0))
    return false;
  if (m_filter.empty()) return true;
  const sock_fprog program{static_cast<unsigned short>(m_filter.size()),
                           const_cast<sock_filter*>(m_filter.data())};  // the kernel only reads it
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

std::string Sandbox::level() const {
  std::string text;
  if (!m_filter.empty()) text = "no network, no other program's sockets";
  if (m_rules >= 0) {
    text += text.empty() ? "" : ", ";
    text += m_gpus ? "writes only to the run directory, shared memory and the GPUs"
                   : "writes only to the run directory and shared memory";
    if (m_version < 3) text += " (but can empty files elsewhere: Linux older than 6.2)";
  }
  return text.empty() ? "none" : text;
}

}  // namespace goldseal

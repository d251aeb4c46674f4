// SPDX-License-Identifier: Apache-2.0
// A worker that misbehaves as FAKE_WORKER says. It speaks just enough of the protocol (src/worker_libtorch/PROTOCOL.md)
// to get to the point where it goes wrong: before the greeting, or, with FAKE_WORKER_STAGE=run, when it is asked to
// run.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <iostream>
#include <map>
#include <string>
#include <vector>

namespace {

constexpr int k_channel = 3;

std::string g_nonce;

void send_text(const std::string& text) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const auto count = ::write(k_channel, text.data() + sent, text.size() - sent);
    if (count <= 0) ::_exit(9);
    sent += static_cast<std::size_t>(count);
  }
}

bool read_line(std::string& line) {
  line.clear();
  char c = 0;
  while (::read(k_channel, &c, 1) == 1) {
    if (c == '\n') return true;
    line += c;
  }
  return false;
}

std::string text_member(const std::string& line, const std::string& key) {
  const auto at = line.find('"' + key + "\":\"");
  if (at == std::string::npos) return {};
  const auto begin = at + key.size() + 4;
  return line.substr(begin, line.find('"', begin) - begin);
}

long number_member(const std::string& line, const std::string& key) {
  const auto at = line.find('"' + key + "\":");
  return at == std::string::npos ? 0 : std::atol(line.c_str() + at + key.size() + 3);
}

std::string reply(long id, const std::string& members) {
  return "{\"id\":" + std::to_string(id) + ",\"nonce\":\"" + g_nonce + "\",\"ok\":true" + members + "}\n";
}

[[noreturn]] void sleep_for_ever() {
  for (;;) ::pause();
}

// A process that stays behind and holds what it inherited. Its number goes to FAKE_WORKER_PIDS.
void leave_behind(bool new_session) {
  const auto pid = ::fork();
  if (pid != 0) {
    if (const char* const path = std::getenv("FAKE_WORKER_PIDS")) std::ofstream(path, std::ios::app) << pid << '\n';
    return;
  }
  if (new_session) ::setsid();
  ::signal(SIGTERM, SIG_IGN);
  ::prctl(PR_SET_PDEATHSIG, 0);
  sleep_for_ever();
}

// The same for a program that does not even keep the environment.
void leave_program_behind() {
  if (::fork() == 0) {
    ::setsid();
    const auto pid = ::fork();
    if (pid != 0) {
      if (const char* const path = std::getenv("FAKE_WORKER_PIDS")) std::ofstream(path, std::ios::app) << pid << '\n';
      ::_exit(0);
    }
    char program[] = "sleep";
    char time[] = "1000";
    char* arguments[] = {program, time, nullptr};
    char* nothing[] = {nullptr};
    ::execve("/usr/bin/sleep", arguments, nothing);
    ::_exit(1);
  }
  ::usleep(200'000);
}

void fill(int descriptor) {
  const std::string block(1U << 16U, 'x');
  for (;;) {
    if (::write(descriptor, block.data(), block.size()) <= 0) ::_exit(9);
  }
}

void exhaust_memory() {
  rlimit limit{256U << 20U, 256U << 20U};
  ::setrlimit(RLIMIT_AS, &limit);
  std::vector<std::string> blocks;
  for (;;) blocks.emplace_back(16U << 20U, 'x');
}

std::string attempt(const std::string& what, bool done) {
  return "{\"name\":\"" + what + '=' + (done ? "done" : std::strerror(errno)) + "\",\"dtype\":\"float32\",\"shape\":[]}";
}

// In the order in which they were tried.
std::string joined(std::initializer_list<std::string> attempts) {
  std::string text;
  for (const auto& attempt : attempts) text += (text.empty() ? "" : ",") + attempt;
  return text;
}

bool writes(const std::string& path) {
  const int file = ::open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  if (file >= 0) ::close(file);
  return file >= 0;
}

// Over a socket file of another program: `FAKE_WORKER_OUTSIDE/socket`.
bool connects(int type) {
  const int made = ::socket(AF_UNIX, type, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = std::string(std::getenv("FAKE_WORKER_OUTSIDE")) + "/socket";
  std::copy(path.begin(), path.end(), address.sun_path);
  return made >= 0 && ::connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// A connected pair of datagram sockets can send to anyone whom a message names.
bool sends_datagram() {
  int pair[2];
  for (const int type : {SOCK_DGRAM, SOCK_RAW})
    if (::socketpair(AF_UNIX, type, 0, pair) == 0) return true;
  return false;
}

bool opens(const char* path, int flags) {
  const int file = ::open(path, flags);
  if (file >= 0) ::close(file);
  return file >= 0;
}

// Of those that a machine mostly has; none belongs to a model.
bool opens_device() {
  for (const char* const node : {"/dev/kmsg", "/dev/console", "/dev/tty", "/dev/ptmx", "/dev/vda", "/dev/sda",
                                 "/dev/nvme0n1", "/dev/loop0", "/dev/loop-control", "/dev/fuse", "/dev/net/tun"})
    if (opens(node, O_WRONLY | O_NOCTTY) || opens(node, O_RDWR | O_NOCTTY)) return true;
  return false;
}

// chmod and its kin, by path and by a descriptor that was opened for reading.
std::string attribute_trespasses(const std::string& file) {
  const int kept = ::open(file.c_str(), O_RDONLY);
  const timespec times[2]{{0, 0}, {0, 0}};
  unsigned long flags = 0;
  const bool has_flags = ::ioctl(kept, FS_IOC_GETFLAGS, &flags) == 0;
  return joined({attempt("chmod", ::chmod(file.c_str(), 0600) == 0), attempt("fchmod", ::fchmod(kept, 0600) == 0),
                 attempt("fchmodat2", ::syscall(452, AT_FDCWD, file.c_str(), 0600, 0) == 0),
                 attempt("utimensat", ::utimensat(AT_FDCWD, file.c_str(), times, 0) == 0),
                 attempt("futimens", ::futimens(kept, times) == 0),
                 attempt("chown", ::chown(file.c_str(), ::getuid(), ::getgid()) == 0),
                 attempt("fchown", ::fchown(kept, ::getuid(), ::getgid()) == 0),
                 attempt("lchown", ::lchown(file.c_str(), ::getuid(), ::getgid()) == 0),
                 attempt("setxattr", ::setxattr(file.c_str(), "user.goldseal", "1", 1, 0) == 0),
                 attempt("fsetxattr", ::fsetxattr(kept, "user.goldseal", "1", 1, 0) == 0),
                 attempt("chattr", has_flags && ::ioctl(kept, FS_IOC_SETFLAGS, &flags) == 0)});
}

// CAP_NET_ADMIN among the effective ones.
bool is_administrator() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct held[_LINUX_CAPABILITY_U32S_3]{};
  return ::syscall(SYS_capget, &header, held) == 0 && (held[0].effective >> CAP_NET_ADMIN & 1U) != 0;
}

bool limits_parent() {
  const rlimit none{0, 0};
  return ::prlimit(::getppid(), RLIMIT_CORE, &none, nullptr) == 0;
}

// What a model's code might try; each attempt is an output, named by what came of it.
std::string trespasses() {
  const std::string outside = std::getenv("FAKE_WORKER_OUTSIDE");
  const std::string inside = std::getenv("TMPDIR");
  return joined({attempt("write inside", writes(inside + "/file")),
                 attempt("name a thread", writes("/proc/self/comm")),
                 attempt("write outside", writes(outside + "/new")),
                 attempt("truncate", writes(outside + "/kept")),
                 attempt("open a device", opens_device()),
                 attempt("write to null", writes("/dev/null")),
                 attempt("read random", opens("/dev/urandom", O_RDONLY)),
                 attempt("share memory",
                         writes("/dev/shm/goldseal-fake-worker") && ::unlink("/dev/shm/goldseal-fake-worker") == 0),
                 attempt("make a file in /dev",
                         writes("/dev/goldseal-fake-worker") && ::unlink("/dev/goldseal-fake-worker") == 0),
                 attribute_trespasses(outside + "/kept"),
                 attempt("connect", connects(SOCK_STREAM)),
                 attempt("connect packets", connects(SOCK_SEQPACKET)),
                 attempt("datagrams", connects(SOCK_DGRAM) || connects(SOCK_RAW)),
                 attempt("datagram pair", sends_datagram()),
                 attempt("limit the parent", limits_parent()),
                 attempt("signal the parent", ::kill(::getppid(), 0) == 0),
                 attempt("remove", ::unlink((outside + "/kept").c_str()) == 0),
                 attempt("internet", ::socket(AF_INET, SOCK_STREAM, 0) >= 0),
                 attempt("internet 6", ::socket(AF_INET6, SOCK_DGRAM, 0) >= 0),
                 attempt("local socket", ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0),
                 attempt("mount", ::mount("none", inside.c_str(), "tmpfs", 0, nullptr) == 0 &&
                                      ::umount2(inside.c_str(), MNT_DETACH) == 0),
                 attempt("network settings", is_administrator()),
                 attempt("read outside", ::open((outside + "/kept").c_str(), O_RDONLY) >= 0)});
}

void misbehave(const std::string& what, long id) {
  const std::map<std::string, std::function<void()>> behaviours{
      {"hang", [] { sleep_for_ever(); }},
      {"hang-ignoring-term",
       [] {
         ::signal(SIGTERM, SIG_IGN);
         sleep_for_ever();
       }},
      {"exit-0", [] { ::_exit(0); }},
      {"exit-3",
       [] {
         std::cerr << "last words\n" << std::flush;
         ::_exit(3);
       }},
      {"flood-stdout", [] { fill(1); }},
      {"flood-stderr", [] { fill(2); }},
      {"flood-protocol", [] { fill(k_channel); }},
      {"garbage",
       [] {
         send_text("\x01\x02 not json\n");
         sleep_for_ever();
       }},
      {"half-message",
       [] {
         send_text("{\"id\":");
         ::_exit(0);
       }},
      {"deep-message",
       [] {
         send_text(std::string(100'000, '[') + "\n");
         sleep_for_ever();
       }},
      {"wrong-nonce",
       [&] {
         send_text("{\"id\":" + std::to_string(id) + ",\"nonce\":\"0\",\"ok\":true}\n");
         sleep_for_ever();
       }},
      {"wrong-id",
       [&] {
         send_text(reply(id + 7, ""));
         sleep_for_ever();
       }},
      {"no-ok",
       [&] {
         send_text("{\"id\":" + std::to_string(id) + ",\"nonce\":\"" + g_nonce + "\"}\n");
         sleep_for_ever();
       }},
      {"missing-members",
       [&] {
         send_text(reply(id, ""));
         sleep_for_ever();
       }},
      {"close-channel",
       [] {
         ::close(k_channel);
         sleep_for_ever();
       }},
      {"grandchild",
       [] {
         leave_behind(false);
         ::_exit(5);
       }},
      {"setsid-grandchild",
       [] {
         leave_behind(true);
         ::_exit(5);
       }},
      {"setsid-grandchild-and-hang",
       [] {
         leave_behind(true);
         sleep_for_ever();
       }},
      {"end-keeper",
       [] {
         leave_behind(true);
         ::kill(::getppid(), SIGKILL);
         sleep_for_ever();
       }},
      {"forget-environment",
       [] {
         leave_program_behind();
         ::_exit(5);
       }},
      {"trespass", [&] { send_text(reply(id, ",\"outputs\":[" + trespasses() + "],\"seconds\":0")); }},
      {"speak-protocol-1",
       [&] {
         send_text("{\"id\":" + std::to_string(id) + ",\"nonce\":\"" + g_nonce +
                   "\",\"ok\":false,\"error\":{\"kind\":\"unsupported\",\"message\":\"this worker speaks protocol 1\"}}\n");
       }},
      {"greet-as-protocol-9", [&] { send_text(reply(id, ",\"protocol\":9,\"runtime\":\"fake\",\"version\":\"1\"")); }},
      {"greet-without-number", [&] { send_text(reply(id, ",\"protocol\":\"2\",\"runtime\":\"fake\",\"version\":\"1\"")); }},
      {"exhaust-memory", [] { exhaust_memory(); }},
      {"raise",
       [&] {
         send_text("{\"id\":" + std::to_string(id) + ",\"nonce\":\"" + g_nonce +
                   "\",\"ok\":false,\"error\":{\"kind\":\"runtime\",\"message\":\"no kernel image\"}}\n");
       }},
  };
  if (what.rfind("signal-", 0) == 0) {
    const int signal = std::atoi(what.c_str() + 7);
    ::signal(signal, SIG_DFL);
    ::raise(signal);
    ::_exit(9);
  }
  const auto found = behaviours.find(what);
  if (found == behaviours.end()) ::_exit(8);
  found->second();
}

// Descriptors beyond the protocol's own that this process was given.
int count_extra_descriptors() {
  int extra = 0;
  for (int descriptor = 4; descriptor < 1024; ++descriptor) extra += ::fcntl(descriptor, F_GETFD) >= 0 ? 1 : 0;
  return extra;
}

}  // namespace

int main() {
  const char* const what = std::getenv("FAKE_WORKER");
  const char* const stage_variable = std::getenv("FAKE_WORKER_STAGE");
  const std::string stage = stage_variable == nullptr ? "hello" : stage_variable;
  std::string line;
  while (read_line(line)) {
    const auto id = number_member(line, "id");
    const auto op = text_member(line, "op");
    if (op == "hello") g_nonce = text_member(line, "nonce");
    if (what != nullptr && op == stage)
      misbehave(what, id);
    else if (op == "hello")
      send_text(reply(id, ",\"restricts\":true,\"runtime\":\"fake\",\"version\":\"" +
                              std::to_string(count_extra_descriptors()) + "\""));
    else if (op == "run")
      send_text("{\"id\":" + std::to_string(id) + ",\"nonce\":\"" + g_nonce +
                "\",\"progress\":{\"done\":1,\"total\":2}}\n" + reply(id, ",\"outputs\":[],\"seconds\":0.5"));
    else
      send_text(reply(id, ""));
    if (op == "bye") return 0;
  }
  return 0;
}

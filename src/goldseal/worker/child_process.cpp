// SPDX-License-Identifier: Apache-2.0
// Boost.Process v2 only launches: it has no process groups, its terminate and its destructor block in waitpid, and its
// asynchronous wait takes SIGCHLD over. Everything after the launch is poll on the keeper's leash.
#include <goldseal/worker/child_process.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/running/descriptor_range.hpp>
#include <goldseal/base/running/interrupt.hpp>
#include <goldseal/worker/keeper.hpp>
#include <goldseal/worker/sandbox.hpp>

#include <boost/asio/io_context.hpp>
// Boost 1.81 uses these without including them where its paths are the standard library's.
#include <boost/optional.hpp>
#include <boost/type_traits.hpp>

#include <boost/process/v2.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace goldseal {
namespace {

namespace bp = boost::process::v2;

constexpr std::size_t k_tail_bytes = 64U << 10U;
// A worker that prints a quarter of a gigabyte is not going to say anything else.
constexpr std::uint64_t k_flood_bytes = 256U << 20U;

// One that has just said good-bye is about to leave by itself; its own exit code is worth a moment.
constexpr std::chrono::milliseconds k_grace{50};
// A killed process that is not gone by then sits in the kernel, and no wait helps.
constexpr std::chrono::seconds k_reap_limit{5};
constexpr std::string_view k_run_mark = "GOLDSEAL_WORKER_RUN";

// Runs in the child between fork and exec; only async-signal-safe calls.
struct ChildSetup {
  int channel;
  int out;
  int err;
  int null;
  int leash;                       ///< the keeper's end
  const char* const* environment;  ///< ended by a null pointer
  const Sandbox* sandbox;

  template <typename Launcher>
  bp::error_code on_setup(Launcher& launcher, const bp::filesystem::path&, const char* const*&) const {
    launcher.fd_whitelist.push_back(k_channel_descriptor);
    if (sandbox != nullptr && sandbox->descriptor() >= 0) launcher.fd_whitelist.push_back(sandbox->descriptor());
    launcher.env = environment;
    return {};
  }

  template <typename Launcher>
  bp::error_code on_exec_setup(Launcher&, const bp::filesystem::path&, const char* const*&) const {
    if (split_off_keeper(leash) < 0 || ::setpgid(0, 0) != 0) return last_error();
    if (::dup2(null, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) return last_error();
    // dup2 onto itself would keep close-on-exec.
    if (channel == k_channel_descriptor ? ::fcntl(channel, F_SETFD, 0) != 0
                                        : ::dup2(channel, k_channel_descriptor) < 0) {
      return last_error();
    }
    // Boost 1.81 closes only what lies above the last descriptor on its list, not the gaps between.
    close_descriptors(k_channel_descriptor + 1, ~0U, Closing::at_exec);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ, SIGBUS}) ::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (sandbox != nullptr && !sandbox->enter()) return last_error();
    return {};
  }

  static bp::error_code last_error() { return {errno, boost::system::system_category()}; }
};

class Descriptor {
 public:
  explicit Descriptor(int value = -1) : m_value(value) {}
  ~Descriptor() {
    if (m_value >= 0) ::close(m_value);
  }
  Descriptor(Descriptor&& other) noexcept : m_value(std::exchange(other.m_value, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return m_value; }
  [[nodiscard]] int release() { return std::exchange(m_value, -1); }

 private:
  int m_value;
};

std::pair<Descriptor, Descriptor> make_pair(bool socket) {
  std::array<int, 2> ends{};
  const int failed =
      socket ? ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) : ::pipe2(ends.data(), O_CLOEXEC);
  if (failed != 0) throw system_error("worker", "make a pipe", errno);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

void set_nonblocking(int descriptor) { ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK); }

pid_t launch(const ChildSpec& spec, const ChildSetup& setup) {
  boost::asio::io_context context;
  boost::system::error_code error;
  const bp::filesystem::path executable(spec.executable);
  bp::posix::default_launcher launcher;
  try {
    auto process = launcher(context.get_executor(), error, executable, spec.arguments, setup);
    if (!error) static_cast<void>(process.detach());
  } catch (const boost::system::system_error&) {
    // Kernels before 5.3 have no descriptors of processes, which Boost's handle is made of after the program has begun.
    // None is needed here; before that there is no child.
    if (launcher.pid <= 0) throw;
  }
  if (error) {
    // The keeper of a program that was never started ends by itself.
    while (launcher.pid > 0 && ::waitpid(launcher.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    throw Error(ErrorKind::worker, spec.executable.string(), fmt::format("cannot be started: {}", error.message()),
                "check that the file is executable here; `goldseal runtime build --torch DIR` builds a worker for a "
                "PyTorch installation");
  }
  return launcher.pid;
}

// What a model that ended its keeper is found by.
std::string make_mark() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw system_error("worker", "draw a random number", errno);
  std::string mark = fmt::format("{}=", k_run_mark);
  for (const auto byte : bytes) fmt::format_to(std::back_inserter(mark), "{:02x}", byte);
  return mark;
}

Ending to_ending(int status) {
  if (WIFSIGNALED(status)) return {0, WTERMSIG(status)};
  return {WEXITSTATUS(status), 0};
}

int poll_timeout(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

}  // namespace

std::string Ending::describe() const {
  if (signal == 0) return fmt::format("exit code {}", exit_code);
  const char* const name = ::sigabbrev_np(signal);
  return fmt::format("signal {} (SIG{})", signal, name == nullptr ? "?" : name);
}

void OutputTail::append(std::string_view bytes) {
  m_total += bytes.size();
  m_text += bytes;
  if (m_text.size() > 2 * k_tail_bytes) m_text.erase(0, m_text.size() - k_tail_bytes);
}

ChildProcess::ChildProcess(const ChildSpec& spec) {
  auto [channel, channel_child] = make_pair(true);
  auto [out, out_child] = make_pair(false);
  auto [err, err_child] = make_pair(false);
  auto [leash, leash_child] = make_pair(true);
  const Descriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (null.get() < 0) throw system_error("/dev/null", "open the file", errno);
  std::vector<const char*> variables;
  for (const auto& variable : spec.environment) variables.push_back(variable.c_str());
  m_mark = make_mark();
  variables.push_back(m_mark.c_str());
  variables.push_back(nullptr);
  m_pid = launch(spec, {channel_child.get(), out_child.get(), err_child.get(), null.get(), leash_child.get(),
                        variables.data(), spec.sandbox});
  m_leash = leash.release();
  m_channel = channel.release();
  m_out = out.release();
  m_err = err.release();
  for (const int descriptor : {m_channel, m_out, m_err}) set_nonblocking(descriptor);
}

ChildProcess::ChildProcess(int channel) : m_channel(channel) {
  if (::fcntl(channel, F_SETFD, FD_CLOEXEC) != 0) throw system_error("--runtime attached", "use its channel", errno);
  set_nonblocking(channel);
}

ChildProcess::~ChildProcess() {
  stop();
  close_all();
}

void ChildProcess::close_all() {
  for (int* const descriptor : {&m_leash, &m_channel, &m_out, &m_err}) {
    if (*descriptor >= 0) ::close(std::exchange(*descriptor, -1));
  }
}

void ChildProcess::drain(int& descriptor, OutputTail& tail) const {
  std::array<char, 16U << 10U> buffer{};
  // A bounded number of reads, so that a flood cannot keep this loop from its deadline.
  for (int i = 0; i < 16 && descriptor >= 0; ++i) {
    const auto count = ::read(descriptor, buffer.data(), buffer.size());
    if (count > 0) {
      tail.append({buffer.data(), static_cast<std::size_t>(count)});
    } else {
      if (count == 0) ::close(std::exchange(descriptor, -1));
      return;
    }
  }
}

ChildProcess::Event ChildProcess::wait(Want want, Deadline deadline) {
  for (;;) {
    if (interrupting_signal() != 0) return Event::interrupted;
    std::array<pollfd, 5> polled{{{m_channel, static_cast<short>(want == Want::read ? POLLIN : POLLOUT), 0},
                                  {m_out, POLLIN, 0},
                                  {m_err, POLLIN, 0},
                                  {m_leash, POLLIN, 0},
                                  {interrupt_descriptor(), POLLIN, 0}}};
    const int ready = ::poll(polled.data(), polled.size(), poll_timeout(deadline));
    if (ready < 0 && errno != EINTR) throw system_error("worker", "wait for it", errno);
    drain(m_out, m_output);
    drain(m_err, m_errors);
    if (m_output.total() + m_errors.total() > k_flood_bytes) return Event::output_flood;
    if (ready > 0 && (polled[0].revents & (POLLIN | POLLOUT)) != 0) return Event::channel_ready;
    if (ready > 0 && polled[3].revents != 0) return Event::ended;
    if (ready > 0 && (polled[0].revents & (POLLHUP | POLLERR)) != 0) return Event::channel_ready;
    if (std::chrono::steady_clock::now() >= deadline) return Event::deadline;
  }
}

Ending ChildProcess::stop() {
  if (m_ending) return *m_ending;
  // The end of its channel tells a healthy worker to leave.
  ::close(std::exchange(m_channel, -1));
  m_ending = m_pid < 0 ? Ending{} : end_process();
  drain(m_out, m_output);
  drain(m_err, m_errors);
  return *m_ending;
}

Ending ChildProcess::end_process() {
  const auto kept = end_kept(m_pid, std::exchange(m_leash, -1), k_grace, k_reap_limit);
  if (!kept.keeper_told) kill_marked(m_mark);
  return kept.status ? to_ending(*kept.status) : Ending{0, SIGKILL};
}

std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& changes) {
  std::vector<std::string> result;
  for (char** entry = ::environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto name = text.substr(0, text.find('='));
    const auto replaced = std::ranges::any_of(changes, [&](const auto& change) { return change.first == name; });
    if (!replaced) result.emplace_back(text);
  }
  for (const auto& [name, value] : changes) result.push_back(fmt::format("{}={}", name, value));
  return result;
}

}  // namespace goldseal

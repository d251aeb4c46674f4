// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/probe/guarded_probe.hpp>

#include <goldseal/base/bytes/bounded_json.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/running/descriptor_range.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

namespace goldseal {
namespace {

using Json = nlohmann::json;
constexpr std::size_t k_most_received = 4U << 20U;
constexpr int k_most_nested = 4;
constexpr std::string_view k_error_name = "error";

Json to_json(const FactValue& value) {
  return std::visit([](const auto& v) { return Json(v); }, value);
}

FactValue from_json(const Json& json) {
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_array()) return json.get<std::vector<std::string>>();
  return json.get<std::string>();
}

void send(int pipe, const Json& message) {
  auto line = message.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  for (std::string_view rest = line; !rest.empty();) {
    const auto count = ::write(pipe, rest.data(), rest.size());
    if (count < 0 && errno != EINTR) ::_exit(1);
    if (count > 0) rest.remove_prefix(static_cast<std::size_t>(count));
  }
}

// The child keeps nothing open but its pipe: one that hangs for good must not hold the terminal, or the pipe behind
// `goldseal probe | head`.
int keep_only(int pipe) {
  const int null = ::open("/dev/null", O_RDWR);
  for (int standard = 0; standard < 3 && null >= 0; ++standard) ::dup2(null, standard);
  ::dup2(pipe, 3);
  close_descriptors(4, ~0U, Closing::now);
  return 3;
}

[[noreturn]] void run_child(int pipe, const std::function<void(const FactSink&)>& gather) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  for (const int signal : {SIGPIPE, SIGXFSZ, SIGBUS}) ::signal(signal, SIG_DFL);
  const int out = keep_only(pipe);
  try {
    gather([out](const std::string& name, const FactValue& value, const std::string& origin) {
      send(out, Json{{"name", name}, {"value", to_json(value)}, {"origin", origin}});
    });
  } catch (const std::exception& error) {
    send(out, Json{{k_error_name, error.what()}});
  }
  ::_exit(0);
}

Json read_message(std::string_view line) {
  try {
    return parse_json(line, "probe", {k_most_received, k_most_nested});
  } catch (const Error&) {
    return {};
  }
}

// Hands on every whole message of a child; returns the error that it reported, if any.
std::string pass_on(std::string_view received, const FactSink& fact) {
  std::string problem;
  for (const auto line : split(received, '\n')) {
    const auto message = read_message(line);
    if (!message.is_object()) continue;  // cut off by the child's end
    if (message.contains(k_error_name)) {
      problem = message.at(k_error_name).get<std::string>();
    } else {
      fact(message.at("name").get<std::string>(), from_json(message.at("value")),
           message.at("origin").get<std::string>());
    }
  }
  return problem;
}

}  // namespace

GuardedProbe::GuardedProbe(const std::function<void(const FactSink&)>& gather) : m_began(Clock::now()) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
  m_child = ::fork();
  if (m_child == 0) run_child(ends[1], gather);
  ::close(ends[1]);
  m_pipe = ends[0];
}

GuardedProbe::~GuardedProbe() {
  if (m_child > 0) {
    ::kill(m_child, SIGKILL);
    static_cast<void>(reap());
  }
  if (m_pipe >= 0) ::close(m_pipe);
}

// True where the child closed its end before the deadline.
bool GuardedProbe::read_until(Clock::time_point deadline) {
  std::array<char, 16384> buffer{};
  while (m_received.size() < k_most_received) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waiting{m_pipe, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const auto count = ::read(m_pipe, buffer.data(), buffer.size());
    if (count == 0) return true;
    if (count < 0 && errno != EINTR) return false;
    if (count > 0) m_received.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return false;
}

// The child's wait status. One that is stuck in the kernel cannot be collected in time: it is left to init.
std::optional<int> GuardedProbe::reap() {
  const auto child = std::exchange(m_child, -1);
  for (int tries = 0; tries < 250; ++tries) {
    int status = 0;
    const auto ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) return status;
    if (ended < 0 && errno != EINTR) break;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return std::nullopt;
}

std::string GuardedProbe::collect(Clock::time_point deadline, const FactSink& fact) {
  if (m_child < 0) return "no child process could be started";
  const bool closed = read_until(deadline);
  if (!closed) ::kill(m_child, SIGKILL);
  const auto status = reap();
  const auto problem = pass_on(m_received, fact);
  if (!closed) {
    const std::chrono::duration<double> waited = Clock::now() - m_began;
    return fmt::format("no answer within {:.1f} s", waited.count());
  }
  if (status && WIFSIGNALED(*status))
    return fmt::format("crashed (signal {}, {})", WTERMSIG(*status), ::strsignal(WTERMSIG(*status)));
  return problem;
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/channel.hpp>

#include <goldseal/base/bytes/bounded_json.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/running/interrupt.hpp>

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

using Json = nlohmann::json;

constexpr std::size_t k_max_line = 64U << 20U;
constexpr int k_max_depth = 32;  // of nested JSON; the protocol needs five

std::string random_nonce() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw system_error("worker", "draw a random number", errno);
  }
  std::string text;
  for (const auto byte : bytes) fmt::format_to(std::back_inserter(text), "{:02x}", byte);
  return text;
}

// Of any length in the message; bounded here.
std::string text_member(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? escape_unprintable(found->get_ref<const std::string&>())
                                                     : std::string();
}

// What the machine refused a worker, or the model in it, is not the model's fault, whatever kind the worker takes it for:
// a file that cannot be opened or written, as workers say it, and what the C library calls a full disk or too few
// descriptors.
bool is_of_the_system(std::string_view message) {
  constexpr std::array<std::string_view, 4> k_calls{"cannot be opened: ", "cannot be read: ", "cannot be mapped: ",
                                                    "cannot be written: "};
  constexpr std::array<std::string_view, 5> k_reasons{"No space left on device", "Disk quota exceeded",
                                                      "Too many open files", "Input/output error", "File too large"};
  return std::ranges::any_of(k_calls, [&](auto call) { return message.starts_with(call); }) ||
         std::ranges::any_of(k_reasons, [&](auto reason) { return message.find(reason) != std::string_view::npos; });
}

// Bytes that are not UTF-8 cannot be told; others in their place would name another file.
std::string line_of(const Json& message) {
  try {
    return message.dump();
  } catch (const Json::type_error&) {
    throw Error(ErrorKind::io, message.dump(-1, ' ', false, Json::error_handler_t::replace),
                "expected text in UTF-8, which alone a worker can be told, found other bytes",
                "rename what it names, or name it by a link whose path is in UTF-8");
  }
}

// An object; nothing for any other line.
Json read_line(const std::string& line) {
  try {
    return parse_json(line, "worker", {k_max_line, k_max_depth});
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

Channel::Channel(ChildProcess& child, std::string name, Deadline deadline)
    : m_child(child), m_name(std::move(name)), m_deadline(deadline), m_nonce(random_nonce()) {}

Json Channel::request(std::string_view op, Json members) {
  m_stage = op;
  m_failure.reset();  // of an earlier request that the worker survived
  const auto id = ++m_last_id;
  members["op"] = op;
  members["id"] = id;
  send(line_of(members) + '\n');
  for (;;) {
    auto reply = parse(receive(), id);
    if (reply.contains("progress")) continue;
    const auto ok = reply.find("ok");
    if (ok == reply.end() || !ok->is_boolean())
      fail(WorkerFailure::Kind::violated, "sent a reply that neither accepts nor refuses");
    if (!ok->get<bool>()) refuse(reply.value("error", Json::object()));
    return reply;
  }
}

void Channel::send(std::string_view line) {
  while (!line.empty()) {
    const auto event = m_child.wait(ChildProcess::Want::write, m_deadline);
    if (event != ChildProcess::Event::channel_ready) fail_on(event);
    const auto sent = ::send(m_child.channel(), line.data(), line.size(), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    // The other end is closed: how the process ended says more than EPIPE.
    if (sent < 0) fail_on(ChildProcess::Event::ended);
    line.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string Channel::receive() {
  std::size_t searched = 0;
  for (;;) {
    const auto end = m_received.find('\n', searched);
    if (end != std::string::npos) {
      auto line = m_received.substr(0, end);
      m_received.erase(0, end + 1);
      return line;
    }
    searched = m_received.size();
    if (m_received.size() > k_max_line) fail(WorkerFailure::Kind::violated, "sent a message without end");
    const auto event = m_child.wait(ChildProcess::Want::read, m_deadline);
    if (event != ChildProcess::Event::channel_ready) fail_on(event);
    std::vector<char> buffer(64U << 10U);
    const auto count = ::recv(m_child.channel(), buffer.data(), buffer.size(), 0);
    if (count > 0) m_received.append(buffer.data(), static_cast<std::size_t>(count));
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) fail_on(ChildProcess::Event::ended);
  }
}

Json Channel::parse(const std::string& line, std::int64_t id) {
  auto message = read_line(line);
  if (!message.is_object()) {
    fail(WorkerFailure::Kind::violated,
         fmt::format("sent a line that is not a JSON message: {:.60}", escape_unprintable(line.substr(0, 60))));
  }
  if (message.value("nonce", Json()) != m_nonce)
    fail(WorkerFailure::Kind::violated, "answered with another run's nonce");
  if (message.value("id", Json()) != id) fail(WorkerFailure::Kind::violated, "answered another request");
  return message;
}

void Channel::fail(WorkerFailure::Kind kind, std::string what) {
  m_child.stop();
  m_failure = {kind, m_stage, std::move(what), m_child.errors().text()};
  throw Error(ErrorKind::worker, m_name, fmt::format("in step `{}`: the worker {}", m_stage, m_failure->summary));
}

void Channel::fail_on(ChildProcess::Event event) {
  switch (event) {
    case ChildProcess::Event::interrupted:
      m_child.stop();
      throw_if_interrupted();
      break;
    case ChildProcess::Event::deadline:
      fail(WorkerFailure::Kind::hung, "did not answer in time and was ended");
    case ChildProcess::Event::output_flood:
      fail(WorkerFailure::Kind::flooded, "printed without end and was ended");
    case ChildProcess::Event::ended:
    case ChildProcess::Event::channel_ready:
      break;
  }
  const auto ending = m_child.stop();
  fail(WorkerFailure::Kind::crashed, fmt::format("ended with {} before it answered", ending.describe()));
}

void Channel::refuse(const Json& error) {
  auto message = text_member(error, "message");
  const auto kind = is_of_the_system(message) ? "io" : text_member(error, "kind");
  auto where = text_member(error, "where");
  auto remedy = text_member(error, "remedy");
  if (kind == "usage") throw Error(ErrorKind::usage, std::move(where), std::move(message), std::move(remedy));
  if (kind == "malformed") throw Error(ErrorKind::malformed, std::move(where), std::move(message), std::move(remedy));
  if (kind == "unsupported")
    throw Error(ErrorKind::unsupported, std::move(where), std::move(message), std::move(remedy));
  if (kind == "io") throw Error(ErrorKind::io, std::move(where), std::move(message), std::move(remedy));
  m_failure = {kind == "memory" ? WorkerFailure::Kind::memory : WorkerFailure::Kind::raised, m_stage, message,
               m_child.errors().text()};
  throw Error(ErrorKind::worker, m_name, fmt::format("in step `{}`: {}", m_stage, message), std::move(remedy));
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include "protocol/channel.hpp"

#include "protocol/error.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace goldseal::worker {

Channel::Channel(int descriptor) : m_descriptor(descriptor) {}

bool Channel::read_line(std::string& line) {
  std::size_t searched = 0;
  for (;;) {
    const auto end = m_buffer.find('\n', searched);
    if (end != std::string::npos) {
      line.assign(m_buffer, 0, end);
      m_buffer.erase(0, end + 1);
      return true;
    }
    searched = m_buffer.size();
    if (searched >= k_max_message_bytes) throw Refusal(RefusalKind::usage, "a message is longer than 64 MiB");
    char chunk[65536];
    const auto got = read(m_descriptor, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    m_buffer.append(chunk, static_cast<std::size_t>(got));
  }
}

std::optional<nlohmann::json> Channel::receive() {
  std::string line;
  if (!read_line(line)) return std::nullopt;
  auto message = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!message.is_object()) throw Refusal(RefusalKind::usage, "a message is not a JSON object");
  return message;
}

bool Channel::send(nlohmann::json message) {
  message["nonce"] = m_nonce;
  // Names and error texts come from files; bytes outside UTF-8 must not end the run.
  auto line = message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  line += '\n';
  for (std::size_t sent = 0; sent < line.size();) {
    const auto put = ::send(m_descriptor, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    sent += static_cast<std::size_t>(put);
  }
  return true;
}

}  // namespace goldseal::worker

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <optional>
#include <string>

namespace goldseal::worker {

inline constexpr std::size_t k_max_message_bytes = std::size_t{64} << 20;

/// The socket to goldseal: one JSON object a line in each direction (PROTOCOL.md, Transport).
class Channel {
 public:
  explicit Channel(int descriptor);

  /// The next message, or nothing when the other end has closed. Throws Refusal (usage) when the line is too long or is
  /// not a JSON object: it has no id to answer.
  std::optional<nlohmann::json> receive();

  /// Sends `message` with the run's nonce. False when the other end has closed.
  bool send(nlohmann::json message);

  void set_nonce(std::string nonce) { m_nonce = std::move(nonce); }

 private:
  bool read_line(std::string& line);

  int m_descriptor;
  std::string m_nonce;
  std::string m_buffer;
};

}  // namespace goldseal::worker

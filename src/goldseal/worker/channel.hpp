// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/worker/child_process.hpp>
#include <goldseal/worker/worker.hpp>

#include <nlohmann/json.hpp>

#include <functional>
#include <string>

namespace goldseal {

/// Requests and replies over a child's socket, as PROTOCOL.md has them: ids, nonce, line length, deadline.
class Channel {
 public:
  Channel(ChildProcess& child, std::string name, Deadline deadline);

  /// Sends `op` with `members` and returns the reply. A refusal and a broken worker are thrown as worker.hpp says.
  nlohmann::json request(std::string_view op, nlohmann::json members);

  [[nodiscard]] const std::string& nonce() const { return m_nonce; }
  [[nodiscard]] const std::optional<WorkerFailure>& failure() const { return m_failure; }

 private:
  void send(std::string_view line);
  std::string receive();
  nlohmann::json parse(const std::string& line, std::int64_t id);
  [[noreturn]] void fail(WorkerFailure::Kind kind, std::string what);
  [[noreturn]] void fail_on(ChildProcess::Event event);
  [[noreturn]] void refuse(const nlohmann::json& error);

  ChildProcess& m_child;
  std::string m_name;
  Deadline m_deadline;
  std::string m_nonce;
  std::string m_received;
  std::string m_stage;
  std::int64_t m_last_id = 0;
  std::optional<WorkerFailure> m_failure;
};

}  // namespace goldseal

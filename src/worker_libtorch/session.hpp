// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "networks/network.hpp"
#include "numerics/float64_run.hpp"
#include "numerics/streaming.hpp"
#include "protocol/channel.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <string>

namespace goldseal::worker {

/// Answers the requests of one run, in order (PROTOCOL.md).
class Session {
 public:
  /// `gpu_library_error` is what open_gpu_library() gave.
  Session(Channel& channel, std::string gpu_library_error, Builders builders);

  /// Until `bye` or until the other end closes. Throws Refusal for a message that cannot be answered: it has no id.
  void serve();

 private:
  using Reply = nlohmann::json;
  struct Operation {
    const char* name;
    Reply (Session::*handler)(const nlohmann::json& request);
  };
  static const Operation k_operations[];

  Reply answer(const nlohmann::json& request);
  Reply dispatch(const nlohmann::json& request);

  Reply hello(const nlohmann::json& request);
  Reply environment(const nlohmann::json& request);
  Reply build(const nlohmann::json& request);
  Reply load(const nlohmann::json& request);
  nlohmann::json outside() const;
  Reply digest(const nlohmann::json& request);
  Reply run(const nlohmann::json& request);
  Reply gradients(const nlohmann::json& request);
  Reply bye(const nlohmann::json& request);

  Network& network() const;
  void require_filled() const;

  Channel& m_channel;
  std::string m_gpu_library_error;
  Builders m_builders;
  std::string m_directory;
  std::unique_ptr<Network> m_network;
  Streaming m_streaming;  // of m_network
  Float64Runs m_float64;      // of m_network
  std::uint64_t m_last_id = 0;
  bool m_greeted = false;
  bool m_finished = false;
};

}  // namespace goldseal::worker

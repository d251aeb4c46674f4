// SPDX-License-Identifier: Apache-2.0
// What a signature of a model says: which files it has, with their digests (OpenSSF Model Signing v1.0, a predicate of
// in-toto). This file reads and writes that statement. It is read only after its signature was found good.
#pragma once

#include <goldseal/base/bytes/sha256.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::signing {

inline constexpr std::string_view k_model_predicate = "https://model_signing/signature/v1.0";
inline constexpr std::string_view k_old_predicate = "https://model_signing/Digests/v0.1";

/// A file of the model, or a shard of one.
struct Resource {
  std::string name;  ///< a good one (resource_name.hpp), or `.` for a model that is one file
  std::vector<std::uint8_t> digest;
  /// Of a shard: which bytes of the file.
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  std::optional<Range> shard = {};
};

struct ModelStatement {
  std::string subject;  ///< a name for people
  std::vector<Resource> resources;
  std::string hash = "sha256";
  bool allow_symlinks = false;
  std::vector<std::string> ignored;
};

/// SHA-256 over the resources' digests, in their order: the statement's subject.
[[nodiscard]] Digest root_of(const ModelStatement& statement);

/// The statement as JSON. The same statement gives the same bytes.
[[nodiscard]] std::string write_model_statement(const ModelStatement& statement);

/// Throws Error{malformed} for what is no such statement: another root, a name that stands twice or leads elsewhere;
/// Error{unsupported} for another predicate, with its name.
[[nodiscard]] ModelStatement read_model_statement(std::string_view payload, const std::string& where);

/// Whether a payload, whose signature is not good, is one of version 0.2, which signed other bytes: for the message.
[[nodiscard]] bool looks_like_old_statement(std::string_view payload);

}  // namespace goldseal::signing

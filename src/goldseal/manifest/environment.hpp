// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace goldseal {

/// What is known of a machine under one dotted name.
using FactValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;

struct Fact {
  FactValue value;
  std::string origin;  ///< where it was read: a file, a library's function, a command line
  friend bool operator==(const Fact&, const Fact&) = default;
};

/// A machine as facts with dotted names: `torch.version`, `cpu.isa`, `gpu.0.name`. Flat, so that an environment written
/// by a newer goldseal keeps what this one does not know, and that a policy can have a rule for any name.
/// manifests/FORMAT.md lists the names.
class Environment {
 public:
  using Facts = std::map<std::string, Fact, std::less<>>;

  /// Bytes that are not UTF-8, as paths and variables may have, become text (base/messages/text.hpp):
  /// what is written must be read.
  void set(std::string name, FactValue value, std::string origin);
  /// Adds all of `other`; where both know a name, `other` wins.
  void merge(const Environment& other);
  /// Drops the names of this prefix (`host.` or one whole name).
  void forget(std::string_view prefix);

  [[nodiscard]] const Fact* find(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  /// The value as text, integer, list …; nothing where the fact is missing or of another type.
  [[nodiscard]] std::optional<std::string> text(std::string_view name) const;
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name) const;
  [[nodiscard]] std::optional<bool> boolean(std::string_view name) const;
  [[nodiscard]] std::optional<std::vector<std::string>> list(std::string_view name) const;
  /// The value as a person reads it: `2.13.0`, `true`, `avx2, avx512f`; empty where it is missing.
  [[nodiscard]] std::string shown(std::string_view name) const;

  [[nodiscard]] const Facts& facts() const { return m_facts; }
  [[nodiscard]] bool empty() const { return m_facts.empty(); }
  friend bool operator==(const Environment&, const Environment&) = default;

 private:
  Facts m_facts;
};

[[nodiscard]] std::string to_string(const FactValue& value);

/// Where a machine serves, if someone said so: `cpu` or `cuda`.
inline constexpr std::string_view k_serving_device = "serving.device";
inline constexpr std::string_view k_serves_on_cpu = "cpu";
inline constexpr std::string_view k_serves_on_cuda = "cuda";
[[nodiscard]] bool is_serving_device(std::string_view device);

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace goldseal {

/// A SHA-256 digest.
struct Digest {
  std::array<std::uint8_t, 32> bytes{};
  friend auto operator<=>(const Digest&, const Digest&) = default;
};

/// 64 lower-case hexadecimal digits, and back; nothing where the text is not that.
[[nodiscard]] std::string to_hex(const Digest& digest);
[[nodiscard]] std::optional<Digest> parse_digest(std::string_view hex);

/// Incremental SHA-256, by OpenSSL, which picks the processor's SHA extensions.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  /// Throws Error{interrupted} once the user has asked to stop.
  void update(std::span<const std::byte> bytes);
  /// The digest of everything so far; the object is spent afterwards.
  [[nodiscard]] Digest finish();

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

/// Throws Error{interrupted} once the user has asked to stop: 60 GB take minutes.
[[nodiscard]] Digest sha256(std::span<const std::byte> bytes);
[[nodiscard]] Digest sha256(std::string_view text);

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// Others ask what a model is made of in a format of their own. This file writes a seal as a CycloneDX bill of materials,
// nothing more than the seal knows: neither licence nor training data. merge.hpp adds what its user knows.
#pragma once

#include <goldseal/manifest/manifest.hpp>

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>

namespace goldseal::bom {

/// The version of CycloneDX that is written.
inline constexpr std::string_view k_spec_version = "1.6";

/// What a bill of materials says beside the manifest.
struct SealFiles {
  std::string name;                  ///< of the seal's directory
  Digest root;                       ///< OpenSeal::root
  Digest manifest_sha256;
  std::optional<Digest> signature;   ///< of model.sig, where the seal has one
};

/// The same seal gives the same document.
[[nodiscard]] nlohmann::ordered_json cyclonedx(const Manifest& manifest, const SealFiles& files);

}  // namespace goldseal::bom

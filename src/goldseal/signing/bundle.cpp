// SPDX-License-Identifier: Apache-2.0
#include <goldseal/signing/bundle.hpp>

#include <goldseal/base/bytes/base64.hpp>
#include <goldseal/base/bytes/bounded_json.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/signing/json_fields.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace goldseal::signing {
namespace {

using nlohmann::json;

constexpr std::string_view k_media_type = "application/vnd.dev.sigstore.bundle.v0.3+json";
constexpr std::string_view k_any_media_type = "application/vnd.dev.sigstore.bundle";
constexpr const char* k_remedy = "take the signature from its source again, or have it written again";
constexpr std::size_t k_most_certificates = 16;

class BundleReader : JsonFields {
 public:
  explicit BundleReader(const std::string& where) : JsonFields(where, k_remedy) {}

  Bundle read(const json& document) {
    require_members(document, "the bundle", {"mediaType", "verificationMaterial", "dsseEnvelope", "messageSignature"});
    require_version(text(document, "", "mediaType"));
    if (document.contains("messageSignature"))
      throw Error(ErrorKind::unsupported, where(),
                  "expected a bundle with a dsseEnvelope, found a messageSignature: it signs one file and no model",
                  "have the model signed as OpenSSF Model Signing says: `goldseal sign`, `model_signing sign`");
    read_material(object(document, "", "verificationMaterial"));
    read_envelope(object(document, "", "dsseEnvelope"));
    return std::move(m_bundle);
  }

 private:
  std::vector<std::uint8_t> bytes(const json& value, const std::string& path, const char* name) const {
    return decode_base64(text(value, path, name), fmt::format("{}: {}{}", where(), path, name));
  }

  void require_version(const std::string& media_type) const {
    if (media_type == k_media_type) return;
    if (!media_type.starts_with(k_any_media_type))
      refuse(fmt::format("mediaType: expected {}, found {}", k_media_type, shown(media_type)));
    decline(fmt::format("mediaType: expected {}, found another version: {}", k_media_type, shown(media_type)));
  }

  void read_material(const json& material) {
    require_members(material, "verificationMaterial",
                    {"publicKey", "x509CertificateChain", "certificate", "tlogEntries", "timestampVerificationData"});
    constexpr std::array k_methods{"publicKey", "x509CertificateChain", "certificate"};
    const auto count = std::ranges::count_if(k_methods, [&](const char* name) { return material.contains(name); });
    if (count != 1)
      refuse(fmt::format("verificationMaterial: expected one of publicKey, x509CertificateChain and certificate, found {}",
                         count == 0 ? "none" : "several"));
    if (material.contains("publicKey")) return read_public_key(object(material, "verificationMaterial.", "publicKey"));
    if (material.contains("x509CertificateChain"))
      return read_chain(object(material, "verificationMaterial.", "x509CertificateChain"));
    m_bundle.method = Method::keyless;
    read_certificate(material.at("certificate"), "verificationMaterial.certificate");
    if (array(material, "verificationMaterial.", "tlogEntries").empty())
      refuse("verificationMaterial.tlogEntries: expected an entry of the log, found none");
  }

  void read_public_key(const json& key) {
    const std::string path = "verificationMaterial.publicKey.";
    require_members(key, "verificationMaterial.publicKey", {"hint", "rawBytes", "keyDetails", "validFor"});
    if (key.contains("hint")) {
      m_bundle.hint = text(key, path, "hint");
      if (!m_bundle.hint.empty() && !parse_digest(m_bundle.hint))
        refuse(fmt::format("{}hint: expected the SHA-256 of a key as 64 lower-case hexadecimal digits, found {}", path,
                           shown(key.at("hint"))));
    }
    if (!key.contains("rawBytes")) return;
    const auto raw = bytes(key, path, "rawBytes");
    const auto keys =
        read_public_keys({reinterpret_cast<const char*>(raw.data()), raw.size()}, where() + ": " + path + "rawBytes");
    if (keys.size() != 1) refuse(path + "rawBytes: expected one public key in PEM, found none or several");
    m_bundle.raw_key = keys.front();
  }

  void read_chain(const json& chain) {
    m_bundle.method = Method::certificate;
    const std::string path = "verificationMaterial.x509CertificateChain.";
    require_members(chain, "verificationMaterial.x509CertificateChain", {"certificates"});
    const auto& certificates = array(chain, path, "certificates");
    if (certificates.empty() || certificates.size() > k_most_certificates)
      refuse(fmt::format("{}certificates: expected 1 to {}, found {}", path, k_most_certificates, certificates.size()));
    for (std::size_t i = 0; i < certificates.size(); ++i)
      read_certificate(certificates[i], fmt::format("{}certificates[{}]", path, i));
  }

  void read_certificate(const json& certificate, const std::string& path) {
    require_members(certificate, path, {"rawBytes"});
    const auto der = bytes(certificate, path + ".", "rawBytes");
    m_bundle.chain.push_back(Certificate::from_der(der, fmt::format("{}: {}", where(), path)));
  }

  void read_envelope(const json& envelope) {
    require_members(envelope, "dsseEnvelope", {"payload", "payloadType", "signatures"});
    const auto payload = bytes(envelope, "dsseEnvelope.", "payload");
    m_bundle.envelope.payload.assign(payload.begin(), payload.end());
    m_bundle.envelope.payload_type = text(envelope, "dsseEnvelope.", "payloadType");
    if (m_bundle.envelope.payload_type != k_in_toto_type)
      refuse(fmt::format("dsseEnvelope.payloadType: expected {}, found {}", k_in_toto_type,
                         shown(m_bundle.envelope.payload_type)));
    const auto& signatures = array(envelope, "dsseEnvelope.", "signatures");
    if (signatures.size() != 1)
      refuse(fmt::format("dsseEnvelope.signatures: expected one signature, found {}", signatures.size()));
    const auto& signature = signatures.front();
    require_members(signature, "dsseEnvelope.signatures[0]", {"sig", "keyid"});
    if (const auto id = signature.find("keyid"); id != signature.end() && !id->is_null() && !id->is_string())
      refuse(fmt::format("dsseEnvelope.signatures[0].keyid: expected text, found {}", shown(*id)));
    m_bundle.envelope.signature = bytes(signature, "dsseEnvelope.signatures[0].", "sig");
    if (m_bundle.envelope.signature.empty()) refuse("dsseEnvelope.signatures[0].sig: expected a signature, found none");
  }

  Bundle m_bundle;
};

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

nlohmann::ordered_json material_of(const Bundle& bundle) {
  nlohmann::ordered_json material;
  if (bundle.method == Method::key) {
    material["publicKey"]["hint"] = bundle.hint;
  } else {
    auto& certificates = material["x509CertificateChain"]["certificates"] = nlohmann::ordered_json::array();
    for (const auto& certificate : bundle.chain) certificates.push_back({{"rawBytes", base64(certificate.der())}});
  }
  material["tlogEntries"] = nlohmann::ordered_json::array();
  return material;
}

}  // namespace

Bundle read_bundle(std::string_view text, const std::string& where) {
  JsonLimits limits;
  limits.bytes = k_max_bundle_bytes;
  limits.depth = 16;
  const auto document = parse_json(text, where, limits, k_remedy);
  try {
    return BundleReader(where).read(document);
  } catch (const Error& error) {
    // A key of another kind is the bundle's fault here, not the user's.
    if (error.kind() != ErrorKind::usage) throw;
    throw Error(ErrorKind::unsupported, error.where(), error.message(), k_remedy);
  }
}

std::string write_bundle(const Bundle& bundle) {
  nlohmann::ordered_json document;
  document["mediaType"] = k_media_type;
  document["verificationMaterial"] = material_of(bundle);
  auto& envelope = document["dsseEnvelope"];
  envelope["payload"] = base64(bytes_of(bundle.envelope.payload));
  envelope["payloadType"] = bundle.envelope.payload_type;
  envelope["signatures"] = {{{"sig", base64(bundle.envelope.signature)}, {"keyid", ""}}};
  return document.dump();
}

}  // namespace goldseal::signing

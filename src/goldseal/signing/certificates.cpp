// SPDX-License-Identifier: Apache-2.0
#include <goldseal/signing/certificates.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/signing/pem.hpp>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace goldseal::signing {
namespace {

std::shared_ptr<X509> shared(X509* certificate) { return {certificate, &X509_free}; }

std::string text_of(const ASN1_STRING* string) {
  unsigned char* utf8 = nullptr;
  const int length = ASN1_STRING_to_UTF8(&utf8, string);
  std::string text(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(std::max(length, 0)));
  OPENSSL_free(utf8);
  return text;
}

std::string common_name(const X509* certificate) {
  const auto* const subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  return at < 0 ? std::string() : text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

}  // namespace

Certificate::Certificate(std::shared_ptr<x509_st> certificate, std::string name)
    : m_certificate(std::move(certificate)), m_name(std::move(name)) {}

Certificate Certificate::from_der(std::span<const std::uint8_t> der, const std::string& where) {
  const auto* at = der.data();
  auto read = shared(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (!read || at != der.data() + der.size())
    throw Error(ErrorKind::malformed, where, fmt::format("expected a certificate in DER, found none: {}", openssl_reason()),
                "have the bundle written again by the tool that made it");
  return {std::move(read), where};
}

std::vector<std::uint8_t> Certificate::der() const {
  unsigned char* data = nullptr;
  const int length = i2d_X509(m_certificate.get(), &data);
  std::vector<std::uint8_t> bytes(data, data + std::max(length, 0));
  OPENSSL_free(data);
  return bytes;
}

PublicKey Certificate::public_key() const { return {{X509_get_pubkey(m_certificate.get()), &EVP_PKEY_free}, m_name}; }

std::vector<std::string> Certificate::identities() const {
  std::vector<std::string> names;
  auto* const general = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(m_certificate.get(), NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(general); ++i) {
    int type = 0;
    const auto* const value =
        static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(general, i), &type));
    if (type == GEN_EMAIL || type == GEN_URI || type == GEN_DNS) names.push_back(text_of(value));
  }
  GENERAL_NAMES_free(general);
  if (names.empty()) {
    if (auto name = common_name(m_certificate.get()); !name.empty()) names.push_back(std::move(name));
  }
  return names;
}

std::string Certificate::subject() const {
  const Owned<BIO> bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(m_certificate.get()), 0, XN_FLAG_ONELINE);
  return escape_unprintable(signing::text_of(bio.get()));
}

bool Certificate::same_as(const Certificate& other) const {
  return X509_cmp(m_certificate.get(), other.m_certificate.get()) == 0;
}

std::string Certificate::missing_usage() const {
  const auto flags = X509_get_extension_flags(m_certificate.get());
  const bool names_usage = (flags & EXFLAG_KUSAGE) != 0;
  const bool names_purpose = (flags & EXFLAG_XKUSAGE) != 0;
  if (names_usage && (X509_get_key_usage(m_certificate.get()) & KU_DIGITAL_SIGNATURE) == 0)
    return "its key usage lacks digitalSignature";
  if (names_purpose &&
      (X509_get_extended_key_usage(m_certificate.get()) & (XKU_CODE_SIGN | XKU_ANYEKU)) == 0)
    return "its extended key usage lacks codeSigning";
  return names_usage || names_purpose ? "" : "it has neither key usage digitalSignature nor codeSigning";
}

std::vector<Certificate> read_certificates(std::string_view pem, const std::string& name) {
  std::vector<Certificate> certificates;
  for (const auto& block : pem_blocks(pem, name)) {
    if (block.label != PEM_STRING_X509) continue;
    const auto* at = block.der.data();
    auto read = shared(d2i_X509(nullptr, &at, static_cast<long>(block.der.size())));
    const auto reason = openssl_reason();
    if (!read)
      throw Error(ErrorKind::usage, name, fmt::format("expected certificates in PEM, found one that cannot be read: {}", reason),
                  "take the file from its source again");
    certificates.emplace_back(std::move(read), name);
  }
  return certificates;
}

void require_chain(std::span<const Certificate> chain, std::span<const Certificate> trusted, const std::string& where,
                   std::optional<std::int64_t> as_of) {
  const Owned<X509_STORE> store(X509_STORE_new());
  for (const auto& certificate : trusted) X509_STORE_add_cert(store.get(), certificate.m_certificate.get());
  auto* const between = sk_X509_new_null();  // borrows: freed without its members
  for (const auto& certificate : chain.subspan(1)) sk_X509_push(between, certificate.m_certificate.get());
  const Owned<X509_STORE_CTX> context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), chain.front().m_certificate.get(), between);
  // What the user trusts is trusted, also where it is no root.
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_PARTIAL_CHAIN);
  if (as_of) X509_STORE_CTX_set_time(context.get(), 0, static_cast<time_t>(*as_of));
  const bool good = X509_verify_cert(context.get()) == 1;
  const auto error = X509_STORE_CTX_get_error(context.get());
  sk_X509_free(between);
  ERR_clear_error();
  if (good) return;
  const bool time = error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID;
  throw Error(ErrorKind::malformed, where,
              fmt::format("expected a certificate that a trusted one stands behind, found {}: {}",
                          chain.front().subject(), X509_verify_cert_error_string(error)),
              time ? "sign again with a certificate that is valid today: nothing proves when this signature was made. Where "
                     "you know it, say so: --certificate-time 2026-11-24"
                   : "ask the signer for the chain, and give its root, or the certificate itself, as --signed-by");
}

}  // namespace goldseal::signing

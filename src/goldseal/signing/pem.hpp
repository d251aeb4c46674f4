// SPDX-License-Identifier: Apache-2.0
// OpenSSL's objects seen through owners of their own, and its reasons as words. Only this room's .cpp files include it.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::signing {

struct Freed {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, Freed>;

[[nodiscard]] Owned<BIO> memory_of(std::string_view text);
[[nodiscard]] std::string text_of(BIO* bio);

/// What stands between `-----BEGIN LABEL-----` and its end.
struct PemBlock {
  std::string label;
  std::vector<std::uint8_t> der;
};

/// All blocks of a text, in its order; what stands around them is passed over. Throws Error{usage} for one that is broken.
[[nodiscard]] std::vector<PemBlock> pem_blocks(std::string_view text, const std::string& name);

/// Why OpenSSL's last call failed, in its words; what it noted is taken away.
[[nodiscard]] std::string openssl_reason();

}  // namespace goldseal::signing

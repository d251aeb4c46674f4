// SPDX-License-Identifier: Apache-2.0
#include <goldseal/signing/pem.hpp>

#include <goldseal/base/messages/error.hpp>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <new>

namespace goldseal::signing {

Owned<BIO> memory_of(std::string_view text) {
  Owned<BIO> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) throw std::bad_alloc();
  return bio;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const auto length = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(length)};
}

std::vector<PemBlock> pem_blocks(std::string_view text, const std::string& name) {
  const auto bio = memory_of(text);
  std::vector<PemBlock> blocks;
  char* label = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long length = 0;
  while (PEM_read_bio(bio.get(), &label, &header, &data, &length) == 1) {
    blocks.push_back({label, {data, data + length}});
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_free(data);
  }
  const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const auto reason = openssl_reason();
  if (!ended)
    throw Error(ErrorKind::usage, name, fmt::format("expected PEM, found a block that is broken: {}", reason),
                "take the file from its source again, whole");
  return blocks;
}

std::string openssl_reason() {
  const auto code = ERR_peek_last_error();
  const char* const reason = ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "no reason given" : reason;
}

}  // namespace goldseal::signing

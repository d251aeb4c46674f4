// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/signing_options.hpp>

#include <goldseal/base/files/argument_file.hpp>
#include <goldseal/base/files/descriptor.hpp>
#include <goldseal/base/messages/error.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace goldseal::cli {
namespace {

constexpr std::uint64_t k_max_passphrase_bytes = 4096;
constexpr std::uint64_t k_max_signature_bytes = 4096;

[[noreturn]] void refuse(std::string where, std::string message, std::string remedy) {
  throw Error(ErrorKind::usage, std::move(where), std::move(message), std::move(remedy));
}

// The first line: editors end files with a line break.
std::string first_line(std::string text) {
  text.resize(std::min(text.find_first_of("\r\n"), text.size()));
  return text;
}

std::string read_descriptor(int descriptor) {
  std::string text(k_max_passphrase_bytes, '\0');
  std::size_t length = 0;
  for (;;) {
    const auto got = retried([&] { return ::read(descriptor, text.data() + length, text.size() - length); });
    if (got < 0) throw system_error("--passphrase-fd", "read", errno);
    if (got == 0 || length == text.size()) break;
    length += static_cast<std::size_t>(got);
  }
  text.resize(length);
  return text;
}

std::string ask_on_terminal(const std::string& key) {
  const Descriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (terminal.get() < 0)
    refuse(key, "the key is encrypted, and there is no terminal to ask for its passphrase",
           "give --passphrase-file FILE, or --passphrase-fd N");
  std::array<char, 1024> buffer{};
  const auto prompt = fmt::format("Passphrase of {}: ", key);
  if (EVP_read_pw_string(buffer.data(), static_cast<int>(buffer.size()), prompt.c_str(), 0) != 0)
    refuse(key, "the key is encrypted, and no passphrase was given", "give it when asked, or by --passphrase-file FILE");
  return buffer.data();
}

}  // namespace

void SigningOptions::declare(CLI::App& app) {
  app.add_option("--key", key, "The private key (PEM), on P-256, P-384 or P-521")->type_name("FILE");
  app.add_option("--passphrase-file", passphrase_file, "The passphrase of an encrypted key: the file's first line")
      ->type_name("FILE");
  app.add_option("--passphrase-fd", passphrase_descriptor, "An open descriptor that the passphrase is read from")
      ->type_name("N");
  app.add_option("--certificate", certificate, "The key's certificate (PEM), which then says whose the signature is")
      ->type_name("FILE");
  app.add_option("--chain", chain, "Certificates between the signer's and the authority that others trust (PEM)")
      ->type_name("FILE");
  app.add_option("--pae", pae,
                 "Write the bytes to sign, for a key that a token or a service keeps; this run signs nothing")
      ->type_name("FILE");
  app.add_option("--attach", attach,
                 "The signature that a token or a service made over the bytes of --pae, in DER or base64")
      ->type_name("FILE");
  app.add_option("--public-key", public_key, "The public key that belongs to that signature (PEM)")->type_name("FILE");
}

void SigningOptions::require_one_way() const {
  const int ways = static_cast<int>(!key.empty()) + static_cast<int>(!pae.empty()) + static_cast<int>(!attach.empty());
  if (ways != 1)
    refuse("sign", fmt::format("expected one of --key, --pae and --attach, found {}", ways == 0 ? "none" : "several"),
           "--key signs here; --pae FILE writes the bytes that a token is to sign, --attach puts its signature in place");
  if (!attach.empty() && public_key.empty() && certificate.empty())
    refuse("--attach", "expected --public-key or --certificate beside it, found neither", "name the key that made the signature");
  if (!public_key.empty() && attach.empty())
    refuse("--public-key", "expected --attach beside it, found none", "a private key knows its public half");
  if (!chain.empty() && certificate.empty())
    refuse("--chain", "expected --certificate beside it, found none", "give the signer's own certificate as --certificate");
}

signing::SigningMeans SigningOptions::means() const {
  signing::SigningMeans means;
  if (!certificate.empty()) {
    for (const auto& file : {certificate, chain}) {
      if (file.empty()) continue;
      auto read = signing::read_certificates(read_argument_file(file, signing::k_max_key_bytes), file);
      if (read.empty())
        refuse(file, "expected certificates in PEM, found none", "`openssl x509 -inform DER` turns DER into PEM");
      std::ranges::move(read, std::back_inserter(means.chain));
    }
  }
  if (!key.empty()) {
    means.key = signing::load_private_key(key, [this] {
      if (!passphrase_file.empty()) return first_line(read_argument_file(passphrase_file, k_max_passphrase_bytes));
      if (passphrase_descriptor >= 0) return first_line(read_descriptor(passphrase_descriptor));
      return ask_on_terminal(key);
    });
    return means;
  }
  if (!public_key.empty()) means.public_key = signing::load_public_key(public_key);
  const auto signer = means.public_key ? *means.public_key : means.chain.front().public_key();
  try {
    means.signature =
        signing::as_der_signature(read_argument_file(attach, k_max_signature_bytes), signer.coordinate_bytes(), attach);
  } catch (const Error& error) {
    throw as_usage(error);
  }
  return means;
}

}  // namespace goldseal::cli

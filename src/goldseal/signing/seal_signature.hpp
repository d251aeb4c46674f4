// SPDX-License-Identifier: Apache-2.0
// Before a seal is believed, and before a byte of it is parsed, its signature is judged here: whose it is, and that every
// file of the seal is one that was signed. A refusal is a value. What the seal says is left to whoever reads it then.
#pragma once

#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/signing/signature_finding.hpp>
#include <goldseal/signing/signers.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <string>

namespace goldseal::signing {

/// What is asked, and whose signature counts.
struct SignatureDemand {
  Demand demand = Demand::off;
  Signers signers = {};
  std::filesystem::path file = {};  ///< the signature, where it does not lie in the seal
};

/// A file that was signed, as it was when its digest was computed.
struct SignedFile {
  Digest digest;
  std::shared_ptr<const MappedFile> mapped;
};

struct SealSignature {
  SignatureFinding finding;
  std::map<std::string, SignedFile> files;  ///< of a good one: all files of the seal, by name
};

/// Judges the signature of a seal whose directory is open; parses nothing but its signature. Throws Error{io} where a file
/// cannot be read, Error{changed} where it changes meanwhile, and Error{usage} as require_signer does.
[[nodiscard]] SealSignature judge_seal_signature(int directory, const std::filesystem::path& path,
                                                 const SignatureDemand& demand);

}  // namespace goldseal::signing

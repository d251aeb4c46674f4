// SPDX-License-Identifier: Apache-2.0
// A seal can be replaced while it is read. This file opens all files of one seal at one moment,
// through one directory. What they contain is read by their own readers.
#pragma once

#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/signing/seal_signature.hpp>

#include <filesystem>
#include <memory>
#include <optional>

namespace goldseal {

/// A seal as it was at one moment: all its files were opened through one descriptor of its directory, and each is read
/// once. Whatever takes the seal's place meanwhile (`capture --force`), nothing of it is mixed in.
struct OpenSeal {
  std::filesystem::path path;
  Manifest manifest;
  Digest manifest_sha256;                      ///< of the manifest's text: which seal it was
  std::shared_ptr<const MappedFile> golden;    ///< null where the file is missing
  std::shared_ptr<const MappedFile> embedded;  ///< null where nothing is embedded, or the file is missing
  FileState directory;                         ///< when it was opened
  FileState manifest_file;
  signing::SignatureFinding signature = {};          ///< of the demand that it was opened under
  std::optional<Digest> signed_golden = {};          ///< of `golden`, where its signature was judged

  /// Its signature was not good, and had to be: nothing in it was parsed, and all of the above but `path` is empty.
  [[nodiscard]] bool refused() const { return signature.refuses(); }
  /// The sha256 of the golden file as it was found; nothing where it is missing. Throws as require_unwritten does.
  [[nodiscard]] std::optional<Digest> golden_digest() const;

  /// SHA-256 over the digests of its files in the order of their names, by the manifest's word: what a signature of it
  /// has as its subject.
  [[nodiscard]] Digest root() const;

  /// Throws Error{changed} where another seal is being copied over this one, file by file. To be asked before a file is
  /// called damaged.
  void require_unwritten() const;
  /// Throws Error{changed} where the embedded file is not what its path leads to, by which a worker reads it.
  void require_embedded_in_place() const;
};

/// Throws Error{io} without a seal, what read_manifest throws, and Error{changed} where the seal is replaced
/// again and again. Where a signature is demanded it is judged first: of a seal with a good one nothing is read but the
/// files that were signed, as they were when they were judged.
[[nodiscard]] OpenSeal open_seal(const std::filesystem::path& path, const signing::SignatureDemand& demand = {});

}  // namespace goldseal

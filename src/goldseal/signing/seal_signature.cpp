// SPDX-License-Identifier: Apache-2.0
#include <goldseal/signing/seal_signature.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/signing/model_files.hpp>
#include <goldseal/signing/model_statement.hpp>
#include <goldseal/signing/resource_name.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>

namespace goldseal::signing {
namespace {

namespace fs = std::filesystem;

constexpr const char* k_source = "take the seal from its source again; only its signer can sign it again";

[[noreturn]] void refuse(const fs::path& file, std::string message, std::string remedy = k_source) {
  throw Error(ErrorKind::malformed, file.string(), std::move(message), std::move(remedy));
}

bool is_regular(int directory, std::string_view name, const fs::path& file) {
  struct stat info {};
  if (::fstatat(directory, std::string(name).c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
    throw system_error(file.string(), "look at the file", errno);
  return S_ISREG(info.st_mode);
}

bool is_missing(int directory, std::string_view name) {
  return ::faccessat(directory, std::string(name).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
}

// git with autocrlf writes CRLF where the signer had LF: the usual reason of a text that is not the signed one.
bool differs_in_line_ends(std::span<const std::byte> bytes, std::span<const std::uint8_t> wanted) {
  constexpr std::size_t k_most = std::size_t{64} << 20U;
  if (bytes.size() > k_most) return false;
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto c = static_cast<char>(bytes[i]);
    if (c != '\r' || i + 1 == bytes.size() || static_cast<char>(bytes[i + 1]) != '\n') text += c;
  }
  return std::ranges::equal(sha256(text).bytes, wanted);
}

[[noreturn]] void refuse_changed(const MappedFile& file, const Resource& resource, const Digest& found) {
  if (differs_in_line_ends(file.bytes(), resource.digest))
    refuse(file.path(), "its line ends are CRLF, and LF was signed: git or an editor changed them",
           "put the line `*.seal/** -text` into .gitattributes and check the seal out again");
  refuse(file.path(), fmt::format("expected the file that was signed, sha256 {}; found sha256 {}",
                                  to_hex([&] {
                                    Digest digest;
                                    std::ranges::copy(resource.digest, digest.bytes.begin());
                                    return digest;
                                  }()),
                                  to_hex(found)));
}

std::span<const std::byte> part_of(const MappedFile& file, const Resource& resource) {
  const auto bytes = file.bytes();
  if (!resource.shard) return bytes;
  if (resource.shard->end > bytes.size())
    refuse(file.path(), fmt::format("expected at least the {} bytes that were signed, found {}", resource.shard->end, bytes.size()));
  return bytes.subspan(resource.shard->begin, resource.shard->end - resource.shard->begin);
}

class Judge {
 public:
  Judge(int directory, const fs::path& path, const ModelStatement& statement)
      : m_directory(directory), m_path(path), m_statement(statement) {}

  std::map<std::string, SignedFile> files() {
    auto ignored = m_statement.ignored;
    ignored.emplace_back(k_signature_name);
    for (auto& name : files_below(m_directory, m_path, ignored)) m_present.emplace(std::move(name), nullptr);
    std::map<std::string, std::vector<const Resource*>> signed_names;
    for (const auto& resource : m_statement.resources) signed_names[resource.name].push_back(&resource);
    require_covered(signed_names);
    for (const auto& [name, resources] : signed_names) judge(name, resources);
    return std::move(m_files);
  }

 private:
  void require_covered(const std::map<std::string, std::vector<const Resource*>>& signed_names) const {
    for (const auto& [name, unused] : m_present) {
      if (!signed_names.contains(name))
        refuse(m_path / name, "it lies in the seal, and the signature does not cover it",
               "take it out; what is to stay is put there before the seal is signed");
    }
    if (!signed_names.contains(std::string(k_manifest_name)))
      refuse(m_path / k_signature_name, fmt::format("expected a signature over {}, found one over other files", k_manifest_name));
  }

  void judge(const std::string& name, std::vector<const Resource*> resources) {
    if (!m_present.contains(name)) {
      if (is_missing(m_directory, name)) refuse(m_path / name, "it was signed, and is missing from the seal");
      refuse(m_path / name, "it was signed, and the signature also says to ignore it");
    }
    auto file = std::make_shared<const MappedFile>(m_directory, name, m_path / name);
    std::uint64_t covered = 0;
    std::ranges::sort(resources, {}, [](const Resource* r) { return r->shard ? r->shard->begin : 0; });
    for (const auto* const resource : resources) {
      if (resource->shard && resource->shard->begin != covered)
        refuse(file->path(), fmt::format("the signature leaves out its bytes from {}", covered));
      const auto digest = sha256(part_of(*file, *resource));
      if (!std::ranges::equal(digest.bytes, resource->digest)) {
        file->require_unchanged();
        refuse_changed(*file, *resource, digest);
      }
      covered = resource->shard ? resource->shard->end : file->size();
      m_files[name] = {digest, file};
    }
    if (covered != file->size()) refuse(file->path(), fmt::format("the signature leaves out its bytes from {}", covered));
    if (resources.size() > 1) m_files[name].digest = sha256(file->bytes());
  }

  int m_directory;
  const fs::path& m_path;
  const ModelStatement& m_statement;
  std::map<std::string, std::nullptr_t> m_present;
  std::map<std::string, SignedFile> m_files;
};

// A signature that was kept elsewhere was named by the user, and may be a link.
std::string signature_beside(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error))
    throw Error(ErrorKind::usage, "--signature-file", fmt::format("expected a signature, found nothing at {}", file.string()), "name the file that `goldseal sign` or `model_signing sign` wrote");
  return read_text_file(file, k_max_bundle_bytes);
}

std::string signature_within(int directory, const fs::path& file) {
  if (is_missing(directory, k_signature_name))
    refuse(file, "expected a signature of the seal, found none", "have its maker sign it: `goldseal sign SEAL --key k.pem`");
  if (!is_regular(directory, k_signature_name, file)) refuse(file, "expected a file, found a symbolic link or something else");
  return read_text_file(directory, std::string(k_signature_name), file, k_max_bundle_bytes);
}

SealSignature judge(int directory, const fs::path& path, const SignatureDemand& demand) {
  const auto& signers = demand.signers;
  const auto file = demand.file.empty() ? path / k_signature_name : demand.file;
  const auto where = file.string();
  const auto bundle = read_bundle(demand.file.empty() ? signature_within(directory, file) : signature_beside(file), where);
  SealSignature result;
  result.finding.signer = require_signer(bundle, signers, where);
  const auto statement = read_model_statement(bundle.envelope.payload, where);
  if (statement.resources.front().name == ".")
    refuse(file, "expected a signature of the seal's directory, found one of a single file");
  result.files = Judge(directory, path, statement).files();
  result.finding.good = true;
  result.finding.files = result.files.size();
  return result;
}

}  // namespace

SealSignature judge_seal_signature(int directory, const fs::path& path, const SignatureDemand& demand) {
  SealSignature result;
  if (demand.demand != Demand::off) {
    try {
      result = judge(directory, path, demand);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::malformed && error.kind() != ErrorKind::unsupported) throw;
      result.finding.message = error.where().empty() ? error.message() : fmt::format("{}: {}", error.where(), error.message());
      result.finding.remedy = error.remedy();
    }
  }
  result.finding.demand = demand.demand;
  return result;
}

}  // namespace goldseal::signing

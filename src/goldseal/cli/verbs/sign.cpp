// SPDX-License-Identifier: Apache-2.0
#include <checks/file/records.hpp>
#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/cli/signing_options.hpp>
#include <goldseal/signing/model_files.hpp>
#include <goldseal/signing/resource_name.hpp>
#include <goldseal/workflow/loading/file_observation.hpp>
#include <goldseal/workflow/loading/open_seal.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <filesystem>
#include <memory>

namespace goldseal::cli {
namespace {

namespace fs = std::filesystem;

struct SignCommandLine {
  std::string seal;
  SigningOptions with;
  bool force = false;
};

[[noreturn]] void refuse_damaged(const fs::path& seal, std::string_view name) {
  throw Error(
      ErrorKind::malformed, (seal / name).string(),
      "expected the file that the manifest names, found it missing or changed: a signature would vouch for damage",
      "take the seal from its source again, or seal the checkpoint again");
}

// Nobody signs what nobody could verify.
void require_whole(const fs::path& path) {
  const auto seal = open_seal(path);
  if (seal.golden_digest() != seal.manifest.golden_sha256) refuse_damaged(path, k_golden_name);
  const auto* const record = find_record(seal.manifest, FileRole::embedded);
  const auto embedded = observe_embedded(seal);
  if (record != nullptr && embedded->sha256 != record->sha256) refuse_damaged(path, record->path);
}

// A link would have what it leads to written over, wherever that lies; nobody accepts a seal with one.
void require_place_for(const fs::path& signature) {
  std::error_code error;
  const auto status = fs::symlink_status(signature, error);
  if (!fs::exists(status) || fs::is_regular_file(status)) return;
  throw Error(ErrorKind::usage, signature.string(),
              fmt::format("expected a signature or no file, found {}",
                          fs::is_symlink(status) ? "a symbolic link" : fs::is_directory(status) ? "a directory" : "something else"),
              "take it out of the seal, and sign again");
}

std::string as_text(const fs::path& file, const signing::PublicKey& key, std::size_t files) {
  return fmt::format("{}: {} files signed by {}\n", escape_unprintable(file.string()), files, escape_unprintable(key.described()));
}

std::string as_json(const fs::path& file, const signing::PublicKey& key, std::size_t files) {
  const nlohmann::json document{{"schema", "goldseal.signature/1"}, {"signature", file.string()}, {"key", key.name()},
                                {"key_sha256", key.hint()},         {"curve", key.curve()},       {"files", files}};
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

ExitCode run(const SignCommandLine& options, const CommonOptions& common) {
  require_text_or_json(common);
  options.with.require_one_way();
  const fs::path seal(options.seal);
  require_whole(seal);
  const auto statement = signing::describe_directory(seal);
  auto payload = signing::write_model_statement(statement);
  if (options.with.writes_pae()) {
    const Output output{options.with.pae, bytes_to_sign_kind(), options.force};
    require_writable_place(output, std::array<fs::path, 2>{options.with.certificate, options.with.chain});
    write_output(output, signing::pae(signing::k_in_toto_type, payload));
    return ExitCode::conforms;
  }
  const auto file = seal / signing::k_signature_name;
  require_place_for(file);
  const auto means = options.with.means();
  const auto bundle = signing::signed_bundle(std::move(payload), means, options.with.attach.empty() ? options.with.key : options.with.attach);
  OutputFile output(file, options.force ? Existing::replace : Existing::refuse);
  output.write(bundle);
  output.commit();
  const auto& signer = means.key ? means.key->public_key() : means.public_key ? *means.public_key : means.chain.front().public_key();
  const auto count = statement.resources.size();
  print_words(common.format == "json" ? as_json(file, signer, count) : for_locale(as_text(file, signer, count)));
  return ExitCode::conforms;
}

}  // namespace

Action add_sign(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<SignCommandLine>();
  app.add_option("SEAL", options->seal, "The seal, a directory NAME.seal; its signature becomes SEAL/model.sig")->required();
  options->with.declare(app);
  app.add_flag("--force", options->force, "Replace the signature that it has, or what lies where --pae writes");
  return [options, &common] { return run(*options, common); };
}

}  // namespace goldseal::cli

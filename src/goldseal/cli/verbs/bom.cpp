// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/bytes/bounded_json.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/bom/cyclonedx.hpp>
#include <goldseal/bom/merge.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/cli/signature_options.hpp>
#include <goldseal/signing/resource_name.hpp>
#include <goldseal/workflow/loading/open_seal.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <filesystem>
#include <memory>

namespace goldseal::cli {
namespace {

namespace fs = std::filesystem;

constexpr JsonLimits k_limits{16U << 20U, 32};

struct BomCommandLine {
  std::string seal;
  std::string output;
  std::string merge;
  SignatureOptions signature = {};
  bool force = false;
};

std::optional<Digest> signature_of(const fs::path& seal) {
  const auto file = seal / signing::k_signature_name;
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return std::nullopt;
  return sha256(read_text_file(file, signing::k_max_bundle_bytes));
}

ExitCode run(const BomCommandLine& options, const CommonOptions& common) {
  require_text_or_json(common);
  const fs::path path(options.seal);
  const Output output{options.output, bom_kind(), options.force};
  if (!options.output.empty()) {
    const std::array<fs::path, 4> inputs{path / k_manifest_name, path / k_golden_name, path / signing::k_signature_name, options.merge};
    require_writable_place(output, inputs);
  }
  const auto seal = open_seal(path, options.signature.demand({}, common));
  if (seal.refused()) throw Error(ErrorKind::malformed, "seal.signature", seal.signature.message, seal.signature.remedy);
  const auto name = fs::absolute(path).lexically_normal();
  auto document = bom::cyclonedx(seal.manifest, {(name.has_filename() ? name : name.parent_path()).stem().string(), seal.root(),
                                                 seal.manifest_sha256, signature_of(path)});
  if (!options.merge.empty()) {
    try {
      bom::merge(document, nlohmann::ordered_json(parse_json(read_text_file(options.merge, k_limits.bytes), options.merge, k_limits)), options.merge);
    } catch (const Error& error) {
      throw as_usage(error);
    }
  }
  const auto text = document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
  if (options.output.empty()) {
    print(text);
    return ExitCode::conforms;
  }
  write_output(output, text);
  return ExitCode::conforms;
}

}  // namespace

Action add_bom(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<BomCommandLine>();
  app.add_option("SEAL", options->seal, "The seal, a directory NAME.seal")->required();
  app.add_option("-o,--output", options->output, "Where to write it; standard output without it")->type_name("FILE");
  app.add_option("--merge", options->merge,
                 "Members to add, as CycloneDX has them: what a seal cannot know (supplier, licenses, considerations)")
      ->type_name("USER.json");
  app.add_flag("--force", options->force, "Replace a file that is no bill of materials of goldseal's");
  options->signature.declare(app);
  return [options, &common] { return run(*options, common); };
}

}  // namespace goldseal::cli

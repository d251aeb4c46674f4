// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/files/argument_file.hpp>
#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/files/protected_paths.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/cli/signing_options.hpp>
#include <goldseal/report/renderer.hpp>
#include <goldseal/signing/test_result.hpp>
#include <goldseal/workflow/verify/attestation.hpp>

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <memory>

namespace goldseal::cli {
namespace {

constexpr std::uint64_t k_max_bom_bytes = 16U << 20U;

struct AttestCommandLine {
  std::string report;
  std::string bom;
  std::string output;
  SigningOptions with;
  bool force = false;
};

std::string statement_of(const AttestCommandLine& options) {
  const auto text = read_argument_file(options.report, k_max_report_bytes);
  const auto result = attestation_of(parse_report(text, options.report), text, options.report);
  if (options.bom.empty()) return signing::write_test_result(result);
  try {
    return signing::write_bom_statement(result.subjects, read_text_file(options.bom, k_max_bom_bytes), options.bom);
  } catch (const Error& error) {
    throw as_usage(error);  // a file that is no bill of materials is a slip, and no damage
  }
}

ExitCode run(const AttestCommandLine& options, const CommonOptions& common) {
  require_text_or_json(common);
  options.with.require_one_way();
  auto payload = statement_of(options);
  const std::array<std::filesystem::path, 6> inputs{options.report,          options.bom,        options.with.key, options.with.attach,
                                                    options.with.certificate, options.with.chain};
  if (options.with.writes_pae()) {
    const Output output{options.with.pae, bytes_to_sign_kind(), options.force};
    require_writable_place(output, inputs);
    write_output(output, signing::pae(signing::k_in_toto_type, payload));
    return ExitCode::conforms;
  }
  if (options.output.empty())
    throw Error(ErrorKind::usage, "attest", "expected -o, where to write the attestation; found none", "give -o verdict.intoto.jsonl");
  require_no_input(options.output, inputs);
  require_outside_of_seals(options.output);
  const auto means = options.with.means();
  const auto bundle = signing::signed_bundle(std::move(payload), means, options.with.attach.empty() ? options.with.key : options.with.attach);
  OutputFile output(options.output, options.force ? Existing::replace : Existing::refuse);
  output.write(bundle);
  output.commit();
  if (!common.quiet) print_words(for_locale(fmt::format("{}: attested\n", options.output)));
  return ExitCode::conforms;
}

}  // namespace

Action add_attest(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<AttestCommandLine>();
  app.add_option("RUN.json", options->report, "A report of `verify` or `check`, written with --report json=RUN.json")->required();
  app.add_option("-o,--output", options->output, "The attestation, one line: verdict.intoto.jsonl; several files of them may be put together")
      ->type_name("FILE");
  app.add_option("--bom", options->bom, "Attest this bill of materials of the same model in place of the verdict")->type_name("BOM.json");
  options->with.declare(app);
  app.add_flag("--force", options->force, "Replace the output where it exists");
  return [options, &common] { return run(*options, common); };
}

}  // namespace goldseal::cli

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/cli/signature_options.hpp>
#include <goldseal/cli/verbs/diff_checkpoints.hpp>
#include <goldseal/environment/difference.hpp>
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/workflow/loading/open_seal.hpp>
#include <goldseal/workflow/verify/seal_difference.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>

namespace goldseal::cli {
namespace {

struct DiffCommandLine {
  std::string before;
  std::string after;
  bool all = false;
  std::string entry = {};
  SignatureOptions signature = {};
};

// A reader of the terminal is told that much of a section; JSON has all.
constexpr std::size_t k_shown = 40;

/// A seal's manifest, where its signature is as it was demanded.
Manifest manifest_of(const std::filesystem::path& place, const signing::SignatureDemand& demand) {
  if (demand.demand == signing::Demand::off) return load_manifest(place);
  const auto seal = open_seal(place, demand);
  if (seal.refused()) throw Error(ErrorKind::malformed, "seal.signature", seal.signature.message, seal.signature.remedy);
  if (!seal.signature.good) print_aside(for_locale(fmt::format("warning: {}\n", seal.signature.message)));
  return seal.manifest;
}

/// The machine of a seal (a directory), or of a file that `probe` wrote.
Environment machine_of(const std::filesystem::path& place, const signing::SignatureDemand& demand) {
  if (std::filesystem::is_directory(place)) return manifest_of(place, demand).environment;
  return load_environment(place);
}

std::string shown(const std::optional<std::string>& value) {
  return value ? escape_unprintable(*value) : std::string("-");
}

std::string as_text(const std::vector<DifferenceSection>& sections, const DiffCommandLine& options) {
  if (sections.empty()) return "no difference\n";
  std::string text = fmt::format("- {}\n+ {}\n", options.before, options.after);
  for (const auto& section : sections) {
    text += fmt::format("\n{}\n", section.title);
    const auto count = options.all ? section.facts.size() : std::min(section.facts.size(), k_shown);
    for (const auto& fact : std::span(section.facts).first(count)) {
      text += fmt::format("  {}{}\n", escape_unprintable(fact.name),
                          fact.detail.empty() ? "" : fmt::format("  ({})", fact.detail));
      if (fact.before) text += fmt::format("    - {}\n", shown(fact.before));
      if (fact.after) text += fmt::format("    + {}\n", shown(fact.after));
    }
    if (count < section.facts.size())
      text += fmt::format("  … and {} more (--all shows them)\n", format_count(section.facts.size() - count));
  }
  return text;
}

nlohmann::json as_json(const std::optional<std::string>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

std::string as_json(const std::vector<DifferenceSection>& sections) {
  auto list = nlohmann::json::array();
  for (const auto& section : sections) {
    for (const auto& fact : section.facts) {
      list.push_back({{"section", section.title},
                      {"name", fact.name},
                      {"before", as_json(fact.before)},
                      {"after", as_json(fact.after)},
                      {"detail", fact.detail}});
    }
  }
  const nlohmann::json document{{"schema", "goldseal.difference/1"}, {"differences", std::move(list)}};
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

/// Of two seals everything, of two machines the machines.
std::vector<DifferenceSection> sections_of(const DiffCommandLine& options, const signing::SignatureDemand& demand) {
  if (!std::filesystem::is_directory(options.before) || !std::filesystem::is_directory(options.after))
    return difference(machine_of(options.before, demand), machine_of(options.after, demand));
  const auto before = manifest_of(options.before, demand);
  const auto after = manifest_of(options.after, demand);
  auto sections = seal_difference(before, after);
  auto machines = difference(before.environment, after.environment);
  sections.insert(sections.end(), machines.begin(), machines.end());
  return sections;
}

// A demand that is passed over in silence would be taken for one that was met.
void require_signable(const DiffCommandLine& options, const CommonOptions& common) {
  if (options.signature.signed_by.empty() || common.settings.from_file.contains("signed-by")) return;
  for (const auto& place : {options.before, options.after}) {
    if (std::filesystem::is_directory(place) && !names_checkpoint(place)) continue;
    throw Error(ErrorKind::usage, "--signed-by",
                fmt::format("expected seals, whose signatures can be judged; found {}", escape_unprintable(place)),
                "compare two seals, or leave out --signed-by; goldseal verify --model-signature judges a checkpoint's");
  }
}

ExitCode run(const DiffCommandLine& options, const CommonOptions& common) {
  require_text_or_json(common);
  require_signable(options, common);
  if (names_checkpoint(options.before) && names_checkpoint(options.after)) {
    return diff_checkpoints({options.before, options.after, options.entry}, common);
  }
  if (!options.entry.empty())
    throw Error(ErrorKind::usage, "--entry", "expected two checkpoints to compare, found seals or machines", "leave it out");
  auto sections = sections_of(options, options.signature.demand({}, common));
  if (!options.all) {
    for (auto& section : sections) std::erase_if(section.facts, [](const auto& f) { return is_incidental(f.name); });
    std::erase_if(sections, [](const auto& section) { return section.facts.empty(); });
  }
  if (!common.quiet) print(common.format == "json" ? as_json(sections) : for_locale(as_text(sections, options)));
  return sections.empty() ? ExitCode::conforms : ExitCode::fails;
}

}  // namespace

Action add_diff(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<DiffCommandLine>();
  app.add_option("BEFORE", options->before, "A seal, an environment that `probe` wrote, or a checkpoint")->required();
  app.add_option("AFTER", options->after, "Another")->required();
  app.add_flag("--all", options->all, "Also what differs between any two machines: names, serial numbers, free memory");
  app.add_option("--entry", options->entry, "Which state dict of checkpoints that hold several");
  options->signature.declare(app);
  add_jobs(app);
  return [options, &common] { return run(*options, common); };
}

}  // namespace goldseal::cli

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/own_outputs.hpp>

#include <goldseal/base/bytes/bounded_json.hpp>
#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/files/protected_paths.hpp>
#include <goldseal/base/messages/digits.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/manifest/manifest.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace goldseal::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::size_t k_largest_page = 4096;  // within which a page or a document in XML says who wrote it
constexpr std::size_t k_longest_line = 400;   // of the oneline format: 80 columns, some bytes each
constexpr std::uint64_t k_largest = 256U << 20U;

constexpr std::array<std::string_view, 5> k_headlines{"PASS", "FAIL", "DAMAGED", "INCONCLUSIVE", "NO VERDICT"};

bool begins_with_headline(std::string_view text) {
  return std::ranges::any_of(k_headlines, [&](std::string_view headline) {
    return text.starts_with(headline) && text.substr(headline.size()).starts_with(' ');
  });
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

// `…: 3 passed`, as every first line has it, or `12 nodes`.
bool has_counts(std::string_view line) {
  for (auto at = line.find(": "); at != std::string_view::npos; at = line.find(": ", at + 1)) {
    const auto rest = line.substr(at + 2);
    if (rest.starts_with("no checks") || (!rest.empty() && is_digit(rest.front()))) return true;
  }
  return line.find(" node") != std::string_view::npos;
}

bool is_text(std::string_view text) {
  const auto line = first_line(text);
  return begins_with_headline(line) && has_counts(line);
}

// A verdict with its counts, or with the check that it rests on: `FAIL golden.float64: …`.
bool is_oneline(std::string_view text) {
  const auto line = first_line(text);
  if (text.size() > k_longest_line || text.size() != line.size() + 1 || !begins_with_headline(line)) return false;
  const auto id = line.substr(line.find(' ') + 1);
  const auto end = id.find(": ");
  return has_counts(line) || (end != std::string_view::npos && id.substr(0, end).find('.') != std::string_view::npos);
}

std::optional<Json> document(std::string_view text) {
  try {
    return parse_json(text, "", {k_largest, 64});
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::malformed) throw;
    return std::nullopt;
  }
}

bool has_schema(std::string_view text, std::string_view schema) {
  const auto json = document(text);
  if (!json || !json->is_object()) return false;
  const auto found = json->find("schema");
  return found != json->end() && found->is_string() && found->get_ref<const std::string&>().starts_with(schema);
}

bool is_json_report(std::string_view text) { return has_schema(text, "goldseal.report/"); }
bool is_fleet_json(std::string_view text) { return has_schema(text, "goldseal.fleet/"); }
bool is_environment_json(std::string_view text) { return has_schema(text, "goldseal.environment/"); }

// Null where there is no such place.
Json at(const Json& json, const char* pointer) {
  const Json::json_pointer place(pointer);
  return json.contains(place) ? json.at(place) : Json();
}

bool is_sarif(std::string_view text) {
  const auto json = document(text);
  if (!json) return false;
  const auto runs = at(*json, "/runs");
  return runs.is_array() && !runs.empty() &&
         std::ranges::all_of(runs, [](const Json& run) { return at(run, "/tool/driver/name") == "goldseal"; });
}

bool is_bom(std::string_view text) {
  const auto json = document(text);
  return json && at(*json, "/bomFormat") == "CycloneDX" && at(*json, "/metadata/tools/components/0/name") == "goldseal";
}

bool is_junit_named(std::string_view text, bool fleet) {
  const auto head = text.substr(0, k_largest_page);
  constexpr std::string_view k_suites = "<testsuites name=\"goldseal ";
  const auto found = head.find(k_suites);
  return found != std::string_view::npos && head.substr(found + k_suites.size()).starts_with("merge\"") == fleet;
}

bool is_junit(std::string_view text) { return is_junit_named(text, false); }
bool is_fleet_junit(std::string_view text) { return is_junit_named(text, true); }

bool is_html(std::string_view text) {
  return text.substr(0, k_largest_page).find("<meta name=\"generator\" content=\"goldseal\">") != std::string_view::npos;
}

bool is_nagios(std::string_view text) { return text.starts_with("GOLDSEAL ") && !text.starts_with("GOLDSEAL FLEET "); }
bool is_fleet_nagios(std::string_view text) { return text.starts_with("GOLDSEAL FLEET "); }

// All of its lines: other programs' metrics may have been put behind goldseal's.
bool all_lines(std::string_view text, bool (*is_own)(std::string_view line)) {
  while (!text.empty()) {
    const auto line = first_line(text);
    if (!line.empty() && !is_own(line)) return false;
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return true;
}

std::string_view metric_of(std::string_view line) {
  for (const std::string_view comment : {"# HELP ", "# TYPE "})
    if (line.starts_with(comment)) return line.substr(comment.size());
  return line;
}

bool is_prometheus(std::string_view text) {
  return all_lines(text, [](std::string_view line) {
    return metric_of(line).starts_with("goldseal_") && !metric_of(line).starts_with("goldseal_fleet_");
  });
}

bool is_fleet_prometheus(std::string_view text) {
  return all_lines(text, [](std::string_view line) { return metric_of(line).starts_with("goldseal_fleet_"); });
}

bool is_github(std::string_view text) {
  return text.find("goldseal: ") != std::string_view::npos &&
         all_lines(text, [](std::string_view line) { return line.starts_with("::") || line.starts_with("goldseal: "); });
}

// `## FAIL: verify …`; of several reports together `# FAIL: …`.
bool is_heading_of_verdict(std::string_view text) {
  const auto marks = text.find_first_not_of('#');
  if (marks == 0 || marks > 2 || !text.substr(marks).starts_with(' ')) return false;
  const auto line = text.substr(marks + 1);
  return begins_with_headline(line) || std::ranges::any_of(k_headlines, [&](std::string_view headline) {
    return line.starts_with(headline) && line.substr(headline.size()).starts_with(": ");
  });
}

bool is_markdown(std::string_view text) {
  return is_heading_of_verdict(text) && text.find("\n| goldseal | ") != std::string_view::npos;
}

// A heading, an empty line, and how many nodes there are.
bool is_fleet_markdown(std::string_view text) {
  if (!is_heading_of_verdict(text)) return false;
  const auto rest = text.substr(first_line(text).size());
  return rest.starts_with("\n\n") && rest.size() > 2 && is_digit(rest[2]) && first_line(rest.substr(2)).find(" node") != std::string_view::npos;
}

struct Format {
  std::string_view name;
  bool (*report)(std::string_view);
  bool (*fleet)(std::string_view);  // null where fleets have none
};

constexpr std::array k_formats{Format{"text", is_text, is_text},
                               Format{"oneline", is_oneline, is_oneline},
                               Format{"json", is_json_report, is_fleet_json},
                               Format{"junit", is_junit, is_fleet_junit},
                               Format{"sarif", is_sarif, nullptr},
                               Format{"github", is_github, nullptr},
                               Format{"markdown", is_markdown, is_fleet_markdown},
                               Format{"nagios", is_nagios, is_fleet_nagios},
                               Format{"prometheus", is_prometheus, is_fleet_prometheus},
                               Format{"html", is_html, is_html}};

// For a format that is not in the table no file that is there counts as goldseal's own.
OutputKind kind_of(std::string_view format, std::string_view what, bool (*Format::*is_own)(std::string_view)) {
  const auto* const found = std::ranges::find(k_formats, format, &Format::name);
  auto* const own = found == k_formats.end() ? nullptr : found->*is_own;
  return {fmt::format("{} {}", format, what), own != nullptr ? own : [](std::string_view) { return false; }};
}

constexpr std::string_view k_remedy = "name another file, or give --force to replace this one";

[[noreturn]] void refuse(const Output& output, std::string_view found) {
  throw Error(ErrorKind::usage, output.path.string(),
              fmt::format("expected nothing there, or an earlier {} of goldseal's; found {}", output.kind.name, found),
              std::string(k_remedy));
}

// /dev/stdout where it was led into a file: that is written on, and what stands in it stays.
bool is_own_stream(const fs::path& path) {
  struct stat there {};
  if (::stat(path.c_str(), &there) != 0) return false;
  return std::ranges::any_of(std::array{STDOUT_FILENO, STDERR_FILENO}, [&](int stream) {
    struct stat here {};
    return ::fstat(stream, &here) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino;
  });
}

bool is_own(const Output& output) {
  const MappedFile file(output.path);
  if (file.size() > k_largest) return false;
  return file.size() == 0 || output.kind.is_own(as_text(file.bytes()));
}

// Links are followed: what they lead to would be replaced.
void require_own(const Output& output) {
  std::error_code error;
  if (output.force || !fs::is_regular_file(output.path, error) || is_own_stream(output.path)) return;
  bool own = false;
  try {
    own = is_own(output);
  } catch (const Error& failure) {
    if (failure.kind() != ErrorKind::io) throw;
    refuse(output, "a file that cannot be read");
  }
  if (!own) refuse(output, "another file");
}

}  // namespace

OutputKind report_kind(std::string_view format) { return kind_of(format, "report", &Format::report); }
OutputKind fleet_report_kind(std::string_view format) { return kind_of(format, "report on a fleet", &Format::fleet); }

std::vector<std::string_view> recognized_reports(bool of_fleet) {
  std::vector<std::string_view> names;
  for (const auto& format : k_formats)
    if (!of_fleet || format.fleet != nullptr) names.push_back(format.name);
  return names;
}

OutputKind environment_kind() {
  return {"environment", [](std::string_view text) { return text.starts_with("# A machine, as goldseal found it."); }};
}

OutputKind environment_json_kind() { return {"environment in JSON", is_environment_json}; }
OutputKind bom_kind() { return {"bill of materials", is_bom}; }

OutputKind bytes_to_sign_kind() {
  return {"file of bytes to sign",
          [](std::string_view text) { return text.starts_with("DSSEv1 28 application/vnd.in-toto+json "); }};
}

OutputKind manual_page_kind() {
  return {"manual page", [](std::string_view text) { return text.starts_with(".TH goldseal"); }};
}

void require_outside_of_seals(const fs::path& path) {
  std::error_code error;
  auto place = fs::weakly_canonical(fs::absolute(path, error), error);
  if (error) return;
  while (place.has_relative_path()) {
    place = place.parent_path();
    if (!fs::exists(place / k_manifest_name, error) || !fs::exists(place / k_golden_name, error)) continue;
    throw Error(ErrorKind::usage, path.string(), "this file would lie in a seal, whose signature covers every file there",
                "name a file outside of the seal");
  }
}

void require_writable_place(const Output& output, std::span<const fs::path> inputs) {
  require_no_input(output.path, inputs);
  require_outside_of_seals(output.path);
  std::error_code error;
  if (fs::is_directory(output.path, error)) refuse(output, "a directory");
  require_own(output);
}

void write_output(const Output& output, std::string_view bytes) {
  require_own(output);
  std::error_code error;
  const bool free = !fs::exists(fs::symlink_status(output.path, error)) && !error;
  if (!free) return write_file_atomically(output.path, bytes);
  OutputFile file(output.path, Existing::refuse);  // what appears meanwhile stays
  file.write(bytes);
  file.commit();
}

}  // namespace goldseal::cli

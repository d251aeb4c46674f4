// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/output.hpp>

#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/files/descriptor.hpp>
#include <goldseal/base/files/protected_paths.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/running/mapping_guard.hpp>
#include <goldseal/report/renderer.hpp>
#include <goldseal/report/shared/layout.hpp>
#include <goldseal/report/shared/several.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>

namespace goldseal::cli {
namespace {

const Renderer& renderer_named(std::string_view name, std::string_view option) {
  if (const auto* const found = find_renderer(name)) return *found;
  std::vector<std::string> names;
  for (const auto& renderer : renderers()) names.emplace_back(renderer.name);
  refuse_word(std::string(option), name, names);
}

bool is_set(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

unsigned terminal_width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) return size.ws_col;
  return 100;
}

bool locale_is_utf8() {
  for (const auto* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (!is_set(name)) continue;
    const std::string_view value(std::getenv(name));
    return value.find("UTF-8") != std::string_view::npos || value.find("utf8") != std::string_view::npos;
  }
  return ::isatty(STDOUT_FILENO) == 0;  // a file or pipe is read by something that knows UTF-8
}

// GitHub shows at most ten annotations; the whole table goes to the page of the step.
void append_step_summary(std::span<const Report> reports, const CommonOptions& common) {
  if (common.format != "github" || !is_set("GITHUB_STEP_SUMMARY")) return;
  std::ofstream summary(std::getenv("GITHUB_STEP_SUMMARY"), std::ios::app);
  summary << render_all(*find_renderer("markdown"), reports, {});
}

}  // namespace

std::pair<std::string, std::string> split_report(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals + 1 == text.size()) {
    throw Error(ErrorKind::usage, "--report", fmt::format("expected FORMAT=PATH, found {}", escape_unprintable(text)));
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

RenderOptions render_options(const CommonOptions& common) {
  return {.color = wants_color(common),
          .unicode = locale_is_utf8(),
          .verbose = common.verbose,
          .width = ::isatty(STDOUT_FILENO) == 1 ? terminal_width() : 100,
          .step_summary = is_set("GITHUB_STEP_SUMMARY")};
}

std::string for_locale(std::string_view text) { return printable_lines(text, locale_is_utf8()); }

void open_standard_streams() {
  // What was closed stays unusable: a write to it fails, as it would have.
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0 || errno != EBADF) continue;
    static_cast<void>(::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY));
  }
}

void print(std::string_view text) {
  throw_if_cut();
  while (!text.empty()) {
    const auto written = retried([&] { return ::write(STDOUT_FILENO, text.data(), text.size()); });
    if (written < 0 && errno == EPIPE) return;
    if (written < 0) throw system_error("standard output", "write", errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void print_words(std::string_view text) {
  try {
    print(text);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io) throw;
    print_aside(fmt::format("warning: {}; the exit code stays what it is\n", error.what()));
  }
}

void print_aside(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto written = retried([&] { return ::write(STDERR_FILENO, text.data(), text.size()); });
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void tell_found_settings(Report& report, const CommonOptions& common) {
  const auto& source = common.settings;
  if (source.found.empty()) return;
  const auto settings = fmt::format("{}", fmt::join(source.found, ", "));
  report.facts.emplace_back("settings", fmt::format("{} (of {}, which was found)", settings, source.found_file));
  auto& scope = report.judged.scope;
  scope += fmt::format("{}with the settings of {} ({})", scope.empty() ? "" : "; ", source.found_file, settings);
}

ExitCode deliver(const Report& report, const CommonOptions& common) { return deliver_all({&report, 1}, common); }

ExitCode deliver_all(std::span<const Report> reports, const CommonOptions& common) {
  for (const auto& wanted : common.reports) {
    const auto [format, path] = split_report(wanted);
    write_output({path, report_kind(format), common.force}, render_all(renderer_named(format, "--report"), reports, {}));
  }
  if (!common.quiet)
    print_words(render_all(renderer_named(common.format, "--format"), reports, render_options(common)));
  append_step_summary(reports, common);
  // Monitoring has codes of its own, and reads them where it asks for its format.
  return common.format == "nagios" ? static_cast<ExitCode>(worst_nagios_exit_code(reports)) : worst_verdict(reports);
}

void check_output_options(const CommonOptions& common, std::span<const std::filesystem::path> inputs) {
  static_cast<void>(renderer_named(common.format, "--format"));
  for (const auto& wanted : common.reports) {
    const auto [format, path] = split_report(wanted);
    static_cast<void>(renderer_named(format, "--report"));
  }
  check_report_places(common, report_kind, inputs);
}

void check_report_places(const CommonOptions& common, OutputKind (*kind)(std::string_view format),
                         std::span<const std::filesystem::path> inputs) {
  std::vector<std::filesystem::path> files;
  for (const auto& wanted : common.reports) {
    const auto [format, path] = split_report(wanted);
    // Streams, of which several reports may follow one another in one.
    if (is_device_or_pipe(path) || path.starts_with("/dev/")) continue;
    require_writable_place({path, kind(format), common.force}, inputs);
    if (!common.settings.file.empty()) require_no_input(path, {&common.settings.file, 1});
    auto file = std::filesystem::weakly_canonical(std::filesystem::absolute(path));
    if (std::ranges::find(files, file) != files.end())
      throw Error(ErrorKind::usage, "--report", fmt::format("expected a file of its own for each, found {} twice", path),
                  "the second would replace the first; name another file");
    files.push_back(std::move(file));
  }
}

Progress::Mode progress_mode(const CommonOptions& common) {
  return common.quiet || is_set("CI") ? Progress::Mode::quiet : Progress::Mode::automatic;
}

bool wants_color(const CommonOptions& common) {
  if (common.color != "auto") return common.color == "always";
  if (is_set("NO_COLOR") || is_set("CI")) return false;
  const char* const terminal = std::getenv("TERM");
  if (terminal == nullptr || std::string_view(terminal) == "dumb") return false;
  return ::isatty(STDOUT_FILENO) == 1;
}

void require_text_or_json(const CommonOptions& common) {
  if (common.format == "text" || common.format == "json") return;
  const std::vector<std::string> words{"text", "json"};
  refuse_word("--format", common.format, words);
}

}  // namespace goldseal::cli

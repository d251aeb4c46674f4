// SPDX-License-Identifier: Apache-2.0
// What a verb writes beside its words goes through this file, by one rule: a file that is there is replaced where it is
// empty or goldseal's own earlier output of the same kind, as in a pipeline that runs again; any other by --force alone. An
// input is never replaced, and nothing is written into a seal, whose signature covers every file in it. (A seal, a
// checkpoint, a signature and an attestation ask for --force whatever is there: no second run makes the same again.)
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::cli {

/// A kind of output: its name for people, and what goldseal's own are known by.
struct OutputKind {
  std::string name;
  bool (*is_own)(std::string_view text);
};

/// What `--report FORMAT=PATH` writes, of one run, and of a fleet. Of a format that is not recognized none is own.
[[nodiscard]] OutputKind report_kind(std::string_view format);
[[nodiscard]] OutputKind fleet_report_kind(std::string_view format);
/// The formats that are recognized: those that the renderers have.
[[nodiscard]] std::vector<std::string_view> recognized_reports(bool of_fleet);
[[nodiscard]] OutputKind environment_kind();
[[nodiscard]] OutputKind environment_json_kind();
[[nodiscard]] OutputKind bom_kind();
[[nodiscard]] OutputKind bytes_to_sign_kind();
[[nodiscard]] OutputKind manual_page_kind();

/// Where an output goes, what it is, and what the user said of a file that is there.
struct Output {
  std::filesystem::path path;
  OutputKind kind;
  bool force = false;
};

/// Before any work: throws Error{usage} where the output may not be written there: see the rule above.
void require_writable_place(const Output& output, std::span<const std::filesystem::path> inputs = {});

/// Throws Error{usage} where `path` would lie in a seal.
void require_outside_of_seals(const std::filesystem::path& path);

/// Writes it, whole or not at all. Throws as `require_writable_place` does, for what came meanwhile, and as
/// write_file_atomically does.
void write_output(const Output& output, std::string_view bytes);

}  // namespace goldseal::cli

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/answers/saved_results.hpp>

#include <goldseal/base/bytes/bounded_json.hpp>
#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/files/staging.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/write/safetensors_writer.hpp>
#include <goldseal/worker/entry_json.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <utility>

namespace goldseal {
namespace {

using Json = nlohmann::ordered_json;

constexpr int k_format = 1;
constexpr std::string_view k_run = "run.json";
constexpr std::string_view k_environment = "environment.toml";
constexpr std::string_view k_outputs = "outputs.safetensors";
constexpr std::uint64_t k_largest_text = 64U << 20U;
constexpr int k_run_depth = 16;  // it has five levels

// The runs of a case, each with its part of a tensor's name in outputs.safetensors.
constexpr std::array k_runs{
    std::pair<std::string_view, std::vector<HostTensor> CaseResults::*>{to_string(Compute::native),
                                                                        &CaseResults::native},
    std::pair<std::string_view, std::vector<HostTensor> CaseResults::*>{"again", &CaseResults::again},
    std::pair<std::string_view, std::vector<HostTensor> CaseResults::*>{to_string(Compute::float64),
                                                                        &CaseResults::float64},
    std::pair<std::string_view, std::vector<HostTensor> CaseResults::*>{"float64_layers", &CaseResults::float64_layers},
    std::pair<std::string_view, std::vector<HostTensor> CaseResults::*>{"native_layers", &CaseResults::native_layers}};

Json describe(const Key& key) {
  auto entry = write_entry<Json>(key);
  entry["value"] = key.value;
  entry["compiled_in"] = static_cast<int>(key.compiled_in);
  return entry;
}

Json describe(const OutsideRecord& tensor) {
  return {{"name", tensor.name},   {"kind", tensor.kind},  {"dtype", tensor.dtype},
          {"shape", tensor.shape}, {"sha256", to_hex(tensor.sha256)}, {"sketch", tensor.sketch}, {"remade", tensor.remade}};
}

Json describe(const SavedResults& results) {
  Json run{{"format", k_format}, {"golden_sha256", to_hex(results.golden_sha256)}, {"runtime", to_utf8(results.runtime)}};
  run["configuration"] = results.configuration;
  if (!results.choices.empty()) run["choices"] = results.choices;
  run["state_entries"] = Json::array();
  for (const auto& state_entry : results.state_entries) run["state_entries"].push_back(describe(state_entry));
  run["tensors"] = Json::array();
  for (const auto& tensor : results.tensors) run["tensors"].push_back(write_loaded<Json>(tensor));
  run["extra_states"] = Json::array();
  for (const auto& state : results.extra_states)
    run["extra_states"].push_back({{"name", state.name}, {"kind", state.kind}, {"sha256", to_hex(state.sha256)}});
  run["outside"] = Json::array();
  for (const auto& tensor : results.outside) run["outside"].push_back(describe(tensor));
  run["changed"] = results.changed;
  run["cases"] = Json::array();
  for (const auto& golden : results.cases) run["cases"].push_back(golden.golden_case);
  return run;
}

std::string place(std::string_view golden_case, std::string_view run, std::string_view output) {
  return fmt::format("{}/{}/{}", golden_case, run, output);
}

std::string write_outputs(const std::vector<CaseResults>& cases) {
  std::vector<TensorToWrite> tensors;
  for (const auto& golden : cases) {
    for (const auto& [run, outputs] : k_runs) {
      for (const auto& output : golden.*outputs) {
        tensors.push_back({place(golden.golden_case, run, output.name), output.dtype, output.shape, output.bytes});
      }
    }
  }
  return write_safetensors(tensors);
}

std::vector<CaseResults> read_outputs(const std::filesystem::path& path, const std::vector<std::string>& names) {
  const auto tensors = read_tensors(path);
  std::vector<CaseResults> cases;
  for (const auto& name : names) {
    auto& golden = cases.emplace_back();
    golden.golden_case = name;
    for (const auto& [run, outputs] : k_runs) {
      const auto prefix = place(name, run, "");
      for (const auto& tensor : tensors) {
        if (!tensor.name.starts_with(prefix)) continue;
        (golden.*outputs).push_back(tensor);
        (golden.*outputs).back().name = tensor.name.substr(prefix.size());
      }
    }
  }
  return cases;
}

Digest digest_in(const Json& holder, const char* key) {
  const auto digest = parse_digest(holder.at(key).get<std::string>());
  if (!digest) throw std::invalid_argument(fmt::format("'{}' must be a SHA-256 of 64 hexadecimal digits", key));
  return *digest;
}

Error damaged(const std::filesystem::path& path, std::string_view how) {
  return {ErrorKind::malformed, path.string(), fmt::format("the saved results are damaged: {}", how),
          "save them again with goldseal verify SEAL --save-results DIR"};
}

Key state_entry(const Json& entry) {
  const auto compiled_in = entry.value("compiled_in", 0);
  if (compiled_in < 0 || compiled_in > static_cast<int>(CompiledIn::code))
    throw std::invalid_argument("a state entry's `compiled_in` is unknown");
  auto key = read_entry(entry);
  key.value = entry.value("value", false);
  key.compiled_in = static_cast<CompiledIn>(compiled_in);
  return key;
}

SavedResults read_run(const Json& run) {
  if (run.at("format") != k_format) throw std::invalid_argument("they are in the format of another version");
  SavedResults results;
  results.golden_sha256 = digest_in(run, "golden_sha256");
  results.runtime = run.at("runtime").get<std::string>();
  results.configuration = run.at("configuration").get<std::map<std::string, std::string>>();
  results.choices = run.value("choices", std::map<std::string, std::string>{});
  for (const auto& entry : run.at("state_entries")) results.state_entries.push_back(state_entry(entry));
  for (const auto& tensor : run.at("tensors")) results.tensors.push_back(read_loaded(tensor));
  for (const auto& state : run.value("extra_states", Json::array())) {
    results.extra_states.push_back(
        {state.at("name").get<std::string>(), state.at("kind").get<std::string>(), digest_in(state, "sha256")});
  }
  for (const auto& tensor : run.value("outside", Json::array())) {
    results.outside.push_back({tensor.at("name").get<std::string>(), tensor.at("kind").get<std::string>(),
                               tensor.at("dtype").get<std::string>(),
                               tensor.at("shape").get<std::vector<std::int64_t>>(), digest_in(tensor, "sha256"), true,
                               tensor.at("sketch").get<std::vector<double>>()});
  }
  results.changed = run.value("changed", std::vector<std::string>{});
  return results;
}

bool is_run(const std::filesystem::path& file) {
  const auto run = Json::parse(read_text_file(file, k_largest_text), nullptr, /*allow_exceptions=*/false);
  return run.is_object() && run.contains("format") && run.contains("golden_sha256") && run.contains("cases");
}

// Only what holds saved results and nothing else is replaced.
void require_saved_results(const std::filesystem::path& directory) {
  const auto refuse = [&](const std::string& found) {
    throw Error(ErrorKind::usage, directory.string(),
                fmt::format("expected a new directory or one with saved results, found {}", found),
                "name a directory that does not exist");
  };
  std::error_code error;
  if (!std::filesystem::is_regular_file(directory / k_run, error) || !is_run(directory / k_run)) refuse("another");
  for (const auto& name : staging::names_in(directory)) {
    const bool file = std::filesystem::is_regular_file(directory / name, error);
    if (!file || (name != k_run && name != k_environment && name != k_outputs))
      refuse(fmt::format("one with {} in it", escape_unprintable(name)));
  }
}

}  // namespace

void require_new_or_saved_results(const std::filesystem::path& directory) {
  if (std::filesystem::exists(std::filesystem::symlink_status(directory))) require_saved_results(directory);
}

void save_results(const std::filesystem::path& directory, const SavedResults& results) {
  AtomicDirectory target(directory, require_saved_results);
  target.write(k_run, describe(results).dump(1));
  target.write(k_environment, write_environment(results.environment));
  target.write(k_outputs, write_outputs(results.cases));
  static_cast<void>(load_results(target.staging()));  // what cannot be read again replaces nothing
  target.commit();
}

SavedResults load_results(const std::filesystem::path& directory) {
  const auto path = directory / k_run;
  if (!std::filesystem::exists(path)) {
    throw Error(ErrorKind::io, directory.string(), "expected saved results, found no run.json",
                "save them with goldseal verify SEAL --save-results DIR");
  }
  for (const auto name : {k_run, k_environment}) {
    std::error_code ignored;
    if (!std::filesystem::is_fifo(directory / name, ignored)) continue;
    throw Error(ErrorKind::io, (directory / name).string(), "expected a file, found a pipe", "name the directory that was saved");
  }
  try {
    const auto run = parse_json(read_text_file(path, k_largest_text), path.string(), {k_largest_text, k_run_depth},
                                "save them again with goldseal verify SEAL --save-results DIR");
    auto results = read_run(run);
    const auto environment = directory / k_environment;
    results.environment = read_environment(read_text_file(environment, k_largest_text), environment.string());
    results.cases = read_outputs(directory / k_outputs, run.at("cases").get<std::vector<std::string>>());
    return results;
  } catch (const Error& error) {
    if (!error.where().empty()) throw;
    throw damaged(path, error.message());  // of the codec, which knows no file
  } catch (const std::exception& error) {
    throw damaged(path, error.what());
  }
}

}  // namespace goldseal

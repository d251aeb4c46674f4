// SPDX-License-Identifier: Apache-2.0
// Which files of a model's directory describe the network, by the names that the libraries give them:
//
//   transformers           config.json, generation_config.json, tokenizer*.json, special_tokens_map.json,
//                          added_tokens.json, vocab*, merges.txt, *.model, chat_template*, *preprocessor_config.json,
//                          processor_config.json, adapter_config.json, normalizer.json, *.py, and in directories of
//                          their own additional_chat_templates/*.jinja, custom_generate/*.py
//   diffusers              model_index.json, and in each part config.json or scheduler_config.json
//   sentence-transformers  modules.json, config_sentence_transformers.json, sentence_*_config.json, 1_Pooling/config.json
//   timm                   config.json
#include <goldseal/workflow/description/model_directory.hpp>

#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t k_most_config_bytes = 4U << 20U;
constexpr std::size_t k_most_files = 512;
constexpr std::array<std::string_view, 2> k_indices_of_parts{"modules.json", "model_index.json"};
constexpr std::array<std::string_view, 2> k_inner_directories{"additional_chat_templates", "custom_generate"};

constexpr std::array<std::string_view, 5> k_plain_configurations{"config.json", "config.yaml", "config.yml",
                                                                 "hparams.yaml", "hparams.yml"};
constexpr std::array<std::string_view, 2> k_weights_of_a_part{"model.safetensors", "pytorch_model.bin"};
constexpr int k_depth_of_code = 3;

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

// `pytorch_model.bin.index.json` says where weights lie; the checkpoint's reader follows it.
bool describes(std::string_view name) {
  const auto ends = [&](std::string_view end) { return name.ends_with(end); };
  const auto begins = [&](std::string_view start) { return name.starts_with(start); };
  const auto holds = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  // Mistral's `tokenizer.model.v3`.
  if (begins("tokenizer.model") || ends(".bpe")) return true;
  if (ends(".py") || ends(".model") || ends(".tiktoken") || ends(".spm") || ends(".jinja") || ends(".codes")) return true;
  if (ends(".json")) {
    if (ends(".index.json")) return false;
    return holds("config") || begins("tokenizer") || holds("tokens") || holds("vocab") || begins("chat_template") ||
           holds("label") || begins("normalizer") || begins("processor") || begins("preprocessor") || name == "modules.json" || name == "model_index.json" ||
           name == "params.json" || name == "tekken.json" || name == "merges.json";
  }
  if (ends(".txt")) return holds("vocab") || begins("merges") || begins("dict") || holds("labels");
  return (ends(".yaml") || ends(".yml")) && holds("config");
}

std::optional<nlohmann::json> read_object(const fs::path& path) {
  if (!is_file(path)) return std::nullopt;
  try {
    auto document = nlohmann::json::parse(read_text_file(path, k_most_config_bytes), nullptr, false);
    if (document.is_object()) return document;
  } catch (const Error&) {
    // A file that cannot be read makes no directory a model's.
  }
  return std::nullopt;
}

void add_files_of(const fs::path& directory, std::vector<fs::path>& files) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    if (files.size() >= k_most_files) return;
    const auto name = entry->path().filename().string();
    if (describes(name) && is_file(entry->path())) files.push_back(entry->path());
  }
}

// A library that takes the directory's own code (`auto_map`) takes what it imports from below with it.
void add_code_below(const fs::path& directory, std::vector<fs::path>& files) {
  const auto config = read_object(directory / "config.json");
  if (!config || !config->contains("auto_map")) return;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry.depth() >= k_depth_of_code || entry->path().filename().string().starts_with('.')) entry.disable_recursion_pending();
    if (entry.depth() == 0 || files.size() >= k_most_files) continue;
    if (entry->path().extension() == ".py" && is_file(entry->path())) files.push_back(entry->path());
  }
}

bool has_parts(const fs::path& directory) {
  return std::ranges::any_of(k_indices_of_parts, [&](auto name) { return is_file(directory / name); });
}

}  // namespace

std::vector<fs::path> plain_configurations(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto name : k_plain_configurations) {
    std::error_code error;
    const auto file = directory / name;
    if (is_file(file) && fs::file_size(file, error) <= k_most_config_bytes && !error) files.push_back(file);
  }
  return files;
}

std::vector<fs::path> weights_of_other_parts(const fs::path& directory) {
  std::vector<fs::path> files;
  const auto own = fs::weakly_canonical(directory);
  const auto whole = is_file(directory / "modules.json") ? directory : directory.parent_path();
  if (!is_file(whole / "modules.json")) return files;
  std::error_code error;
  for (fs::directory_iterator entry(whole, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (!entry->is_directory(ignored) || fs::weakly_canonical(entry->path(), ignored) == own) continue;
    for (const auto name : k_weights_of_a_part)
      if (is_file(entry->path() / name)) files.push_back(entry->path() / name);
  }
  std::ranges::sort(files);
  return files;
}

std::optional<fs::path> directory_of_parts(const fs::path& directory) {
  const auto parent = directory.parent_path();
  if (parent.empty() || parent == directory || !has_parts(parent)) return std::nullopt;
  return parent;
}

bool is_model_directory(const fs::path& directory) {
  if (has_parts(directory) || is_file(directory / "adapter_config.json")) return true;
  if (is_file(directory / "tokenizer_config.json") || is_file(directory / "preprocessor_config.json")) return true;
  const auto config = read_object(directory / "config.json");
  if (!config) return false;
  constexpr std::array<const char*, 6> k_signs{"architectures", "model_type", "_class_name",
                                               "architecture",  "auto_map",   "pretrained_cfg"};
  return std::ranges::any_of(k_signs, [&](const char* key) { return config->contains(key); });
}

std::vector<fs::path> description_files(const fs::path& directory) {
  std::vector<fs::path> files;
  add_files_of(directory, files);
  for (const auto inner : k_inner_directories) add_files_of(directory / inner, files);
  add_code_below(directory, files);
  std::error_code error;
  if (has_parts(directory)) {
    for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
      std::error_code ignored;
      const bool seal = entry->path().extension() == ".seal";
      if (!seal && entry->is_directory(ignored)) add_files_of(entry->path(), files);
    }
  }
  std::ranges::sort(files);
  files.erase(std::unique(files.begin(), files.end()), files.end());
  return files;
}

}  // namespace goldseal

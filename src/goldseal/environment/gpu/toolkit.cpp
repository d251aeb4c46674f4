// SPDX-License-Identifier: Apache-2.0
// What else is installed that PyTorch may meet: compilers (which torch.compile starts), a CUDA toolkit, a cuDNN that
// comes before PyTorch's own.
#include <goldseal/environment/shared/probes.hpp>
#include <goldseal/environment/shared/version.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

struct Found {
  std::string version;
  fs::path place;
};

// The highest version among the names in a directory, after `prefix`.
std::optional<Found> newest_in(const FileRoot& files, const fs::path& directory, std::string_view prefix) {
  std::optional<Found> newest;
  for (const auto& name : files.list(directory)) {
    if (!name.starts_with(prefix)) continue;
    const auto text = name.substr(prefix.size());
    const auto version = parse_version(text);
    if (!version || (newest && *version <= *parse_version(newest->version))) continue;
    newest = Found{text, directory / name};
  }
  return newest;
}

void put_gcc(const FileRoot& files, const FactSink& fact) {
  for (const auto& target : files.list("/usr/lib/gcc")) {
    if (auto found = newest_in(files, fs::path("/usr/lib/gcc") / target, ""))
      return fact("toolkit.gcc", std::move(found->version), found->place.string());
  }
}

void put_clang(const FileRoot& files, const FactSink& fact) {
  const auto llvm = newest_in(files, "/usr/lib", "llvm-");
  const auto directory = llvm ? llvm->place / "lib/clang" : fs::path("/usr/lib/clang");
  if (auto found = newest_in(files, directory, ""))
    fact("toolkit.clang", std::move(found->version), found->place.string());
}

void put_cmake(const FileRoot& files, const FactSink& fact) {
  if (auto found = newest_in(files, "/usr/share", "cmake-"))
    fact("toolkit.cmake", std::move(found->version), found->place.string());
}

// `13.0` of /usr/local/cuda, a link to cuda-13.0 by way of /etc/alternatives or at once.
std::optional<std::string> cuda_of_link(const FileRoot& files) {
  constexpr std::string_view k_lead = "cuda-";
  constexpr int k_most_links = 4;
  fs::path place = "/usr/local/cuda";
  for (int i = 0; i < k_most_links; ++i) {
    std::error_code error;
    const auto target = fs::read_symlink(files.at(place), error);
    if (error) return std::nullopt;
    place = target.is_absolute() ? target : place.parent_path() / target;
    const auto name = place.filename().string();
    if (name.starts_with(k_lead) && parse_version(name.substr(k_lead.size())) && files.exists(place / "bin/nvcc"))
      return name.substr(k_lead.size());
  }
  return std::nullopt;
}

// `"cuda" : { "name" : "CUDA SDK", "version" : "12.4.20240301" }` of version.json, or `CUDA Version 10.2.89`.
void put_cuda(const FileRoot& files, const FactSink& fact) {
  constexpr std::string_view k_key = "\"version\"";
  const auto json = files.read("/usr/local/cuda/version.json").value_or("");
  if (const auto key = json.find(k_key, json.find("\"cuda\"")); key != std::string::npos) {
    const auto begin = json.find('"', key + k_key.size()) + 1;
    return fact("toolkit.cuda", json.substr(begin, json.find('"', begin) - begin), "/usr/local/cuda/version.json");
  }
  constexpr std::string_view k_text = "CUDA Version ";
  if (const auto line = files.line("/usr/local/cuda/version.txt"); line && line->starts_with(k_text))
    return fact("toolkit.cuda", line->substr(k_text.size()), "/usr/local/cuda/version.txt");
  if (auto version = cuda_of_link(files)) fact("toolkit.cuda", std::move(*version), "/usr/local/cuda");
}

// The loader takes it in place of the one that PyTorch brings.
void put_cudnn(const ProbeContext& context, const FactSink& fact) {
  const auto variable = context.variables.find("LD_LIBRARY_PATH");
  if (variable == context.variables.end()) return;
  for (const auto directory : split(variable->second, ':')) {
    if (directory.empty()) continue;
    auto found = newest_in(context.files, fs::path(directory), "libcudnn.so.");
    if (!found) continue;
    const auto origin = context.options.anonymous ? std::string("LD_LIBRARY_PATH") : found->place.string();
    return fact("toolkit.cudnn_of_library_path", std::move(found->version), origin);
  }
}

}  // namespace

void probe_toolkit(const ProbeContext& context, const FactSink& fact) {
  put_gcc(context.files, fact);
  put_clang(context.files, fact);
  put_cmake(context.files, fact);
  put_cuda(context.files, fact);
  put_cudnn(context, fact);
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/libraries/torch_installation.hpp>

#include <goldseal/environment/libraries/elf.hpp>
#include <goldseal/environment/libraries/library_search.hpp>
#include <goldseal/environment/libraries/python_locations.hpp>
#include <goldseal/environment/shared/probes.hpp>
#include <goldseal/environment/shared/version.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

// The value of `name = 'text'` or `name: Optional[str] = 'text'` in version.py; nothing for None.
std::optional<std::string> python_text(const std::string& source, std::string_view name) {
  for (const auto line : split(source, '\n')) {
    const auto equals = line.find('=');
    if (!line.starts_with(name) || equals == std::string_view::npos) continue;
    const auto left = trimmed(line.substr(name.size(), equals - name.size()));
    if (!left.empty() && !left.starts_with(':')) continue;  // another name that begins the same
    const auto right = trimmed(line.substr(equals + 1));
    const bool quoted =
        right.size() >= 2 && (right.front() == '\'' || right.front() == '"') && right.back() == right.front();
    if (quoted) return std::string(right.substr(1, right.size() - 2));
  }
  return std::nullopt;
}

std::optional<std::string> header_version(const FileRoot& files, const fs::path& header) {
  const auto source = files.read(header);
  if (!source) return std::nullopt;
  std::array<std::string, 3> numbers;
  constexpr std::array<std::string_view, 3> k_macros{"#define TORCH_VERSION_MAJOR ", "#define TORCH_VERSION_MINOR ",
                                                     "#define TORCH_VERSION_PATCH "};
  for (const auto line : split(*source, '\n')) {
    for (std::size_t i = 0; i < k_macros.size(); ++i) {
      if (line.starts_with(k_macros[i])) numbers[i] = trimmed(line.substr(k_macros[i].size()));
    }
  }
  if (std::ranges::any_of(numbers, &std::string::empty)) return std::nullopt;
  return fmt::format("{}.{}.{}", numbers[0], numbers[1], numbers[2]);
}

// From the most telling file to the least: the wheel's own module, the archive's note, the headers.
void read_version(const FileRoot& files, const fs::path& prefix, TorchInstallation& torch) {
  const auto take = [&](std::optional<std::string> version, const fs::path& origin) {
    if (!torch.version.empty() || !version) return;
    torch.version = std::move(*version);
    torch.version_origin = origin.string();
  };
  if (const auto source = files.read(prefix / "version.py")) {
    take(python_text(*source, "__version__"), prefix / "version.py");
    torch.cuda_version = python_text(*source, "cuda");
    torch.hip_version = python_text(*source, "hip");
    torch.git_version = python_text(*source, "git_version");
  }
  take(files.line(prefix / "build-version"), prefix / "build-version");
  for (const auto* header : {"include/torch/headeronly/version.h", "include/torch/csrc/api/include/torch/version.h",
                             "include/torch/version.h"})
    take(header_version(files, prefix / header), prefix / header);
  if (!torch.git_version) torch.git_version = files.line(prefix / "build-hash");
  const auto version = parse_version(torch.version);
  if (!version) return;
  if (!torch.cuda_version) torch.cuda_version = cuda_of_label(version->label);
  if (!torch.hip_version) torch.hip_version = rocm_of_label(version->label);
}

fs::path find_library_dir(const FileRoot& files, const fs::path& prefix) {
  for (const auto* directory : {"lib", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "lib64"}) {
    if (files.exists(prefix / directory / "libtorch_cpu.so")) return prefix / directory;
  }
  return {};
}

std::optional<int> find_abi(const FileRoot& files, const fs::path& prefix) {
  const auto config = files.read(prefix / "share/cmake/Torch/TorchConfig.cmake").value_or("");
  constexpr std::string_view k_macro = "_GLIBCXX_USE_CXX11_ABI=";
  const auto at = config.find(k_macro);
  if (at == std::string::npos || at + k_macro.size() >= config.size()) return std::nullopt;
  return config[at + k_macro.size()] == '1' ? 1 : 0;
}

// The symbol versions that its libraries ask of glibc and libstdc++, and the libraries that the loader would not find.
void put_needs(const ProbeContext& context, const fs::path& directory, const FactSink& fact) {
  const LibrarySearch search(context);
  std::vector<std::string> versions;
  std::vector<std::string> missing;
  for (const auto* name : {"libc10.so", "libtorch_cpu.so", "libc10_cuda.so", "libtorch_cuda.so"}) {
    const auto path = directory / name;
    const auto library = context.files.exists(path) ? read_elf(context.files.at(path)) : std::nullopt;
    if (!library) continue;
    std::ranges::copy(library->versions_needed, std::back_inserter(versions));
    for (const auto& needed : library->needed) {
      const bool known = std::ranges::find(missing, needed) != missing.end();
      if (!known && !search.finds(needed, *library, directory)) missing.push_back(needed);
    }
  }
  const auto origin = context.options.anonymous ? std::string("torch/lib") : directory.string();
  const auto put = [&](const char* prefix, const char* name) {
    if (auto newest = newest_version(versions, prefix)) fact(name, std::move(*newest), origin);
  };
  put("GLIBC_", "torch.needs_glibc");
  put("GLIBCXX_", "torch.needs_glibcxx");
  put("CXXABI_", "torch.needs_cxxabi");
  if (!missing.empty()) fact("torch.missing_libraries", std::move(missing), origin);
}

void put_chosen(const ProbeContext& context, const fs::path& prefix, const TorchInstallation& torch,
                const FactSink& fact) {
  const bool anonymous = context.options.anonymous;
  const auto origin = anonymous ? "torch/" + fs::path(torch.version_origin).filename().string() : torch.version_origin;
  fact("torch.version", torch.version.substr(0, torch.version.find('+')), origin);
  if (const auto plus = torch.version.find('+'); plus != std::string::npos)
    fact("torch.variant", torch.version.substr(plus + 1), origin);
  if (torch.cuda_version) fact("torch.cuda_build", *torch.cuda_version, origin);
  if (torch.hip_version) fact("torch.hip_build", *torch.hip_version, origin);
  if (torch.git_version && *torch.git_version != "Unknown") fact("torch.git", *torch.git_version, origin);
  if (!anonymous) fact("torch.prefix", prefix.string(), "search path");
  if (torch.cxx_abi)
    fact("torch.cxx_abi", std::int64_t{*torch.cxx_abi},
         anonymous ? "TorchConfig.cmake" : (prefix / "share/cmake/Torch").string());
  if (torch.library_dir.empty()) return;
  const auto libraries = anonymous ? std::string("torch/lib") : torch.library_dir.string();
  const auto has = [&](const char* library) { return context.files.exists(torch.library_dir / library); };
  fact("torch.cuda", has("libtorch_cuda.so"), libraries);
  if (has("libtorch_hip.so")) fact("torch.rocm", true, libraries);
  if (has("libtorch_xpu.so")) fact("torch.xpu", true, libraries);
  put_needs(context, torch.library_dir, fact);
}

}  // namespace

std::vector<fs::path> torch_prefixes(const ProbeContext& context) {
  std::vector<fs::path> prefixes;
  const auto add = [&](fs::path prefix) {
    if (std::ranges::find(prefixes, prefix) == prefixes.end()) prefixes.push_back(std::move(prefix));
  };
  if (context.options.torch_prefix) add(context.options.torch_prefix->lexically_normal());
  for (const auto& python : python_locations(context)) {
    for (const auto& directory : python.package_dirs) add(directory / "torch");
  }
  add("/usr");
  return prefixes;
}

std::optional<std::string> cuda_of_label(std::string_view label) {
  if (!label.starts_with("cu") || label.size() < 4) return std::nullopt;
  const auto digits = label.substr(2, label.find_first_not_of("0123456789", 2) - 2);
  if (digits.size() < 2) return std::nullopt;
  return fmt::format("{}.{}", digits.substr(0, digits.size() - 1), digits.back());
}

std::optional<std::string> rocm_of_label(std::string_view label) {
  constexpr std::string_view k_lead = "rocm";
  if (!label.starts_with(k_lead)) return std::nullopt;
  const auto number = label.substr(k_lead.size());
  return parse_version(number) ? std::optional<std::string>(number) : std::nullopt;
}

std::optional<TorchInstallation> read_torch_installation(const FileRoot& files, const fs::path& prefix) {
  TorchInstallation torch;
  read_version(files, prefix, torch);
  if (torch.version.empty()) return std::nullopt;
  torch.library_dir = find_library_dir(files, prefix);
  torch.cxx_abi = find_abi(files, prefix);
  return torch;
}

void probe_torch_installation(const ProbeContext& context, const FactSink& fact) {
  std::vector<std::string> installed;
  for (const auto& prefix : torch_prefixes(context)) {
    const auto torch = read_torch_installation(context.files, prefix);
    if (!torch) continue;
    if (installed.empty()) put_chosen(context, prefix, *torch, fact);
    installed.push_back(context.options.anonymous ? torch->version
                                                  : fmt::format("{} {}", torch->version, prefix.string()));
  }
  if (!installed.empty()) fact("torch.installed", std::move(installed), "search path");
}

}  // namespace goldseal

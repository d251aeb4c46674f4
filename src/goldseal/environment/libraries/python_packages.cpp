// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/libraries/python_locations.hpp>
#include <goldseal/environment/libraries/python_packages.hpp>
#include <goldseal/environment/shared/probes.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

// What runs, feeds, converts or loads networks: the packages that can change answers. A seal is not an inventory of
// a machine: other packages, a company's own among them, are not named in it. Sorted.
constexpr std::array k_names{
    std::string_view{"accelerate"},
    std::string_view{"albumentations"},
    std::string_view{"apex"},
    std::string_view{"bitsandbytes"},
    std::string_view{"cuda-bindings"},
    std::string_view{"cuda-python"},
    std::string_view{"cupy-cuda12x"},
    std::string_view{"cupy-cuda13x"},
    std::string_view{"deepspeed"},
    std::string_view{"detectron2"},
    std::string_view{"diffusers"},
    std::string_view{"einops"},
    std::string_view{"executorch"},
    std::string_view{"fairscale"},
    std::string_view{"flash-attn"},
    std::string_view{"flashinfer-python"},
    std::string_view{"imageio"},
    std::string_view{"intel-extension-for-pytorch"},
    std::string_view{"intel-openmp"},
    std::string_view{"jax"},
    std::string_view{"jaxlib"},
    std::string_view{"kornia"},
    std::string_view{"lightning"},
    std::string_view{"mkl"},
    std::string_view{"mmcv"},
    std::string_view{"mmdet"},
    std::string_view{"mmengine"},
    std::string_view{"mypy-extensions"},
    std::string_view{"networkx"},
    std::string_view{"numba"},
    std::string_view{"numpy"},
    std::string_view{"opencv-contrib-python"},
    std::string_view{"opencv-python"},
    std::string_view{"opencv-python-headless"},
    std::string_view{"optree"},
    std::string_view{"peft"},
    std::string_view{"pillow"},
    std::string_view{"pillow-simd"},
    std::string_view{"pip"},
    std::string_view{"pytorch-lightning"},
    std::string_view{"pytorch-triton"},
    std::string_view{"safetensors"},
    std::string_view{"scikit-image"},
    std::string_view{"scipy"},
    std::string_view{"setuptools"},
    std::string_view{"simplejpeg"},
    std::string_view{"sympy"},
    std::string_view{"tbb"},
    std::string_view{"tensorflow"},
    std::string_view{"tensorrt"},
    std::string_view{"timm"},
    std::string_view{"tokenizers"},
    std::string_view{"transformers"},
    std::string_view{"triton"},
    std::string_view{"typing-extensions"},
    std::string_view{"ultralytics"},
    std::string_view{"vllm"},
    std::string_view{"xformers"},
};
static_assert(std::ranges::is_sorted(k_names));

constexpr std::array k_prefixes{std::string_view{"torch"}, std::string_view{"nvidia-"}, std::string_view{"pytorch-"},
                                std::string_view{"functorch"}, std::string_view{"onnx"}};

// Libraries that conda installs as packages, where pip brings them inside others.
bool is_native_library(std::string_view name) {
  constexpr std::array k_libraries{
      std::string_view{"blas"},         std::string_view{"cuda-cudart"},   std::string_view{"cuda-runtime"},
      std::string_view{"cuda-version"}, std::string_view{"cudatoolkit"},   std::string_view{"cudnn"},
      std::string_view{"libblas"},      std::string_view{"libcublas"},     std::string_view{"libgcc"},
      std::string_view{"libgomp"},      std::string_view{"libjpeg-turbo"}, std::string_view{"libopenblas"},
      std::string_view{"libstdcxx"},    std::string_view{"libstdcxx-ng"},  std::string_view{"llvm-openmp"},
      std::string_view{"openblas"},     std::string_view{"opencv"},        std::string_view{"python"},
  };
  static_assert(std::ranges::is_sorted(k_libraries));
  return std::ranges::binary_search(k_libraries, name);
}

// `-py3.11` at the end of an egg's version.
std::string_view without_series(std::string_view version) { return version.substr(0, version.find("-py")); }

// The interpreter that the PyTorch of the same facts belongs to: with another's version and packages they would describe a
// machine that is nowhere.
const PythonLocation& python_with_torch(const ProbeContext& context, const std::vector<PythonLocation>& pythons) {
  const auto found = std::ranges::find_if(pythons, [&](const PythonLocation& python) {
    return std::ranges::any_of(python.package_dirs, [&](const auto& place) { return context.files.exists(place / "torch"); });
  });
  return found == pythons.end() ? pythons.front() : *found;
}

}  // namespace

bool is_captured_package(std::string_view name) {
  return std::ranges::binary_search(k_names, name) ||
         std::ranges::any_of(k_prefixes, [&](auto prefix) { return name.starts_with(prefix); });
}

std::string normalised_package_name(std::string_view name) {
  std::string result;
  for (const char c : name) {
    const bool is_separator = c == '-' || c == '_' || c == '.';
    if (!is_separator) {
      result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!result.empty() && result.back() != '-') {
      result += '-';
    }
  }
  return result;
}

std::optional<PythonPackage> package_of_entry(std::string_view entry) {
  for (const std::string_view suffix : {".dist-info", ".egg-info"}) {
    if (!entry.ends_with(suffix)) continue;
    const auto stem = entry.substr(0, entry.size() - suffix.size());
    const auto dash = stem.find('-');
    if (dash == std::string_view::npos || dash == 0) return std::nullopt;
    return PythonPackage{normalised_package_name(stem.substr(0, dash)),
                         std::string(without_series(stem.substr(dash + 1)))};
  }
  return std::nullopt;
}

std::optional<PythonPackage> conda_package_of_entry(std::string_view entry) {
  constexpr std::string_view k_suffix = ".json";
  if (!entry.ends_with(k_suffix)) return std::nullopt;
  entry.remove_suffix(k_suffix.size());
  const auto build = entry.rfind('-');
  const auto version = build == std::string_view::npos ? build : entry.rfind('-', build - 1);
  if (build == 0 || version == std::string_view::npos || version == 0) return std::nullopt;
  return PythonPackage{normalised_package_name(entry.substr(0, version)),
                       std::string(entry.substr(version + 1, build - version - 1))};
}

void probe_python(const ProbeContext& context, const FactSink& fact) {
  const auto pythons = python_locations(context);
  if (pythons.empty()) return;
  const auto& python = python_with_torch(context, pythons);
  const bool anonymous = context.options.anonymous;
  fact("python.version", python_version(context.files, python), anonymous ? "" : python.prefix.string());
  if (!anonymous) fact("python.prefix", python.prefix.string(), "search path");
  std::set<std::string> seen;  // the first directory of the search path wins
  for (const auto& directory : python.package_dirs) {
    for (const auto& entry : context.files.list(directory)) {
      const auto package = package_of_entry(entry);
      if (!package || !is_captured_package(package->name) || !seen.insert(package->name).second) continue;
      fact("python.package." + package->name, package->version, anonymous ? entry : (directory / entry).string());
    }
  }
  const auto conda = python.prefix / "conda-meta";
  for (const auto& entry : context.files.list(conda)) {
    const auto package = conda_package_of_entry(entry);
    const bool captured = package && (is_captured_package(package->name) || is_native_library(package->name));
    if (captured)
      fact("conda.package." + package->name, package->version, anonymous ? entry : (conda / entry).string());
  }
}

}  // namespace goldseal

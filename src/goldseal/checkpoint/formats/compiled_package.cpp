// SPDX-License-Identifier: Apache-2.0
// What torch._inductor.aoti_compile_and_package writes (torch 2.6 to 2.13), as records of a zip archive:
//
//   archive_format                             `pt2`
//   data/aotinductor/NAME/X.so                 the native library, mostly with the weights in it
//   data/aotinductor/NAME/X_metadata.json      what it was compiled for (torch/_inductor/codecache.py,
//                                              get_device_information)
//   data/aotinductor/NAME/*.cpp                its sources; *.cubin, *.fatbin: kernels; X.json: operators to call by
//   name
#include <goldseal/checkpoint/formats/compiled_package.hpp>

#include <goldseal/base/bytes/bounded_json.hpp>
#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace goldseal {
namespace {

using nlohmann::json;

constexpr std::string_view k_models = "data/aotinductor/";
constexpr std::string_view k_default_model = "model";  // LibTorch's loader asks for this one
constexpr std::uint64_t k_metadata_limit = 1'000'000;
constexpr int k_metadata_depth = 8;
constexpr std::string_view k_remedy =
    "compile a package with torch._inductor.aoti_compile_and_package(torch.export.export(model, args))";

[[noreturn]] void refuse(const CompiledPackage& package, std::string message, std::string remedy) {
  throw Error(ErrorKind::unsupported, package.path, std::move(message), std::move(remedy));
}

std::string_view short_name(const CompiledPackage& package, const ZipEntry& entry) {
  const auto& root = package.archive.root;
  return root.empty() ? entry.name : entry.name.substr(std::min(entry.name.size(), root.size() + 1));
}

// The name within the model's folder; empty for a record that lies elsewhere, or deeper.
std::string_view name_in_folder(const CompiledPackage& package, const ZipEntry& entry) {
  const auto name = short_name(package, entry);
  if (!name.starts_with(package.folder)) return {};
  const auto rest = name.substr(package.folder.size());
  return rest.find('/') == std::string_view::npos ? rest : std::string_view();
}

std::string find_folder(const CompiledPackage& package) {
  std::set<std::string, std::less<>> models;
  for (const auto& entry : package.archive.entries) {
    const auto name = short_name(package, entry);
    if (!name.starts_with(k_models)) continue;
    const auto rest = name.substr(k_models.size());
    if (const auto slash = rest.find('/'); slash != std::string_view::npos) models.emplace(rest.substr(0, slash));
  }
  if (models.empty())
    refuse(package, "expected a package of AOTInductor, found an archive without one",
           "a program of torch.export is named as --model export:FILE.pt2; " + std::string(k_remedy));
  if (models.size() > 1 && !models.contains(k_default_model))
    refuse(package, fmt::format("expected one compiled model, found {}", fmt::join(models, ", ")),
           "package them one by one");
  return fmt::format("{}{}/", k_models, models.contains(k_default_model) ? k_default_model : *models.begin());
}

std::string find_library(const CompiledPackage& package) {
  std::vector<std::string> libraries;
  for (const auto& entry : package.archive.entries) {
    const auto name = name_in_folder(package, entry);
    if (name.ends_with(".so")) libraries.emplace_back(name);
  }
  if (libraries.size() == 1) return libraries.front();
  refuse(package,
         libraries.empty() ? "expected compiled code, found a package of sources, which LibTorch would compile first"
                           : fmt::format("expected one native library, found {}", fmt::join(libraries, ", ")),
         "compile it without aot_inductor.package_cpp_only");
}

void read_metadata(CompiledPackage& package) {
  const auto stem = package.library.substr(0, package.library.size() - 3);
  const auto* const entry = package.archive.find(fmt::format("{}{}_metadata.json", package.folder, stem));
  if (entry == nullptr || entry->deflated || entry->size > k_metadata_limit)
    refuse(package, "expected metadata that say what the package was compiled for, found none",
           "compile the package again, with PyTorch 2.6 or newer");
  package.archive.verify(*entry);
  const auto metadata = parse_json(as_text(package.archive.stored(*entry)), at_byte(package.path, entry->begin),
                                   {k_metadata_limit, k_metadata_depth});
  if (!metadata.is_object()) {
    throw Error(ErrorKind::malformed, at_byte(package.path, entry->begin), "the metadata must be a JSON object",
                "take the file from its source again");
  }
  const auto text = [&](const char* name) {
    const auto found = metadata.find(name);
    return found != metadata.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  package.device = text("AOTI_DEVICE_KEY");
  package.platform = text("AOTI_PLATFORM");
  package.machine = text("AOTI_MACHINE");
  package.cpu_isa = text("AOTI_CPU_ISA");
  package.compute_capability = text("AOTI_COMPUTE_CAPABILITY");
  if (package.device.empty())
    refuse(package, "expected metadata with AOTI_DEVICE_KEY, found none", "compile the package again");
}

bool is_source(std::string_view name) {
  return std::ranges::any_of(std::initializer_list<std::string_view>{".cpp", ".h", ".o"},
                             [&](std::string_view ending) { return name.ends_with(ending); });
}

}  // namespace

CompiledPackage read_compiled_package(const std::filesystem::path& path) {
  CompiledPackage package;
  package.path = path.string();
  package.file = std::make_shared<const MappedFile>(path);
  if (!has_zip_end(package.file->bytes()))
    refuse(package, "expected a package of AOTInductor, found no zip archive", std::string(k_remedy));
  package.archive = read_zip(package.path, package.file->bytes());
  package.folder = find_folder(package);
  package.library = find_library(package);
  package.portable_kernels = std::ranges::any_of(package.archive.entries,
                                                 [](const ZipEntry& entry) { return entry.name.ends_with(".fatbin"); });
  read_metadata(package);
  return package;
}

std::filesystem::path unpack(const CompiledPackage& package, const std::filesystem::path& directory) {
  for (const auto& entry : package.archive.entries) {
    const auto name = name_in_folder(package, entry);
    if (name.empty() || is_source(name)) continue;
    OutputFile file(directory / name, Existing::replace, Durability::none);
    if (entry.deflated) {
      file.write(package.archive.unpack(entry));
    } else {
      package.archive.verify(entry);
      file.write(package.archive.stored(entry));
    }
    file.commit();
  }
  return directory / package.library;
}

}  // namespace goldseal

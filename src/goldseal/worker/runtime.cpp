// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/runtime.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/environment/libraries/torch_installation.hpp>
#include <goldseal/environment/shared/file_root.hpp>
#include <goldseal/worker/places.hpp>
#include <goldseal/worker/python_runtime.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view k_worker_program = "goldseal-worker-libtorch";
// The user's own LibTorch; empty is unset.
constexpr const char* k_torch_directory = "GOLDSEAL_TORCH_DIR";

bool is_present(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// Where workers lie: named by the user, beside the command as built, beside it as installed, and where `runtime build`
// puts them.
std::vector<fs::path> worker_directories() {
  std::vector<fs::path> directories;
  if (const char* const given = std::getenv("GOLDSEAL_WORKERS")) {
    for (const auto part : split(given, ':')) directories.emplace_back(part);
  }
  const auto self = command_directory();
  directories.push_back(self / "workers");
  directories.push_back(self.parent_path() / "libexec/goldseal/workers");
  if (auto built = user_worker_directory()) directories.push_back(std::move(*built));
  return directories;
}

std::optional<TorchInstallation> installation_at(const fs::path& prefix) {
  auto found = read_torch_installation(FileRoot("/"), prefix);
  if (found && found->library_dir.empty()) return std::nullopt;
  return found;
}

fs::path resolved(const fs::path& path) {
  std::error_code error;
  return fs::weakly_canonical(path, error);
}

// The directory that a worker in the build tree or the cache was built against, which its builder wrote beside it.
fs::path recorded_installation(const fs::path& worker) {
  std::ifstream stream(worker.parent_path() / "installation");
  std::string line;
  std::getline(stream, line);
  return line;
}

// A worker for a LibTorch of the older C++ ABI lies in a directory of its own: the two do not run each other's.
constexpr std::string_view k_old_abi = "-abi0";

// A wheel's version has a local part (`2.13.0+cpu`) that its headers lack; a worker is named by what the headers say.
std::string public_version(const std::string& version) { return version.substr(0, version.find('+')); }

}  // namespace

std::string worker_name(const TorchInstallation& torch) {
  return fmt::format("libtorch-{}{}", public_version(torch.version), torch.cxx_abi == 0 ? k_old_abi : "");
}

namespace {

bool is_system_directory(const fs::path& directory) { return directory.string().starts_with("/usr/lib"); }

// The loader finds the system's own libraries by itself, and must not be sent past others to them.
fs::path library_directory(const TorchInstallation& torch) {
  return is_system_directory(torch.library_dir) ? fs::path() : torch.library_dir;
}

Runtime runtime_in(const fs::path& given) {
  std::error_code ignored;
  const auto prefix = fs::canonical(given, ignored);
  if (prefix.empty())
    throw Error(ErrorKind::usage, given.string(), "expected a LibTorch installation, found nothing there");
  for (const auto& place : {prefix, prefix / "torch"}) {
    const auto torch = installation_at(place);
    if (!torch) continue;
    for (const auto& worker : installed_workers()) {
      if (worker.worker.parent_path().filename() == worker_name(*torch))
        return {.installation = place,
                .version = torch->version,
                .library_directory = library_directory(*torch),
                .worker = worker.worker};
    }
    throw Error(ErrorKind::unsupported, place.string(),
                fmt::format("there is no worker for LibTorch {} here", torch->version),
                fmt::format("build one: `goldseal runtime build --torch {}`", place.string()));
  }
  throw Error(ErrorKind::unsupported, given.string(),
              "expected a LibTorch installation with libtorch_cpu.so and its headers, found none",
              "give a wheel's directory (site-packages/torch), an unpacked LibTorch, or /usr for the distribution's");
}

// `2.13.0` of `libtorch-2.13.0` and `libtorch-2.13.0-abi0`.
std::string version_of_worker(std::string_view name) {
  name.remove_prefix(name.find('-') + 1);
  if (name.ends_with(k_old_abi)) name.remove_suffix(k_old_abi.size());
  return std::string(name);
}

std::optional<Runtime> first_libtorch() {
  const auto workers = installed_workers();
  const auto found = std::ranges::find_if(workers, [](const Runtime& w) { return !w.installation.empty(); });
  return found == workers.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

std::optional<fs::path> user_worker_directory() {
  if (const char* const cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != '\0')
    return fs::path(cache) / "goldseal/workers";
  if (const char* const home = std::getenv("HOME")) return fs::path(home) / ".cache/goldseal/workers";
  return std::nullopt;
}

std::string Runtime::describe() const {
  if (channel) return fmt::format("PyTorch {} (the calling process)", version);
  if (kind == RuntimeKind::python)
    return fmt::format("python {}({})", version.empty() ? "" : version + " ", worker.string());
  return installation.empty() ? fmt::format("{} {}", to_string(kind), version)
                              : fmt::format("{} {} ({})", to_string(kind), version, installation.string());
}

std::string Runtime::describe_passed_over() const {
  return fmt::format("the active environment {}: no Python in it has torch", passed_over.string());
}

std::vector<Runtime> installed_workers() {
  std::vector<Runtime> workers;
  for (const auto& directory : worker_directories()) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory, error)) {
      const auto name = entry.path().filename().string();
      const auto worker = entry.path() / k_worker_program;
      if (!name.starts_with("libtorch-") || !is_present(worker)) continue;
      const auto prefix = recorded_installation(worker);
      const auto torch = prefix.empty() ? std::nullopt : installation_at(prefix);
      workers.push_back({.installation = torch ? prefix : fs::path(),
                         .version = version_of_worker(name),
                         .library_directory = torch ? library_directory(*torch) : fs::path(),
                         .worker = worker});
    }
  }
  std::ranges::stable_sort(workers, std::ranges::greater{}, &Runtime::version);
  return workers;
}

std::vector<Runtime> installations_without_worker(const std::vector<Runtime>& workers) {
  const auto variables = search_variables();
  ProbeOptions options;
  if (const auto given = variable(k_torch_directory); !given.empty()) options.torch_prefix = given;
  const FileRoot files("/");
  std::vector<Runtime> found;
  for (const auto& prefix : torch_prefixes({options, files, variables})) {
    const auto torch = installation_at(prefix);
    if (!torch) continue;
    const auto library = resolved(torch->library_dir / "libtorch_cpu.so");
    // Debian's Python package links to the libraries of /usr, which is listed itself.
    if (!library.string().starts_with(resolved(prefix).string() + '/')) continue;
    const auto runs = [&](const Runtime& worker) {
      if (worker.installation.empty()) return worker.version == public_version(torch->version);
      const auto theirs = installation_at(worker.installation);
      return theirs && resolved(theirs->library_dir / "libtorch_cpu.so") == library;
    };
    if (std::ranges::none_of(workers, runs))
      found.push_back({.installation = prefix, .version = torch->version, .library_directory = torch->library_dir});
  }
  return found;
}

std::string devices_of(const Runtime& runtime) {
  const auto torch = runtime.installation.empty() ? std::nullopt : installation_at(runtime.installation);
  if (!torch) return {};
  const auto has = [&](const char* library) { return is_present(torch->library_dir / library); };
  return has("libtorch_cuda.so")  ? "cpu, cuda"
         : has("libtorch_hip.so") ? "cpu, rocm"
         : has("libtorch_xpu.so") ? "cpu, xpu"
                                  : "cpu";
}

Runtime find_runtime(std::string_view spec) {
  const auto word = spec.substr(0, spec.find('='));
  const auto kind = kind_named(k_runtime_kinds, word);
  if (kind == RuntimeKind::python || word == k_attached) return find_python_runtime(spec);
  if (!kind) {
    std::vector<std::string> names;
    for (const auto& row : k_runtime_kinds) names.emplace_back(row.name);
    const auto near = did_you_mean(word, names);
    const auto program = fs::path(spec).filename().string();
    if (is_program(spec) || (program.starts_with("python") && spec.find('/') != std::string_view::npos)) {
      throw Error(ErrorKind::usage, "--runtime",
                  fmt::format("expected libtorch, libtorch=DIR, python or python=INTERPRETER, found {}",
                              escape_unprintable(spec)),
                  fmt::format("did you mean python={}?", escape_unprintable(spec)));
    }
    throw Error(ErrorKind::usage, "--runtime",
                fmt::format("expected libtorch, libtorch=DIR, python or python=INTERPRETER, found {}",
                            escape_unprintable(spec)),
                near ? fmt::format("did you mean {}?", *near) : "");
  }
  if (word.size() < spec.size()) return runtime_in(spec.substr(word.size() + 1));
  if (const auto given = variable(k_torch_directory); !given.empty()) return runtime_in(given);
  if (const auto found = first_libtorch()) return *found;
  throw Error(ErrorKind::unsupported, "--runtime", "no LibTorch with a worker was found on this machine",
              "name one with `--runtime libtorch=DIR`, and build its worker with `goldseal runtime build --torch DIR`; "
              "`--runtime python` needs none, but for plugins and compiled packages");
}

namespace {

// What the Python worker runs too needs no LibTorch, and no compiler to get one.
Runtime python_in_place(Builder builder) {
  if (!python_runtimes().empty()) return find_runtime(to_string(RuntimeKind::python));
  throw Error(ErrorKind::unsupported, "--runtime",
              fmt::format("no Python with torch was found on this machine, and no LibTorch with a worker, to run {}",
                          traits(builder).detail),
              "install one (`python3 -m pip install torch`), activate its environment, or name it with `--runtime "
              "python=PATH`");
}

}  // namespace

Runtime find_runtime(std::string_view spec, Builder builder) {
  if (!spec.empty()) return find_runtime(spec);
  if (!traits(builder).runs_in_libtorch) return find_runtime(to_string(RuntimeKind::python));
  try {
    return find_runtime(to_string(RuntimeKind::libtorch));
  } catch (const Error& error) {
    if (!traits(builder).runs_in_python || error.kind() != ErrorKind::unsupported) throw;
  }
  return python_in_place(builder);
}

bool can_build(Builder builder) {
  if (traits(builder).runs_in_libtorch && (!variable(k_torch_directory).empty() || first_libtorch())) return true;
  return traits(builder).runs_in_python && !python_runtimes().empty();
}

}  // namespace goldseal

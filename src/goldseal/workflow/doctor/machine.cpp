// SPDX-License-Identifier: Apache-2.0
// What a run of a model needs of the machine besides PyTorch, tried where it can be tried.
#include <goldseal/workflow/doctor/parts.hpp>

#include <goldseal/base/files/temporary_directory.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/worker/child_process.hpp>
#include <goldseal/worker/places.hpp>
#include <goldseal/worker/sandbox.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds k_patience{20};
constexpr PackageNames k_compiler_packages{"g++ make cmake nlohmann-json3-dev", "gcc-c++ make cmake json-devel",
                                           "g++ make cmake nlohmann-json"};
// An import of PyTorch takes some hundred MiB before a model is there.
constexpr std::int64_t k_least_memory = std::int64_t{1} << 30;
// A golden run keeps its inputs and outputs there.
constexpr std::uintmax_t k_least_space = std::uintmax_t{1} << 28;

// The compiler reads the program from standard input; `#error` tells what is not there in words that can be found.
constexpr const char* k_trial =
    "printf '%s\\n' '#include <span>' '#include <vector>' '#if !__has_include(<nlohmann/json.hpp>)' "
    "'#error goldseal-json' '#endif' | \"$0\" -std=c++20 -x c++ -fsyntax-only - >&2 && echo goldseal-sound";

struct Compiled {
  bool sound = false;
  std::string said;
};

Compiled compile_with(const fs::path& compiler) {
  ChildProcess child({"/bin/sh", {"-c", k_trial, compiler.string()}, environment_with({})});
  const auto event = child.wait(ChildProcess::Want::read, std::chrono::steady_clock::now() + k_patience);
  if (event == ChildProcess::Event::interrupted)
    throw Error(ErrorKind::interrupted, compiler.string(), "stopped on request");
  child.stop();
  return {child.output().text().find("goldseal-sound") != std::string::npos, child.errors().text()};
}

std::optional<fs::path> any_compiler() {
  if (const auto given = variable("CXX"); !given.empty())
    return given.find('/') == std::string::npos ? find_program(given) : fs::path(given);
  for (const auto* const name : {"c++", "g++", "clang++"})
    if (auto found = find_program(name)) return found;
  return std::nullopt;
}

std::string without_compiler(const std::optional<fs::path>& compiler) {
  if (!compiler) return "no C++ compiler on the PATH";
  const auto compiled = compile_with(*compiler);
  if (!compiled.sound && compiled.said.find("goldseal-json") != std::string::npos)
    return fmt::format("{} does not find nlohmann/json.hpp", compiler->string());
  if (!compiled.sound) return fmt::format("{} does not compile C++20", compiler->string());
  if (!find_program("cmake")) return "no cmake on the PATH";
  if (!find_program("make") && !find_program("ninja")) return "neither make nor ninja on the PATH";
  return {};
}

bool shows_nvidia(const Environment& machine) {
  for (const auto* const name : {"driver.pci_devices", "driver.device_files"}) {
    for (const auto& device : machine.list(name).value_or(std::vector<std::string>{}))
      if (device.find("nvidia") != std::string::npos) return true;
  }
  return machine.has("driver.kernel_version");
}

std::string fix_of_driver(const Environment& machine) {
  const auto container = machine.text("host.container").value_or("none");
  if (container == "docker" || container == "podman") return "start the container with --gpus all";
  if (container == "kubernetes") return "request nvidia.com/gpu in the pod's resources";
  if (container == "singularity") return "run with --nv";
  if (machine.boolean("host.wsl") == true) return "install NVIDIA's driver for WSL on Windows";
  return "install NVIDIA's driver for this GPU; `nvidia-smi` then lists it";
}

std::string names_of_gpus(const Environment& machine, std::int64_t count) {
  std::string text;
  for (std::int64_t i = 0; i < count; ++i) {
    auto name = machine.text(fmt::format("cuda_device.{}.name", i));
    if (!name) name = machine.text(fmt::format("gpu.{}.name", i));
    text += fmt::format("{}{}", text.empty() ? "" : ", ", name.value_or("a GPU"));
  }
  return text;
}

std::string bytes(std::int64_t count) {
  return format_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0)));
}

}  // namespace

std::string install_command(const Environment& machine, const PackageNames& names) {
  const auto id = machine.text("host.os_id").value_or("");
  for (const auto* const fedora : {"fedora", "rhel", "centos", "rocky", "almalinux", "amzn", "ol"})
    if (id == fedora) return fmt::format("dnf install {}", names.fedora);
  if (id == "alpine") return fmt::format("apk add {}", names.alpine);
  if (id == "debian" || id == "ubuntu") return fmt::format("apt-get install {}", names.debian);
  return fmt::format("install {} (their names in Debian)", names.debian);
}

Part examine_compiler(const Environment& machine, bool wanted) {
  Part part{.name = "compiler"};
  const auto compiler = any_compiler();
  const auto lacking = without_compiler(compiler);
  if (lacking.empty()) {
    part.found = fmt::format("{}, cmake and nlohmann/json", compiler->string());
    part.meaning = "`goldseal runtime build` can build workers for LibTorch";
    return part;
  }
  part.health = wanted ? Health::missing : Health::absent;
  part.found = lacking;
  part.meaning = "needed only for `goldseal runtime build`";
  if (wanted) part.fix = install_command(machine, k_compiler_packages);
  return part;
}

Part examine_gpu(const Environment& machine, bool used) {
  Part part{.name = "gpu"};
  const auto state = machine.text("driver.libcuda").value_or("absent");
  const auto count = machine.integer("driver.cuda_device_count").value_or(0);
  const auto files = machine.list("driver.device_files").value_or(std::vector<std::string>{});
  if (state == "ok" && count > 0) {
    part.found = fmt::format("{}, driver for CUDA {}", names_of_gpus(machine, count),
                             machine.text("driver.cuda_version").value_or("of unknown version"));
    part.meaning = "seal and verify on it with --device cuda";
    if (used) return part;
    part.health = Health::limited;
    part.meaning = "no PyTorch that starts here offers it: models run on the CPU";
    part.fix = "install a CUDA build of PyTorch that this driver can run";
    return part;
  }
  if (shows_nvidia(machine)) {
    part.health = Health::broken;
    part.found = state == "absent" ? "an NVIDIA GPU without a driver (libcuda.so.1 is absent)"
                 : state == "ok"   ? "the driver gives no device (see CUDA_VISIBLE_DEVICES)"
                                   : fmt::format("the driver does not start: {}", state);
    part.meaning = "models run on the CPU";
    part.fix = fix_of_driver(machine);
    return part;
  }
  const bool amd = std::ranges::find(files, "/dev/kfd") != files.end();
  part.health = used ? Health::ready : Health::absent;
  part.found = amd ? "an AMD GPU (/dev/kfd)" : used ? "a GPU that PyTorch offers" : "none";
  part.meaning = used ? "" : "models run on the CPU";
  return part;
}

Part examine_sandbox() {
  Part part{.name = "sandbox"};
  try {
    const TemporaryDirectory place;
    part.found = Sandbox(place.path()).level();
  } catch (const Error& error) {
    part.health = Health::broken;
    part.found = error.message();
    return part;
  }
  const bool network = part.found.find("no network") != std::string::npos;
  const bool files = part.found.find("writes only") != std::string::npos;
  if (network && files) return part;
  part.health = Health::limited;
  part.meaning = "workers run less confined: verify seals of strangers on another machine";
  part.fix = files ? "allow seccomp in the container's profile" : "use Linux 5.13 or newer with Landlock";
  return part;
}

Part examine_memory(const Environment& machine) {
  Part part{.name = "memory"};
  const auto total = machine.integer("memory.total_bytes").value_or(0);
  auto available = machine.integer("memory.available_bytes").value_or(0);
  if (const auto limit = machine.integer("memory.cgroup_limit_bytes"); limit && *limit < total) {
    available = std::min(available, *limit);
    part.found =
        fmt::format("{} available, the container may use {} of {}", bytes(available), bytes(*limit), bytes(total));
  } else {
    part.found = fmt::format("{} available of {}", bytes(available), bytes(total));
  }
  if (available >= k_least_memory) {
    part.meaning = "weights are read from their file as they are needed; beside them a run takes 0.3 to 1 GiB, more for large inputs";
    return part;
  }
  part.health = Health::limited;
  part.meaning = "PyTorch alone takes about 1 GiB";
  part.fix = "end other programs, raise the container's limit, or use a machine with more memory";
  return part;
}

Part examine_temporary_files() {
  Part part{.name = "temporary files"};
  try {
    const TemporaryDirectory place;
    const auto space = fs::space(place.path());
    part.found = fmt::format("{}, {} free", place.path().parent_path().string(), format_bytes(space.available));
    if (space.available >= k_least_space) return part;
    part.health = Health::limited;
    part.meaning = "golden runs keep their inputs and outputs there";
  } catch (const std::exception& error) {
    part.health = Health::broken;
    part.found = error.what();
  }
  part.fix = "export TMPDIR=DIRECTORY_WITH_SPACE";
  return part;
}

Part examine_cache() {
  Part part{.name = "cache"};
  const auto workers = user_worker_directory();
  if (!workers) {
    part.health = Health::missing;
    part.found = "neither HOME nor XDG_CACHE_HOME is set";
    part.meaning = "workers that are built have no place";
    part.fix = "export XDG_CACHE_HOME=DIRECTORY";
    return part;
  }
  auto place = *workers;
  std::error_code ignored;
  while (!place.empty() && place != place.root_path() && !fs::exists(place, ignored)) place = place.parent_path();
  part.found = workers->parent_path().string();
  if (::access(place.c_str(), W_OK) == 0) return part;
  part.health = Health::limited;
  part.found += " cannot be written to";
  part.meaning = "workers that are built have no place";
  part.fix = "export XDG_CACHE_HOME=DIRECTORY";
  return part;
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/kinds/builder.hpp>
#include <goldseal/environment/libraries/torch_installation.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <utility>
#include <vector>

namespace goldseal {

/// What runs models: a LibTorch with goldseal's worker for it, or Python with the worker that is Python itself.
enum class RuntimeKind : std::uint8_t { libtorch, python };

struct RuntimeKindTraits {
  RuntimeKind kind;
  std::string_view name;
};
inline constexpr std::array k_runtime_kinds{RuntimeKindTraits{RuntimeKind::libtorch, "libtorch"},
                                            RuntimeKindTraits{RuntimeKind::python, "python"}};
static_assert(is_indexed_by_kind(k_runtime_kinds));
[[nodiscard]] constexpr std::string_view to_string(RuntimeKind kind) { return row_of(k_runtime_kinds, kind).name; }

/// Something that runs models, and the worker that drives it.
struct Runtime {
  RuntimeKind kind = RuntimeKind::libtorch;
  /// The directory that holds `lib` and `include`; empty: where the worker itself finds it.
  std::filesystem::path installation = {};
  std::string version = {};  ///< of PyTorch, as its headers say
  std::filesystem::path library_directory = {};
  std::filesystem::path worker = {};        ///< the worker's program: for `python` the interpreter
  std::vector<std::string> arguments = {};  ///< of that program
  std::vector<std::pair<std::string, std::string>> variables = {};  ///< of its environment, beside the caller's
  std::optional<int> channel = {};  ///< the caller is the worker, and this descriptor its channel: none is started
  /// The directory of the active environment (VIRTUAL_ENV, CONDA_PREFIX) that was passed over, since its Python has no
  /// torch; empty where none was.
  std::filesystem::path passed_over = {};

  /// `libtorch 2.13.0 (/opt/libtorch)`, `python 2.13.0 (/venv/bin/python3)`.
  [[nodiscard]] std::string describe() const;

  /// `the active environment /home/u/venv: no Python in it has torch`; of one that was passed over.
  [[nodiscard]] std::string describe_passed_over() const;
};

/// `--runtime`: `libtorch` (the first that is found), `libtorch=DIR` (a wheel's `torch` directory, an unpacked
/// LibTorch, or `/usr`), or what find_python_runtime takes. Throws Error{usage} for another form, Error{unsupported}
/// where the runtime or a worker for it is missing, with what would mend it.
[[nodiscard]] Runtime find_runtime(std::string_view spec);

/// The same; for an empty spec the one that builds such a network: a LibTorch that has a worker, else Python where that
/// builds it too, so that no compiler is asked for.
[[nodiscard]] Runtime find_runtime(std::string_view spec, Builder builder);

/// Whether this machine has a runtime for that form of network, as far as find_runtime sees one.
[[nodiscard]] bool can_build(Builder builder);

/// Where the workers lie that this user built: under XDG_CACHE_HOME, else in ~/.cache; nothing where the environment
/// has neither.
[[nodiscard]] std::optional<std::filesystem::path> user_worker_directory();

/// Every LibTorch worker that is installed, by version.
[[nodiscard]] std::vector<Runtime> installed_workers();

/// The LibTorch installations of this machine that none of `workers` runs; their `worker` is empty.
[[nodiscard]] std::vector<Runtime> installations_without_worker(const std::vector<Runtime>& workers);

/// `cpu`, `cpu, cuda`, `cpu, rocm`, `cpu, xpu`, as the libraries of the installation say; empty where they are not
/// seen.
[[nodiscard]] std::string devices_of(const Runtime& runtime);

/// The directory of a worker for this LibTorch: `libtorch-2.13.0`, with `-abi0` for the older C++ ABI.
[[nodiscard]] std::string worker_name(const TorchInstallation& torch);

}  // namespace goldseal

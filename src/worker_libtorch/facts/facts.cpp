// SPDX-License-Identifier: Apache-2.0
#include "facts/facts.hpp"

#include "facts/build_config.hpp"
#include "facts/libraries.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>

#include <dlfcn.h>

#include <array>
#include <cctype>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <type_traits>

namespace goldseal::worker {
namespace {

using nlohmann::json;

// The libraries whose versions change what a model computes or whether it runs. A name that ends in '*' is a beginning.
constexpr std::array k_libraries{"libtorch_cpu", "libtorch_cuda*", "libtorch_hip",       "libc10*",
                                 "libcudart*",   "libcuda",        "libnvidia-ml",       "libcudnn*",
                                 "libcublas*",   "libcufft*",      "libcusparse*",       "libcusolver*",
                                 "libcurand*",   "libnvrtc*",      "libnvJitLink*",      "libnccl*",
                                 "libmkl*",      "libdnnl*",       "libgomp*",           "libiomp5*",
                                 "libomp*",      "libopenblas*",   "libscipy_openblas*", "libblas*",
                                 "liblapack*",   "libgfortran*",   "libstdc++",          "libgcc_s*",
                                 "libnvtx*",     "libcupti*",      "libonnxruntime*",    "libamdhip64",
                                 "libMIOpen",    "librocblas",     "libhipblas*",        "librocfft",
                                 "librccl",      "libsycl",        "libtorch_xpu",       "libze_loader"};

bool is_listed(std::string_view name) {
  for (const std::string_view pattern : k_libraries) {
    if (pattern.back() != '*' ? name == pattern
                              : name.substr(0, pattern.size() - 1) == pattern.substr(0, pattern.size() - 1))
      return true;
  }
  return false;
}

// Wheels rename the libraries that they carry: libgomp-a34b3233.so.1, libgfortran-040039e1-0352e75f.so.5.
std::string without_wheel_hash(const std::string& name) {
  const auto dash = name.rfind('-');
  if (dash == std::string::npos || name.size() - dash != 9) return name;
  for (auto i = dash + 1; i < name.size(); ++i)
    if (!std::isxdigit(static_cast<unsigned char>(name[i]))) return name;
  return without_wheel_hash(name.substr(0, dash));
}

// PyTorch 1.13 calls the kernels without vector instructions `NO AVX`, later ones `DEFAULT`.
std::string aten_capability(std::string_view config) {
  const auto stated = config_line(config, "CPU capability usage: ");
  return stated == "NO AVX" ? "DEFAULT" : stated;
}

// Two of them the context knows better than the build settings, where it is new enough to be asked.
template <class Context>
json loaded_kernel_libraries(const Context& context, const std::string& config) {
  const auto configured = kernel_libraries(config);
  std::set<std::string> libraries(configured.begin(), configured.end());
  const auto put = [&](const char* name, bool available) {
    libraries.erase(name);
    if (available) libraries.insert(name);
  };
  put("xnnpack", context.isXNNPACKAvailable());
  if constexpr (requires { context.hasKleidiAI(); }) put("kleidiai", context.hasKleidiAI());
  return libraries;
}

json quantized_engines() {
  auto names = json::array();
  for (const auto engine : at::globalContext().supportedQEngines()) {
    if (engine == at::kNoQEngine) continue;
    auto name = c10::toString(engine);
    for (auto& letter : name) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    names.push_back(std::move(name));
  }
  return names;
}

class Facts {
 public:
  void add(const std::string& name, json value, const std::string& origin) {
    m_facts[name] = {{"value", std::move(value)}, {"origin", origin}};
  }

  void add_text(const std::string& name, const std::string& value, const std::string& origin) {
    if (!value.empty()) add(name, value, origin);
  }

  json take() && { return std::move(m_facts); }

 private:
  json m_facts = json::object();
};

void add_build(Facts& facts) {
  const auto config = at::show_config();
  const std::string origin = "at::show_config()";
  const std::array<std::pair<const char*, const char*>, 7> settings{{{"torch.version", "TORCH_VERSION"},
                                                                     {"torch.git", "COMMIT_SHA"},
                                                                     {"torch.cuda_build", "CUDA_VERSION"},
                                                                     {"torch.cudnn_build", "CUDNN_VERSION"},
                                                                     {"torch.blas", "BLAS_INFO"},
                                                                     {"torch.lapack", "LAPACK_INFO"},
                                                                     {"torch.build_type", "BUILD_TYPE"}}};
  for (const auto& [name, key] : settings) facts.add_text(name, build_setting(config, key), origin);
  facts.add_text("cpu.aten_capability", aten_capability(config), origin);
  facts.add("torch.config", config, origin);
  // at::hasCUDA() asks for a device as well, which is the driver's matter. ROCm builds answer in CUDA's name.
  const bool rocm = is_on(build_setting(config, "USE_ROCM"));
  facts.add("torch.cuda", at::globalContext().hasCUDART() && !rocm, "at::Context::hasCUDART()");
  if (rocm) facts.add("torch.rocm", true, origin);
  if (is_on(build_setting(config, "USE_XPU"))) facts.add("torch.xpu", true, origin);
  if (auto list = arch_list_of(config); !list.empty()) facts.add("torch.arch_list", std::move(list), origin);
  facts.add("torch.kernel_libraries", loaded_kernel_libraries(at::globalContext(), config), origin);
  facts.add("torch.mkl", at::get_mkl_version(), "at::get_mkl_version()");
  facts.add("torch.onednn", at::get_mkldnn_version(), "at::get_mkldnn_version()");
  facts.add("torch.openmp", at::get_openmp_version(), "at::get_openmp_version()");
  facts.add("torch.quantized_engines", quantized_engines(), "at::globalContext()");
  facts.add("torch.cxx_abi", _GLIBCXX_USE_CXX11_ABI, "_GLIBCXX_USE_CXX11_ABI of the worker, which linked");
}

const char* name_of(at::Float32MatmulPrecision precision) {
  switch (precision) {
    case at::Float32MatmulPrecision::HIGHEST:
      return "highest";
    case at::Float32MatmulPrecision::HIGH:
      return "high";
    case at::Float32MatmulPrecision::MEDIUM:
      return "medium";
  }
  return "unknown";
}

// A bool at first, later an enumeration whose first value is the one that allows everything.
template <class Option>
bool allows_reduction(Option option) {
  if constexpr (std::is_enum_v<Option>)
    return static_cast<int>(option) == 0;
  else
    return option;
}

// PyTorch 1.13 lacks this switch.
template <class Context>
void add_bf16_reduction(Facts& facts, const Context& context, const std::string& origin) {
  if constexpr (requires { context.allowBF16ReductionCuBLAS(); })
    facts.add("numerics.bf16_reduction", allows_reduction(context.allowBF16ReductionCuBLAS()), origin);
}

// FTZ and DAZ of this thread's arithmetic (MXCSR, on Arm FPCR). Volatile, so that nothing is computed beforehand.
bool flushes_denormals() {
  volatile float least = std::numeric_limits<float>::min();
  volatile float denormal = std::numeric_limits<float>::denorm_min();
  volatile float half = 0.5F;
  volatile float large = 1e30F;
  const volatile float made = least * half;
  const volatile float used = denormal * large;
  return made == 0 || used == 0;
}

void add_numerics(Facts& facts) {
  const auto& context = at::globalContext();
  const std::string origin = "at::globalContext()";
  facts.add("numerics.device", "cpu", "the worker, which runs there unless a request names a device");
  facts.add("numerics.threads", at::get_num_threads(), "at::get_num_threads()");
  facts.add("numerics.interop_threads", at::get_num_interop_threads(), "at::get_num_interop_threads()");
  facts.add("numerics.tf32_matmul", context.allowTF32CuBLAS(), origin);
  facts.add("numerics.tf32_cudnn", context.allowTF32CuDNN(), origin);
  facts.add("numerics.cudnn_benchmark", context.benchmarkCuDNN(), origin);
  facts.add("numerics.cudnn_deterministic", context.deterministicCuDNN(), origin);
  facts.add("numerics.cudnn", context.userEnabledCuDNN(), origin);
  facts.add("numerics.deterministic_algorithms", context.deterministicAlgorithms(), origin);
  facts.add("numerics.matmul_precision", name_of(context.float32MatmulPrecision()), origin);
  facts.add("numerics.fp16_reduction", allows_reduction(context.allowFP16ReductionCuBLAS()), origin);
  add_bf16_reduction(facts, context, origin);
  facts.add("numerics.onednn", context.userEnabledMkldnn(), origin);
  facts.add("numerics.flush_denormal", flushes_denormals(), "arithmetic of the worker");
}

// How a library of CUDA states its version.
enum class Stating {
  returns,     // `size_t f()`: one number
  writes,      // `status f(int*)`: one number
  properties,  // `status f(which, int*)`, where `which` is 0 for the major, 1 for the minor version, 2 for the patch
  pair,        // `status f(int*, int*)`: major and minor version
};

// In one number, `major` and `minor` are worth so much.
struct VersionFunction {
  const char* library;
  const char* function;
  Stating stating;
  unsigned major = 0;
  unsigned minor = 0;
};

constexpr std::array k_version_functions{
    VersionFunction{"libcudart", "cudaRuntimeGetVersion", Stating::writes, 1000, 10},
    VersionFunction{"libcudnn", "cudnnGetVersion", Stating::returns, 0, 100},
    VersionFunction{"libcublasLt", "cublasLtGetVersion", Stating::returns, 10000, 100},
    VersionFunction{"libnccl", "ncclGetVersion", Stating::writes, 10000, 100},
    VersionFunction{"libcublas", "cublasGetProperty", Stating::properties},
    VersionFunction{"libcufft", "cufftGetProperty", Stating::properties},
    VersionFunction{"libcurand", "curandGetProperty", Stating::properties},
    VersionFunction{"libcusolver", "cusolverGetProperty", Stating::properties},
    VersionFunction{"libcusparse", "cusparseGetProperty", Stating::properties},
    VersionFunction{"libcusparseLt", "cusparseLtGetProperty", Stating::properties},
    VersionFunction{"libnvrtc", "nvrtcVersion", Stating::pair},
    VersionFunction{"libnvJitLink", "nvJitLinkVersion", Stating::pair},
};

// cuDNN 9 counts a major version as 10000, those before as 1000.
unsigned major_step(const VersionFunction& known, unsigned long number) {
  if (known.major != 0) return known.major;
  return number >= 90000 ? 10000 : 1000;
}

// Empty for 0, which a library gives that could not find its own.
std::string decimal_version(const VersionFunction& known, unsigned long number) {
  if (number == 0) return {};
  const auto step = major_step(known, number);
  const auto rest = number % step;
  return std::to_string(number / step) + "." + std::to_string(rest / known.minor) + "." +
         std::to_string(rest % known.minor);
}

std::string version_from(const VersionFunction& known, void* function) {
  int number = 0;
  int minor = 0;
  int patch = 0;
  switch (known.stating) {
    case Stating::returns:
      return decimal_version(known, reinterpret_cast<std::size_t (*)()>(function)());
    case Stating::writes:
      if (reinterpret_cast<int (*)(int*)>(function)(&number) != 0 || number <= 0) return {};
      return decimal_version(known, static_cast<unsigned long>(number));
    case Stating::properties: {
      const auto property = reinterpret_cast<int (*)(int, int*)>(function);
      if (property(0, &number) != 0 || property(1, &minor) != 0 || property(2, &patch) != 0) return {};
      if (number <= 0) return {};
      return std::to_string(number) + "." + std::to_string(minor) + "." + std::to_string(patch);
    }
    case Stating::pair:
      if (reinterpret_cast<int (*)(int*, int*)>(function)(&number, &minor) != 0 || number <= 0) return {};
      return std::to_string(number) + "." + std::to_string(minor);
  }
  return {};
}

std::string asked_version(const LoadedLibrary& library) {
  for (const auto& known : k_version_functions) {
    if (library.name != known.library) continue;
    void* handle = dlopen(library.path.c_str(), RTLD_NOW | RTLD_NOLOAD);
    void* symbol = handle ? dlsym(handle, known.function) : nullptr;
    return symbol ? version_from(known, symbol) : std::string();
  }
  return {};
}

// Two files of one name in one process: a wheel's libgomp-a34b3233 beside the system's libgomp, a cuDNN of
// LD_LIBRARY_PATH beside the wheel's, two LibTorches.
void add_copies(Facts& facts, const std::map<std::string, json>& paths) {
  for (const auto& [name, copies] : paths) {
    if (copies.size() > 1) facts.add("library." + name + ".copies", copies, "/proc/self/maps");
  }
}

void add_libraries(Facts& facts) {
  std::map<std::string, json> paths;
  for (const auto& library : loaded_libraries()) {
    const auto name = without_wheel_hash(library.name);
    if (!is_listed(name)) continue;
    auto& copies = paths.try_emplace(name, json::array()).first->second;
    copies.push_back(library.path);
    if (copies.size() > 1) continue;  // the first one's symbols are those that are found
    const auto prefix = "library." + name;
    facts.add(prefix + ".path", library.path, "/proc/self/maps");
    const auto asked = asked_version(library);
    if (!asked.empty())
      facts.add(prefix + ".version", asked, library.path);
    else
      facts.add_text(prefix + ".version", library.version, "name of the file");
  }
  add_copies(facts, paths);
}

}  // namespace

std::string loaded_torch_version() { return build_setting(at::show_config(), "TORCH_VERSION"); }

json environment_facts(const std::string& gpu_library_error) {
  Facts facts;
  facts.add("torch.built_for", TORCH_VERSION, "torch/version.h of the worker");
  add_build(facts);
  facts.add_text("torch.gpu_library_error", gpu_library_error, "dlopen");
  add_numerics(facts);
  add_libraries(facts);
  return std::move(facts).take();
}

}  // namespace goldseal::worker

# SPDX-License-Identifier: Apache-2.0
"""What this process's PyTorch is, as facts by the names of manifests/FORMAT.md: the same that the LibTorch worker tells."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import platform
import re
import sys
from typing import Any, Iterator, NamedTuple, Optional

import torch

from .tf32 import Tf32

# The libraries whose versions change what a model computes or whether it runs. A name that ends in '*' is a beginning.
_LIBRARIES = (
    "libtorch_cpu libtorch_cuda* libtorch_hip libc10* libcudart* libcuda libnvidia-ml libcudnn* libcublas* libcufft* "
    "libcusparse* libcusolver* libcurand* libnvrtc* libnvJitLink* libnccl* libmkl* libdnnl* libgomp* libiomp5* libomp* "
    "libopenblas* libscipy_openblas* libblas* liblapack* libgfortran* libstdc++ libgcc_s* libnvtx* libcupti* libonnxruntime* "
    "libamdhip64 libMIOpen librocblas libhipblas* librocfft librccl libsycl libtorch_xpu libze_loader"
).split()


def build_setting(config: str, key: str) -> str:
    """The value of KEY=… in the build settings that torch.__config__.show() prints, separated by commas."""
    found = re.search(rf"[,:] {re.escape(key)}=([^,\n]*)", config)
    return found.group(1).strip() if found else ""


def loaded_version() -> str:
    """Of the libtorch that is loaded, as the LibTorch worker reads it."""
    return build_setting(torch.__config__.show(), "TORCH_VERSION") or torch.__version__.partition("+")[0]


def _config_line(config: str, lead: str) -> str:
    found = re.search(rf"{re.escape(lead)}(.*)", config)
    return found.group(1) if found else ""


# The libraries of kernels that a build may have, by its settings and by the compiler's definitions, under their own names.
_SWITCHES = {
    "USE_CUDNN": "cudnn",
    "USE_CUSPARSELT": "cusparselt",
    "USE_HIPSPARSELT": "hipsparselt",
    "USE_MKL": "mkl",
    "USE_MKLDNN": "onednn",
    "USE_NNPACK": "nnpack",
    "USE_OPENMP": "openmp",
}
_DEFINITIONS = {"USE_FBGEMM": "fbgemm", "USE_MSLK": "mslk", "USE_PYTORCH_QNNPACK": "qnnpack"}


def _is_on(value: str) -> bool:
    return value in ("ON", "1", "TRUE")


def _has_xnnpack() -> bool:
    """As the library of the operators says: that of the Python bindings may have been built with another definition."""
    try:
        library = ctypes.CDLL("libtorch_cpu.so", mode=os.RTLD_NOW | os.RTLD_NOLOAD)
        asked = library._ZN2at7Context18isXNNPACKAvailableEv
    except (OSError, AttributeError):
        return bool(torch._C._is_xnnpack_enabled())
    asked.restype = ctypes.c_bool
    return bool(asked())


def _kernel_libraries(config: str) -> list[str]:
    names = {name for switch, name in _SWITCHES.items() if _is_on(build_setting(config, switch))}
    flags = build_setting(config, "CXX_FLAGS").split()
    names |= {name for definition, name in _DEFINITIONS.items() if f"-D{definition}" in flags}
    if "LAPACK is enabled" in config:
        names.add("lapack")
    if _has_xnnpack():
        names.add("xnnpack")
    if hasattr(torch.backends, "kleidiai") and torch.backends.kleidiai.is_available():
        names.add("kleidiai")
    return sorted(names)


class _Facts:
    def __init__(self) -> None:
        self.all: dict[str, dict[str, Any]] = {}

    def add(self, name: str, value: Any, origin: str) -> None:
        if value != "" and value is not None:
            self.all[name] = {"value": value, "origin": origin}


def _add_build(facts: _Facts) -> None:
    config = torch.__config__.show()
    origin = "torch.__config__.show()"
    for name, key in (
        ("torch.version", "TORCH_VERSION"),
        ("torch.git", "COMMIT_SHA"),
        ("torch.cuda_build", "CUDA_VERSION"),
        ("torch.cudnn_build", "CUDNN_VERSION"),
        ("torch.blas", "BLAS_INFO"),
        ("torch.lapack", "LAPACK_INFO"),
        ("torch.build_type", "BUILD_TYPE"),
    ):
        facts.add(name, build_setting(config, key), origin)
    capability = _config_line(config, "CPU capability usage: ")
    # PyTorch 1.13 calls the kernels without vector instructions `NO AVX`, later ones `DEFAULT`.
    facts.add("cpu.aten_capability", "DEFAULT" if capability == "NO AVX" else capability, origin)
    facts.add("torch.config", config, origin)
    # ROCm builds answer in CUDA's name.
    rocm = torch.version.hip is not None
    facts.add("torch.cuda", torch.backends.cuda.is_built() and not rocm, "torch.backends.cuda.is_built()")
    if rocm:
        facts.add("torch.rocm", True, "torch.version.hip")
    if _is_on(build_setting(config, "USE_XPU")):
        facts.add("torch.xpu", True, origin)
    # torch.cuda.get_arch_list() is empty where no device is, in most versions.
    flags = torch._C._cuda_getArchFlags() if hasattr(torch._C, "_cuda_getArchFlags") else None
    if flags:
        facts.add("torch.arch_list", flags.split(), "torch._C._cuda_getArchFlags()")
    facts.add("torch.kernel_libraries", _kernel_libraries(config), origin)
    mkl = re.search(r"Intel\(R\) (?:oneAPI )?Math Kernel Library.*", config)
    facts.add("torch.mkl", mkl.group(0) if mkl else "MKL not found", origin)
    onednn = re.search(r"Intel\(R\) MKL-DNN.*", config)
    facts.add("torch.onednn", onednn.group(0) if onednn else "MKLDNN not found", origin)
    openmp = re.search(r"OpenMP \d.*", config)
    facts.add("torch.openmp", openmp.group(0) if openmp else "OpenMP not found", origin)
    engines = [engine for engine in torch.backends.quantized.supported_engines if engine != "none"]
    facts.add("torch.quantized_engines", engines, "torch.backends.quantized")
    abi = int(getattr(torch._C, "_GLIBCXX_USE_CXX11_ABI", True))
    facts.add("torch.cxx_abi", abi, "torch._C._GLIBCXX_USE_CXX11_ABI")


def _matmul_precision() -> str:
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:  # a script set each backend's own, which no one word says
        backends: Any = torch.backends
        return f"cuda {backends.cuda.matmul.fp32_precision}, onednn {backends.mkldnn.matmul.fp32_precision}"


def flushes_denormals() -> bool:
    """FTZ and DAZ of this thread's arithmetic (MXCSR, on Arm FPCR), which torch.set_flush_denormal and libraries built with
    -ffast-math set."""
    least = torch.tensor([0x00800000], dtype=torch.int32).view(torch.float32)  # the least normal number
    denormal = torch.tensor([1], dtype=torch.int32).view(torch.float32)
    made, used = least * 0.5, denormal * 1e30
    return bool((made.view(torch.int32) == 0).item() or (used.view(torch.int32) == 0).item())


def _add_numerics(facts: _Facts) -> None:
    cuda, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    facts.add("numerics.threads", torch.get_num_threads(), "torch.get_num_threads()")
    facts.add("numerics.interop_threads", torch.get_num_interop_threads(), "torch.get_num_interop_threads()")
    tf32 = Tf32.current()
    facts.add("numerics.tf32_matmul", tf32.matmul, "torch.backends.cuda.matmul")
    facts.add("numerics.tf32_cudnn", tf32.cudnn, "torch.backends.cudnn")
    facts.add("numerics.cudnn_benchmark", cudnn.benchmark, "torch.backends.cudnn")
    facts.add("numerics.cudnn_deterministic", cudnn.deterministic, "torch.backends.cudnn")
    facts.add("numerics.cudnn", cudnn.enabled, "torch.backends.cudnn")
    facts.add("numerics.deterministic_algorithms", torch.are_deterministic_algorithms_enabled(), "torch")
    facts.add("numerics.matmul_precision", _matmul_precision(), "torch")
    facts.add(
        "numerics.fp16_reduction", bool(cuda.allow_fp16_reduced_precision_reduction), "torch.backends.cuda.matmul"
    )
    if hasattr(torch._C, "_get_cublas_allow_bf16_reduced_precision_reduction"):
        bf16 = bool(cuda.allow_bf16_reduced_precision_reduction)
        facts.add("numerics.bf16_reduction", bf16, "torch.backends.cuda.matmul")
    facts.add("numerics.onednn", torch._C._get_mkldnn_enabled(), "torch.backends.mkldnn")
    facts.add("numerics.flush_denormal", flushes_denormals(), "arithmetic of this process")
    facts.add("numerics.device", "cpu", "the worker, which runs there unless a request names a device")


class _Library(NamedTuple):
    name: str
    path: str
    version: str  # of the file's name: `libfoo.so.1.2` states 1.2


def _mapped_libraries() -> Iterator[_Library]:
    seen = set()
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            path = line[line.find("/") :].rstrip("\n") if "/" in line else ""
            if ".so" not in path or path in seen:
                continue
            seen.add(path)
            stem, _, version = os.path.basename(path).partition(".so")
            # Wheels rename the libraries that they carry: libgomp-a34b3233.so.1, libgfortran-040039e1-0352e75f.so.5.
            yield _Library(re.sub(r"(-[0-9a-fA-F]{8})+$", "", stem), path, version.lstrip("."))


def _is_listed(name: str) -> bool:
    return any(name.startswith(p[:-1]) if p.endswith("*") else name == p for p in _LIBRARIES)


class _VersionFunction(NamedTuple):
    """How a library of CUDA states its version; in one number, `major` and `minor` are worth so much."""

    function: str
    stating: str  # returns or writes one number; `properties`, one after the other; `pair`, major and minor
    major: int = 0
    minor: int = 0


_VERSION_FUNCTIONS = {
    "libcudart": _VersionFunction("cudaRuntimeGetVersion", "writes", 1000, 10),
    "libcudnn": _VersionFunction("cudnnGetVersion", "returns", 0, 100),
    "libcublasLt": _VersionFunction("cublasLtGetVersion", "returns", 10000, 100),
    "libnccl": _VersionFunction("ncclGetVersion", "writes", 10000, 100),
    "libcublas": _VersionFunction("cublasGetProperty", "properties"),
    "libcufft": _VersionFunction("cufftGetProperty", "properties"),
    "libcurand": _VersionFunction("curandGetProperty", "properties"),
    "libcusolver": _VersionFunction("cusolverGetProperty", "properties"),
    "libcusparse": _VersionFunction("cusparseGetProperty", "properties"),
    "libcusparseLt": _VersionFunction("cusparseLtGetProperty", "properties"),
    "libnvrtc": _VersionFunction("nvrtcVersion", "pair"),
    "libnvJitLink": _VersionFunction("nvJitLinkVersion", "pair"),
}


def _decimal_version(known: _VersionFunction, number: int) -> Optional[str]:
    if number <= 0:
        return None
    # cuDNN 9 counts a major version as 10000, those before as 1000.
    major = known.major or (10000 if number >= 90000 else 1000)
    rest = number % major
    return f"{number // major}.{rest // known.minor}.{rest % known.minor}"


def _version_from(known: _VersionFunction, function: Any) -> Optional[str]:
    numbers = [ctypes.c_int(0) for _ in range(3)]
    places = [ctypes.byref(number) for number in numbers]
    if known.stating == "returns":
        function.restype = ctypes.c_size_t
        return _decimal_version(known, function())
    if known.stating == "writes":
        return _decimal_version(known, numbers[0].value) if function(places[0]) == 0 else None
    if known.stating == "properties":
        said = not any(function(which, place) for which, place in enumerate(places)) and numbers[0].value > 0
        return ".".join(str(number.value) for number in numbers) if said else None
    said = function(places[0], places[1]) == 0 and numbers[0].value > 0
    return f"{numbers[0].value}.{numbers[1].value}" if said else None


def _asked_version(library: _Library) -> Optional[str]:
    known = _VERSION_FUNCTIONS.get(library.name)
    if known is None:
        return None
    try:
        function = getattr(ctypes.CDLL(library.path, mode=os.RTLD_NOW | os.RTLD_NOLOAD), known.function)
    except (OSError, AttributeError):
        return None
    return _version_from(known, function)


def _add_libraries(facts: _Facts) -> None:
    paths: dict[str, list[str]] = {}
    for library in _mapped_libraries():
        if not _is_listed(library.name):
            continue
        copies = paths.setdefault(library.name, [])
        copies.append(library.path)
        if len(copies) > 1:
            continue  # the first one's symbols are those that are found
        facts.add(f"library.{library.name}.path", library.path, "/proc/self/maps")
        asked = _asked_version(library)
        version, origin = (asked, library.path) if asked else (library.version, "name of the file")
        facts.add(f"library.{library.name}.version", version, origin)
    for name, copies in paths.items():
        if len(copies) > 1:
            facts.add(f"library.{name}.copies", copies, "/proc/self/maps")


def _add_python(facts: _Facts) -> None:
    """This interpreter and its packages; which of them matter the command decides."""
    facts.add("python.version", platform.python_version(), "sys.version")
    facts.add("python.prefix", sys.prefix, "sys.prefix")
    seen: set[str] = set()
    for distribution in importlib.metadata.distributions():
        name, version = _name_and_version(distribution)
        name = re.sub(r"[-_.]+", "-", name or "").lower()
        if name and version and name not in seen:  # the first on sys.path is imported
            seen.add(name)
            facts.add(f"python.package.{name}", version, "importlib.metadata")


def _name_and_version(distribution: Any) -> tuple[Optional[str], Optional[str]]:
    """From the name of its directory where that has both: reading the metadata of hundreds takes long."""
    stem, ending = os.path.splitext(os.path.basename(str(getattr(distribution, "_path", ""))))
    if ending == ".dist-info" and stem.count("-") == 1:
        name, _, version = stem.partition("-")
        return name, version
    try:
        return distribution.metadata["Name"], distribution.version
    except Exception:  # a package whose metadata is damaged
        return None, None


def environment_facts() -> dict[str, dict[str, Any]]:
    facts = _Facts()
    _add_build(facts)
    _add_numerics(facts)
    _add_libraries(facts)
    _add_python(facts)
    return facts.all


def device_names() -> list[str]:
    return ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]

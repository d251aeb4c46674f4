// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/pickle/pickle_globals.hpp>

#include <algorithm>
#include <array>

namespace goldseal::pickle {
namespace {

constexpr KnownGlobal storage(std::string_view name, DType dtype) {
  return {"torch", name, Role::storage_class, dtype};
}
constexpr KnownGlobal element(std::string_view name, DType dtype) { return {"torch", name, Role::dtype, dtype}; }
constexpr KnownGlobal utility(std::string_view name, Role role) { return {"torch._utils", name, role}; }
constexpr KnownGlobal record(std::string_view module, std::string_view name) {
  return {module, name, Role::record, std::nullopt, false};
}
constexpr KnownGlobal opaque(std::string_view module, std::string_view name) { return {module, name, Role::opaque}; }

// torch/_weights_only_unpickler.py allows the first part; the records are plain records that training scripts
// leave beside the weights: they are data by themselves, and no argument makes them run code.
constexpr std::array k_unsorted{
    KnownGlobal{"collections", "OrderedDict", Role::ordered_dict},
    KnownGlobal{"collections", "Counter", Role::dictionary},
    KnownGlobal{"torch", "Tensor", Role::tensor_class},
    KnownGlobal{"torch.nn.parameter", "Parameter", Role::tensor_class},
    KnownGlobal{"torch.storage", "UntypedStorage", Role::untyped_storage},
    utility("_rebuild_tensor", Role::rebuild_tensor),
    utility("_rebuild_tensor_v2", Role::rebuild_tensor_v2),
    utility("_rebuild_tensor_v3", Role::rebuild_tensor_v3),
    utility("_rebuild_parameter", Role::rebuild_parameter),
    utility("_rebuild_parameter_with_state", Role::rebuild_parameter_with_state),
    utility("_rebuild_qtensor", Role::rebuild_qtensor),
    utility("_rebuild_sparse_tensor", Role::rebuild_sparse_tensor),
    utility("_rebuild_nested_tensor", Role::rebuild_nested_tensor),
    utility("_rebuild_meta_tensor_no_storage", Role::rebuild_meta_tensor),
    KnownGlobal{"torch._tensor", "_rebuild_from_type_v2", Role::rebuild_from_type},
    storage("DoubleStorage", DType::float64),
    storage("FloatStorage", DType::float32),
    storage("HalfStorage", DType::float16),
    storage("LongStorage", DType::int64),
    storage("IntStorage", DType::int32),
    storage("ShortStorage", DType::int16),
    storage("CharStorage", DType::int8),
    storage("ByteStorage", DType::uint8),
    storage("BoolStorage", DType::boolean),
    storage("BFloat16Storage", DType::bfloat16),
    storage("ComplexDoubleStorage", DType::complex128),
    storage("ComplexFloatStorage", DType::complex64),
    storage("QInt8Storage", DType::qint8),
    storage("QInt32Storage", DType::qint32),
    storage("QUInt8Storage", DType::quint8),
    storage("QUInt4x2Storage", DType::quint4x2),
    storage("QUInt2x4Storage", DType::quint2x4),
    element("float64", DType::float64),
    element("float32", DType::float32),
    element("float16", DType::float16),
    element("bfloat16", DType::bfloat16),
    element("float8_e4m3fn", DType::float8_e4m3fn),
    element("float8_e4m3fnuz", DType::float8_e4m3fnuz),
    element("float8_e5m2", DType::float8_e5m2),
    element("float8_e5m2fnuz", DType::float8_e5m2fnuz),
    element("float8_e8m0fnu", DType::float8_e8m0fnu),
    element("int64", DType::int64),
    element("int32", DType::int32),
    element("int16", DType::int16),
    element("int8", DType::int8),
    element("uint64", DType::uint64),
    element("uint32", DType::uint32),
    element("uint16", DType::uint16),
    element("uint8", DType::uint8),
    element("bool", DType::boolean),
    element("complex128", DType::complex128),
    element("complex64", DType::complex64),
    element("complex32", DType::complex32),
    element("qint8", DType::qint8),
    element("quint8", DType::quint8),
    element("qint32", DType::qint32),
    element("quint4x2", DType::quint4x2),
    element("quint2x4", DType::quint2x4),
    KnownGlobal{"torch", "per_tensor_affine", Role::quantizer_scheme},
    KnownGlobal{"torch", "per_tensor_symmetric", Role::quantizer_scheme},
    KnownGlobal{"torch", "per_channel_affine", Role::quantizer_scheme},
    KnownGlobal{"torch", "per_channel_symmetric", Role::quantizer_scheme},
    KnownGlobal{"torch", "per_channel_affine_float_qparams", Role::quantizer_scheme},
    // torch/csrc/jit/serialization/pickler.cpp: lists with their types, in TorchScript archives.
    opaque("torch.jit._pickle", "build_intlist"),
    opaque("torch.jit._pickle", "build_tensorlist"),
    opaque("torch.jit._pickle", "build_doublelist"),
    opaque("torch.jit._pickle", "build_boollist"),
    opaque("torch.jit._pickle", "build_tensor_from_id"),
    opaque("torch.jit._pickle", "restore_type_tag"),
    opaque("torch", "Size"),
    opaque("torch", "device"),
    opaque("torch.serialization", "_get_layout"),
    opaque("_codecs", "encode"),
    opaque("__builtin__", "bytearray"),
    opaque("__builtin__", "set"),
    opaque("__builtin__", "complex"),
    opaque("builtins", "bytearray"),
    opaque("builtins", "set"),
    opaque("builtins", "complex"),
    KnownGlobal{"collections", "defaultdict", Role::dictionary, std::nullopt, false},
    record("__builtin__", "dict"),
    record("__builtin__", "list"),
    record("__builtin__", "int"),
    record("__builtin__", "float"),
    record("__builtin__", "str"),
    record("__builtin__", "slice"),
    record("__builtin__", "range"),
    record("__builtin__", "xrange"),
    record("__builtin__", "frozenset"),
    record("builtins", "dict"),
    record("builtins", "list"),
    record("builtins", "int"),
    record("builtins", "float"),
    record("builtins", "str"),
    record("builtins", "slice"),
    record("builtins", "range"),
    record("builtins", "frozenset"),
    record("argparse", "Namespace"),
    record("types", "SimpleNamespace"),
    record("datetime", "datetime"),
    record("datetime", "date"),
    record("datetime", "timedelta"),
    record("decimal", "Decimal"),
    record("fractions", "Fraction"),
    record("uuid", "UUID"),
    record("pathlib", "Path"),
    record("pathlib", "PosixPath"),
    record("pathlib", "WindowsPath"),
    record("pathlib", "PurePosixPath"),
    record("pathlib", "PureWindowsPath"),
    record("numpy", "dtype"),
    record("numpy", "ndarray"),
    record("numpy.core.multiarray", "scalar"),
    record("numpy.core.multiarray", "_reconstruct"),
    record("numpy._core.multiarray", "scalar"),
    record("numpy._core.multiarray", "_reconstruct"),
};

constexpr bool before(const KnownGlobal& a, const KnownGlobal& b) {
  return a.module != b.module ? a.module < b.module : a.name < b.name;
}

constexpr auto k_globals = [] {
  auto table = k_unsorted;
  std::ranges::sort(table, before);
  return table;
}();

}  // namespace

const KnownGlobal* find_global(std::string_view module, std::string_view name) {
  const KnownGlobal wanted{module, name, Role::opaque};
  const auto* const found = std::ranges::lower_bound(k_globals, wanted, before);
  const bool same = found != k_globals.end() && found->module == module && found->name == name;
  return same ? found : nullptr;
}

const KnownGlobal* find_enum_member(std::string_view module, std::string_view name) {
  static constexpr KnownGlobal k_getattr{"builtins", "getattr", Role::enum_member};
  return name == "getattr" && (module == "builtins" || module == "__builtin__") ? &k_getattr : nullptr;
}

}  // namespace goldseal::pickle

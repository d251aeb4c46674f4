// SPDX-License-Identifier: Apache-2.0
// The layout is that of torch_zip.cpp, written in its order.
#include <goldseal/checkpoint/write/torch_writer.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/pickle/pickle_opcodes.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>
#include <goldseal/checkpoint/zip/zip_writer.hpp>

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

namespace goldseal {
namespace {

template <class T>
void put(std::string& out, T value) {
  std::array<char, sizeof(T)> raw{};
  std::memcpy(raw.data(), &value, sizeof(T));
  out.append(raw.data(), raw.size());
}

/// torch.<T>Storage of an element type; nothing for those that travel in an untyped storage.
std::optional<std::string_view> storage_class(DType dtype) {
  switch (dtype) {
    case DType::float64:
      return "DoubleStorage";
    case DType::float32:
      return "FloatStorage";
    case DType::float16:
      return "HalfStorage";
    case DType::bfloat16:
      return "BFloat16Storage";
    case DType::int64:
      return "LongStorage";
    case DType::int32:
      return "IntStorage";
    case DType::int16:
      return "ShortStorage";
    case DType::int8:
      return "CharStorage";
    case DType::uint8:
      return "ByteStorage";
    case DType::boolean:
      return "BoolStorage";
    case DType::complex128:
      return "ComplexDoubleStorage";
    case DType::complex64:
      return "ComplexFloatStorage";
    default:
      return std::nullopt;
  }
}

bool is_quantized(DType dtype) {
  return dtype == DType::qint8 || dtype == DType::quint8 || dtype == DType::qint32 || dtype == DType::quint4x2 ||
         dtype == DType::quint2x4;
}

/// The pickle of the state dict. Nothing is memoized but what must be: Python's unpickler needs no memo.
class StateDictWriter {
 public:
  std::string run(std::span<const TorchTensor> tensors, std::span<const TorchStorage> storages) {
    opcode(pickle::op::proto);
    m_out += '\2';
    global("collections", "OrderedDict");
    opcode(pickle::op::empty_tuple);
    opcode(pickle::op::reduce);
    for (const auto& tensor : tensors) {
      text(tensor.name);
      write(tensor, storages[tensor.storage].bytes);
      opcode(pickle::op::set_item);
    }
    opcode(pickle::op::stop);
    return std::move(m_out);
  }

 private:
  void opcode(std::uint8_t code) { m_out += static_cast<char>(code); }
  void global(std::string_view module, std::string_view name) {
    opcode(pickle::op::global);
    m_out += fmt::format("{}\n{}\n", module, name);
  }
  void text(std::string_view value) {
    opcode(pickle::op::bin_unicode);
    put<std::uint32_t>(m_out, static_cast<std::uint32_t>(value.size()));
    m_out += value;
  }
  void integer(std::int64_t value) {
    if (value >= 0 && value <= std::numeric_limits<std::int32_t>::max()) {
      opcode(pickle::op::bin_int);
      put<std::int32_t>(m_out, static_cast<std::int32_t>(value));
    } else {
      opcode(pickle::op::long1);
      m_out += '\x08';
      put<std::int64_t>(m_out, value);
    }
  }
  void tuple(std::span<const std::int64_t> values) {
    opcode(pickle::op::mark);
    for (const auto value : values) integer(value);
    opcode(pickle::op::tuple);
  }
  void empty_ordered_dict() {
    global("collections", "OrderedDict");
    opcode(pickle::op::empty_tuple);
    opcode(pickle::op::reduce);
  }
  void storage(const TorchTensor& tensor, std::uint64_t bytes) {
    const auto name = storage_class(tensor.dtype);
    opcode(pickle::op::mark);
    text("storage");
    global(name ? "torch" : "torch.storage", name.value_or("UntypedStorage"));
    text(std::to_string(tensor.storage));
    text("cpu");
    integer(static_cast<std::int64_t>(name ? bytes / item_size(tensor.dtype) : bytes));
    opcode(pickle::op::tuple);
    opcode(pickle::op::bin_persid);
  }
  void write(const TorchTensor& tensor, std::uint64_t bytes) {
    const bool typed = storage_class(tensor.dtype).has_value();
    if (tensor.parameter) {
      global("torch._utils", "_rebuild_parameter");
      opcode(pickle::op::mark);
    }
    global("torch._utils", typed ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
    opcode(pickle::op::mark);
    storage(tensor, bytes);
    integer(0);
    tuple(tensor.shape);
    tuple(contiguous_strides(tensor.shape));
    opcode(pickle::op::new_false);
    empty_ordered_dict();
    if (!typed) global("torch", to_string(tensor.dtype));
    opcode(pickle::op::tuple);
    opcode(pickle::op::reduce);
    if (!tensor.parameter) return;
    opcode(is_floating(tensor.dtype) ? pickle::op::new_true : pickle::op::new_false);
    empty_ordered_dict();
    opcode(pickle::op::tuple);
    opcode(pickle::op::reduce);
  }

  std::string m_out;
};

}  // namespace

void write_torch_file(OutputFile& file, const std::string& root, std::span<const TorchTensor> tensors,
                      std::span<const TorchStorage> storages) {
  for (const auto& tensor : tensors) {
    if (tensor.dtype == DType::float6_e2m3fn || tensor.dtype == DType::float6_e3m2fn) {
      throw Error(ErrorKind::unsupported, escape_unprintable(tensor.name),
                  fmt::format("PyTorch has no element type {}", to_string(tensor.dtype)), "write a .safetensors instead");
    }
    if (!is_quantized(tensor.dtype)) continue;
    throw Error(ErrorKind::unsupported, escape_unprintable(tensor.name),
                fmt::format("{} needs its scale and zero point beside its bytes", to_string(tensor.dtype)),
                "write quantized tensors with torch.save");
  }
  ZipWriter zip(file);
  zip.add(root + "/data.pkl", StateDictWriter().run(tensors, storages));
  zip.add(root + "/byteorder", "little");
  for (std::size_t i = 0; i < storages.size(); ++i)
    zip.add(fmt::format("{}/data/{}", root, i), storages[i].bytes, storages[i].produce);
  zip.add(root + "/version", "3\n");
  zip.finish();
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// The layout is that of zip.cpp and torch_zip.cpp, written in their order.
#include <goldseal/checkpoint/torch_writer.hpp>

#include <goldseal/base/byte_reader.hpp>
#include <goldseal/base/error.hpp>
#include <goldseal/base/text.hpp>
#include <goldseal/checkpoint/crc32.hpp>
#include <goldseal/checkpoint/pickle_opcodes.hpp>
#include <goldseal/checkpoint/tensor_view.hpp>

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

namespace goldseal {
namespace {

constexpr std::uint64_t k_max32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t k_max16 = std::numeric_limits<std::uint16_t>::max();
constexpr std::size_t k_alignment = 64;

template <class T>
void put(std::string& out, T value) {
  std::array<char, sizeof(T)> raw{};
  std::memcpy(raw.data(), &value, sizeof(T));
  out.append(raw.data(), raw.size());
}

std::uint32_t narrow(std::uint64_t value) { return static_cast<std::uint32_t>(std::min(value, k_max32)); }

class ZipWriter {
 public:
  explicit ZipWriter(OutputFile& file) : m_file(file) {}

  void add(const std::string& name, std::string_view bytes) {
    add(name, bytes.size(), [&](const auto& take) { take(as_bytes(bytes)); });
  }

  void add(const std::string& name, std::uint64_t size,
           const std::function<void(const std::function<void(std::span<const std::byte>)>&)>& produce) {
    const auto header = m_file.size();
    write_local(name, size, header);
    std::uint32_t checksum = 0;
    std::uint64_t written = 0;
    if (size > 0) {
      produce([&](std::span<const std::byte> piece) {
        checksum = crc32(piece, checksum);
        written += piece.size();
        m_file.write(piece);
      });
    }
    if (written != size)
      throw Error(ErrorKind::io, name, fmt::format("{} bytes were produced, {} expected", written, size));
    if (size > 0) write_descriptor(checksum, size, header);
    add_to_directory(name, checksum, size, header);
  }

  void finish() {
    const auto begin = m_file.size();
    m_file.write(m_directory);
    const auto end = m_file.size();
    std::string out;
    put<std::uint32_t>(out, 0x06064b50);
    put<std::uint64_t>(out, 44);
    put<std::uint16_t>(out, 0x031e);
    put<std::uint16_t>(out, 45);
    put<std::uint64_t>(out, 0);
    put<std::uint64_t>(out, m_count);
    put<std::uint64_t>(out, m_count);
    put<std::uint64_t>(out, m_directory.size());
    put<std::uint64_t>(out, begin);
    put<std::uint32_t>(out, 0x07064b50);
    put<std::uint32_t>(out, 0);
    put<std::uint64_t>(out, end);
    put<std::uint32_t>(out, 1);
    put<std::uint32_t>(out, 0x06054b50);
    put<std::uint32_t>(out, 0);
    put<std::uint16_t>(out, static_cast<std::uint16_t>(std::min<std::uint64_t>(m_count, k_max16)));
    put<std::uint16_t>(out, static_cast<std::uint16_t>(std::min<std::uint64_t>(m_count, k_max16)));
    put<std::uint32_t>(out, narrow(m_directory.size()));
    put<std::uint32_t>(out, narrow(begin));
    put<std::uint16_t>(out, 0);
    m_file.write(out);
  }

 private:
  static std::uint16_t flags(std::uint64_t size) { return size > 0 ? 0x0808 : 0x0800; }

  void write_local(const std::string& name, std::uint64_t size, std::uint64_t header) {
    std::string out;
    put<std::uint32_t>(out, 0x04034b50);
    put<std::uint16_t>(out, 0);
    put<std::uint16_t>(out, flags(size));
    out.append(18, '\0');
    put<std::uint16_t>(out, static_cast<std::uint16_t>(name.size()));
    std::string extra;
    if (size >= k_max32 || header >= k_max32) {
      put<std::uint16_t>(extra, 1);
      put<std::uint16_t>(extra, static_cast<std::uint16_t>((size >= k_max32 ? 16 : 0) + (header >= k_max32 ? 8 : 0)));
      if (size >= k_max32) {
        put<std::uint64_t>(extra, size);
        put<std::uint64_t>(extra, size);
      }
      if (header >= k_max32) put<std::uint64_t>(extra, header);
    }
    const auto before = header + out.size() + 2 + name.size() + extra.size() + 4;
    const auto fill = (k_alignment - before % k_alignment) % k_alignment;
    extra += "FB";
    put<std::uint16_t>(extra, static_cast<std::uint16_t>(fill));
    extra.append(fill, 'Z');
    put<std::uint16_t>(out, static_cast<std::uint16_t>(extra.size()));
    m_file.write(out + name + extra);
  }

  void write_descriptor(std::uint32_t checksum, std::uint64_t size, std::uint64_t header) {
    std::string out;
    put<std::uint32_t>(out, 0x08074b50);
    put<std::uint32_t>(out, checksum);
    for (int i = 0; i < 2; ++i) {
      if (size >= k_max32 || header >= k_max32) {
        put<std::uint64_t>(out, size);
      } else {
        put<std::uint32_t>(out, static_cast<std::uint32_t>(size));
      }
    }
    m_file.write(out);
  }

  void add_to_directory(const std::string& name, std::uint32_t checksum, std::uint64_t size, std::uint64_t header) {
    auto& out = m_directory;
    const bool wide_size = size >= k_max32;
    const bool wide_header = header >= k_max32;
    const auto extra = (wide_size ? 16 : 0) + (wide_header ? 8 : 0);
    put<std::uint32_t>(out, 0x02014b50);
    put<std::uint32_t>(out, 0);
    put<std::uint16_t>(out, flags(size));
    put<std::uint16_t>(out, 0);
    put<std::uint32_t>(out, 0);
    put<std::uint32_t>(out, checksum);
    put<std::uint32_t>(out, narrow(size));
    put<std::uint32_t>(out, narrow(size));
    put<std::uint16_t>(out, static_cast<std::uint16_t>(name.size()));
    put<std::uint16_t>(out, static_cast<std::uint16_t>(extra > 0 ? extra + 4 : 0));
    out.append(10, '\0');
    put<std::uint32_t>(out, narrow(header));
    out += name;
    if (extra > 0) {
      put<std::uint16_t>(out, 1);
      put<std::uint16_t>(out, static_cast<std::uint16_t>(extra));
    }
    if (wide_size) {
      put<std::uint64_t>(out, size);
      put<std::uint64_t>(out, size);
    }
    if (wide_header) put<std::uint64_t>(out, header);
    ++m_count;
  }

  OutputFile& m_file;
  std::string m_directory;
  std::uint64_t m_count = 0;
};

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

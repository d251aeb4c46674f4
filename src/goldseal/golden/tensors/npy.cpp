// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/tensors/npy.hpp>

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/npy_header.hpp>
#include <goldseal/checkpoint/tensors/element.hpp>

#include <fmt/format.h>

#include <cstring>
#include <utility>

namespace goldseal::golden {
namespace {

DType element_type(const std::string& file, const NpyHeader& header) {
  const auto unsupported = [&](std::string found, std::string remedy) {
    return Error(ErrorKind::unsupported, file, "expected an array of numbers, found " + found, std::move(remedy));
  };
  const auto& descr = header.descr;
  if (descr.empty()) throw unsupported("one of structures", "save one field: np.save(path, array['field'])");
  const auto of_type = fmt::format("elements of type '{}'", escape_unprintable(descr));
  if (descr.starts_with('>'))
    throw unsupported(of_type, "save it little-endian: np.save(path, array.astype(array.dtype.newbyteorder('<')))");
  if (!header.dtype || parts_of(*header.dtype) != 1)
    throw unsupported(of_type, "convert it: np.save(path, array.astype(np.float32))");
  return *header.dtype;
}

// Column-major elements in row-major order.
HostTensor transposed(const HostTensor& source, std::span<const std::byte> columns) {
  const std::size_t size = item_size(source.dtype);
  const std::size_t count = columns.size() / size;
  const std::size_t rank = source.shape.size();
  std::vector<std::byte> rows(columns.size());
  std::vector<std::size_t> index(rank, 0);
  std::vector<std::size_t> strides(rank, 1);
  for (std::size_t axis = 1; axis < rank; ++axis) {
    strides[axis] = strides[axis - 1] * static_cast<std::size_t>(source.shape[axis - 1]);
  }
  std::size_t from = 0;
  for (std::size_t to = 0; to < count; ++to) {
    std::memcpy(&rows[to * size], &columns[from * size], size);
    for (std::size_t axis = rank; axis-- > 0;) {
      from += strides[axis];
      if (++index[axis] < static_cast<std::size_t>(source.shape[axis])) break;
      from -= strides[axis] * index[axis];
      index[axis] = 0;
    }
  }
  return make_tensor(source.name, source.dtype, source.shape, std::move(rows));
}

}  // namespace

HostTensor read_npy(const std::string& file, std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  ByteReader reader(file, bytes);
  const auto header = read_npy_header(file, reader);
  HostTensor tensor{"", element_type(file, header), header.shape, std::move(owner), {}};
  if (npy_bytes(header) != reader.remaining()) {
    reader.fail(fmt::format("expected {} elements of {}, found {} bytes", format_shape(tensor.shape),
                            to_string(tensor.dtype), reader.remaining()));
  }
  tensor.bytes = reader.take(reader.remaining());
  return header.fortran && tensor.shape.size() > 1 ? transposed(tensor, tensor.bytes) : tensor;
}

}  // namespace goldseal::golden

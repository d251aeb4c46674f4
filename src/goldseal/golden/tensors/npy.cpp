// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/tensors/npy.hpp>

#include <goldseal/base/byte_reader.hpp>
#include <goldseal/base/checked.hpp>
#include <goldseal/base/error.hpp>
#include <goldseal/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

// The format (numpy.lib.format): "\x93NUMPY", one byte major and one minor version, the header's length (16 bits in
// version 1, 32 in 2 and 3), then a Python dictionary with exactly the keys descr, fortran_order and shape, padded with
// blanks and ended by a newline; then the elements.
namespace goldseal::golden {
namespace {

constexpr std::string_view k_magic = "\x93NUMPY";
constexpr std::size_t k_longest_header = 65536;

struct Header {
  std::string descr;
  bool fortran = false;
  std::vector<std::int64_t> shape;
};

constexpr std::array k_types{
    std::pair<std::string_view, DType>{"f8", DType::float64}, std::pair<std::string_view, DType>{"f4", DType::float32},
    std::pair<std::string_view, DType>{"f2", DType::float16}, std::pair<std::string_view, DType>{"i8", DType::int64},
    std::pair<std::string_view, DType>{"i4", DType::int32},   std::pair<std::string_view, DType>{"i2", DType::int16},
    std::pair<std::string_view, DType>{"i1", DType::int8},    std::pair<std::string_view, DType>{"u8", DType::uint64},
    std::pair<std::string_view, DType>{"u4", DType::uint32},  std::pair<std::string_view, DType>{"u2", DType::uint16},
    std::pair<std::string_view, DType>{"u1", DType::uint8},   std::pair<std::string_view, DType>{"b1", DType::boolean},
};

// The dictionary's few forms, and nothing else of Python.
class HeaderReader {
 public:
  HeaderReader(const ByteReader& bytes, std::string_view file, std::string_view text)
      : m_bytes(bytes), m_file(file), m_text(text) {}

  Header read() {
    Header header;
    std::array<bool, 3> seen{};
    expect('{');
    while (!accept('}')) {
      const auto key = text();
      expect(':');
      take_value(key, header, seen);
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (!m_text.empty()) fail("text after the dictionary");
    if (seen != std::array{true, true, true}) fail("descr, fortran_order or shape is missing");
    return header;
  }

 private:
  void take_value(std::string_view key, Header& header, std::array<bool, 3>& seen) {
    constexpr std::array<std::string_view, 3> k_keys{"descr", "fortran_order", "shape"};
    const auto index = static_cast<std::size_t>(std::ranges::find(k_keys, key) - k_keys.begin());
    if (index == k_keys.size()) fail(fmt::format("the key '{}' has no meaning", escape_unprintable(key)));
    if (std::exchange(seen[index], true)) fail(fmt::format("the key '{}' stands twice", key));
    if (index == 0) {
      header.descr = type_text();
    } else if (index == 1) {
      header.fortran = boolean();
    } else {
      header.shape = sizes();
    }
  }

  std::string type_text() {
    skip_blanks();
    if (m_text.starts_with('[')) {
      throw Error(ErrorKind::unsupported, std::string(m_file), "expected an array of numbers, found one of structures",
                  "save one field: np.save(path, array['field'])");
    }
    return std::string(text());
  }

  bool boolean() {
    skip_blanks();
    for (const auto& [word, value] : {std::pair<std::string_view, bool>{"True", true}, {"False", false}}) {
      if (!m_text.starts_with(word)) continue;
      m_text.remove_prefix(word.size());
      return value;
    }
    fail("fortran_order is neither True nor False");
  }

  std::vector<std::int64_t> sizes() {
    std::vector<std::int64_t> result;
    expect('(');
    while (!accept(')')) {
      result.push_back(size());
      if (!accept(',')) {
        if (result.size() == 1) fail("a tuple of one size lacks its comma");
        expect(')');
        break;
      }
    }
    return result;
  }

  std::int64_t size() {
    skip_blanks();
    std::int64_t value = 0;
    const auto [end, status] = std::from_chars(m_text.data(), m_text.data() + m_text.size(), value);
    if (status != std::errc{} || value < 0) fail("a size is not a number of 0 or more");
    m_text.remove_prefix(static_cast<std::size_t>(end - m_text.data()));
    return value;
  }

  std::string_view text() {
    skip_blanks();
    const char quote = m_text.empty() ? '\0' : m_text.front();
    if (quote != '\'' && quote != '"') fail("expected a quoted text");
    const auto end = m_text.find(quote, 1);
    if (end == std::string_view::npos) fail("a quoted text does not end");
    const auto result = m_text.substr(1, end - 1);
    m_text.remove_prefix(end + 1);
    return result;
  }

  void skip_blanks() { m_text.remove_prefix(std::min(m_text.find_first_not_of(" \n"), m_text.size())); }
  bool accept(char wanted) {
    skip_blanks();
    if (!m_text.starts_with(wanted)) return false;
    m_text.remove_prefix(1);
    return true;
  }
  void expect(char wanted) {
    if (!accept(wanted)) fail(fmt::format("expected '{}'", wanted));
  }
  [[noreturn]] void fail(const std::string& message) const { m_bytes.fail("the .npy header is damaged: " + message); }

  const ByteReader& m_bytes;
  std::string_view m_file;
  std::string_view m_text;
};

DType element_type(const std::string& file, std::string_view descr) {
  const auto unsupported = [&](std::string remedy) {
    return Error(ErrorKind::unsupported, file,
                 fmt::format("expected an array of numbers, found elements of type '{}'", escape_unprintable(descr)),
                 std::move(remedy));
  };
  if (descr.starts_with('>'))
    throw unsupported("save it little-endian: np.save(path, array.astype(array.dtype.newbyteorder('<')))");
  const bool ordered = descr.starts_with('<') || descr.starts_with('|') || descr.starts_with('=');
  const auto code = ordered ? descr.substr(1) : descr;
  const auto row = std::ranges::find(k_types, code, &std::pair<std::string_view, DType>::first);
  if (row == k_types.end()) throw unsupported("convert it: np.save(path, array.astype(np.float32))");
  return row->second;
}

// A version beyond 3 has been refused.
std::size_t header_length(ByteReader& reader, int major) {
  return major == 1 ? reader.little<std::uint16_t>() : reader.little<std::uint32_t>();
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

bool is_npy(std::span<const std::byte> bytes) { return as_text(bytes).starts_with(k_magic); }

HostTensor read_npy(const std::string& file, std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  ByteReader reader(file, bytes);
  if (!is_npy(bytes)) reader.fail("expected a .npy array, found no \"\\x93NUMPY\" at its start");
  reader.seek(k_magic.size());
  const int major = reader.little<std::uint8_t>();
  const int minor = reader.little<std::uint8_t>();
  if (major < 1 || major > 3 || minor != 0) {
    throw Error(ErrorKind::unsupported, file,
                fmt::format("expected a .npy version 1.0 to 3.0, found {}.{}", major, minor),
                "save it again with np.save");
  }
  const std::size_t length = header_length(reader, major);
  if (length > k_longest_header)
    reader.fail(fmt::format("expected a header of at most {} bytes, found {}", k_longest_header, length));
  const auto text = reader.text(length);
  const auto header = HeaderReader(reader, file, text).read();
  HostTensor tensor{"", element_type(file, header.descr), header.shape, std::move(owner), {}};
  const auto count = checked_numel(tensor.shape);
  const auto wanted =
      count ? checked_multiply<std::int64_t>(*count, static_cast<std::int64_t>(item_size(tensor.dtype))) : std::nullopt;
  if (!wanted || static_cast<std::uint64_t>(*wanted) != reader.remaining()) {
    reader.fail(fmt::format("expected {} elements of {}, found {} bytes", format_shape(tensor.shape),
                            to_string(tensor.dtype), reader.remaining()));
  }
  tensor.bytes = reader.take(reader.remaining());
  return header.fortran && tensor.shape.size() > 1 ? transposed(tensor, tensor.bytes) : tensor;
}

}  // namespace goldseal::golden

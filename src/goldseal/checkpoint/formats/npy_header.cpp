// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/formats/npy_header.hpp>

#include <goldseal/base/bytes/checked.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

namespace goldseal {
namespace {

constexpr std::string_view k_magic = "\x93NUMPY";
constexpr std::size_t k_header_limit = 65'536;  // what version 1 can say; NumPy itself evaluates no more than 10,000
constexpr std::size_t k_rank_limit = 64;        // NumPy's own

struct Type {
  std::string_view code;
  DType dtype;
};
constexpr std::array k_types{
    Type{"f8", DType::float64},   Type{"f4", DType::float32},     Type{"f2", DType::float16},
    Type{"i8", DType::int64},     Type{"i4", DType::int32},       Type{"i2", DType::int16},
    Type{"i1", DType::int8},      Type{"u8", DType::uint64},      Type{"u4", DType::uint32},
    Type{"u2", DType::uint16},    Type{"u1", DType::uint8},       Type{"b1", DType::boolean},
    Type{"c8", DType::complex64}, Type{"c16", DType::complex128},
};

std::optional<DType> dtype_of(std::string_view descr) {
  const bool ordered = descr.starts_with('<') || descr.starts_with('|') || descr.starts_with('=');
  const auto found = std::ranges::find(k_types, ordered ? descr.substr(1) : descr, &Type::code);
  return found == k_types.end() ? std::nullopt : std::optional(found->dtype);
}

// The dictionary's few forms, and nothing else of Python.
class HeaderReader {
 public:
  HeaderReader(const ByteReader& bytes, std::string_view text) : m_bytes(bytes), m_text(text) {}

  NpyHeader read() {
    NpyHeader header;
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
  void take_value(std::string_view key, NpyHeader& header, std::array<bool, 3>& seen) {
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
    if (!m_text.starts_with('[')) return std::string(text());
    skip_list();
    return {};
  }

  // The list of a structure's fields, whatever is in it.
  void skip_list() {
    int depth = 0;
    do {
      skip_blanks();
      if (m_text.empty()) fail("a list does not end");
      const char c = m_text.front();
      if (c == '\'' || c == '"') {
        static_cast<void>(text());
        continue;
      }
      if (c == '[') ++depth;
      if (c == ']') --depth;
      m_text.remove_prefix(1);
    } while (depth > 0);
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
      if (result.size() == k_rank_limit) fail(fmt::format("more than {} dimensions", k_rank_limit));
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
  std::string_view m_text;
};

}  // namespace

bool is_npy(std::span<const std::byte> bytes) { return as_text(bytes).starts_with(k_magic); }

NpyHeader read_npy_header(const std::string& file, ByteReader& reader) {
  if (reader.remaining() < k_magic.size() || reader.text(k_magic.size()) != k_magic)
    reader.fail("expected a .npy array, found no \"\\x93NUMPY\" at its start");
  const int major = reader.little<std::uint8_t>();
  const int minor = reader.little<std::uint8_t>();
  if (major < 1 || major > 3 || minor != 0) {
    throw Error(ErrorKind::unsupported, file,
                fmt::format("expected a .npy version 1.0 to 3.0, found {}.{}", major, minor),
                "save it again with np.save");
  }
  const std::size_t length = major == 1 ? reader.little<std::uint16_t>() : reader.little<std::uint32_t>();
  if (length > k_header_limit)
    reader.fail(fmt::format("expected a header of at most {} bytes, found {}", k_header_limit, length));
  auto header = HeaderReader(reader, reader.text(length)).read();
  header.dtype = dtype_of(header.descr);
  return header;
}

std::optional<std::uint64_t> npy_bytes(const NpyHeader& header) {
  const auto count = checked_numel(header.shape);
  const auto bytes =
      count ? checked_multiply(*count, static_cast<std::int64_t>(item_size(*header.dtype))) : std::nullopt;
  return bytes ? std::optional(static_cast<std::uint64_t>(*bytes)) : std::nullopt;
}

}  // namespace goldseal

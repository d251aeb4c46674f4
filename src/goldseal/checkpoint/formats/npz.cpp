// SPDX-License-Identifier: Apache-2.0
// numpy.savez: a zip archive of NAME.npy. A .npy file (numpy/lib/format.py):
//
//   "\x93NUMPY", u8 major, u8 minor, u16 (1.0) or u32 (2.0, 3.0) length of the header, the header, the elements
//   {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }      filled up with spaces, a newline at the end
#include <goldseal/base/byte_reader.hpp>
#include <goldseal/base/checked.hpp>
#include <goldseal/base/error.hpp>
#include <goldseal/base/text.hpp>
#include <goldseal/checkpoint/formats/readers.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

namespace goldseal {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t k_header_limit = 10'000;  // numpy's own, against headers that are programs
constexpr std::size_t k_rank_limit = 64;

/// A .npy header; `dtype` is empty for other elements than plain little-endian numbers.
struct NpyHeader {
  std::optional<DType> dtype;
  bool fortran = false;
  std::vector<std::int64_t> shape;
};

std::optional<DType> npy_dtype(std::string_view descr) {
  static const std::map<std::string_view, DType> k_types{
      {"<f8", DType::float64},   {"<f4", DType::float32},    {"<f2", DType::float16}, {"<i8", DType::int64},
      {"<i4", DType::int32},     {"<i2", DType::int16},      {"|i1", DType::int8},    {"<u8", DType::uint64},
      {"<u4", DType::uint32},    {"<u2", DType::uint16},     {"|u1", DType::uint8},   {"|b1", DType::boolean},
      {"<c8", DType::complex64}, {"<c16", DType::complex128}};
  const auto found = k_types.find(descr);
  if (found == k_types.end()) return std::nullopt;
  return found->second;
}

/// Takes the header's text apart by its fixed form; numpy writes the keys in this order.
class HeaderParser {
 public:
  HeaderParser(const ByteReader& reader, std::string_view text) : m_reader(reader), m_text(text) {}

  NpyHeader run() {
    NpyHeader header;
    expect("{'descr': ");
    if (m_text.starts_with('\'')) {
      expect("'");
      header.dtype = npy_dtype(until('\''));
    } else {
      // A structured type: its length is not known here.
      const auto end = m_text.find(", 'fortran_order'");
      if (end == std::string_view::npos) fail();
      m_text.remove_prefix(end);
    }
    expect(", 'fortran_order': ");
    header.fortran = m_text.starts_with("True");
    expect(header.fortran ? "True" : "False");
    expect(", 'shape': (");
    read_shape(header.shape);
    expect(", }");
    if (m_text.find_first_not_of(' ') != m_text.size() - 1 || !m_text.ends_with('\n')) fail();
    return header;
  }

 private:
  [[noreturn]] void fail() const { m_reader.fail("the .npy header breaks its format"); }
  void expect(std::string_view text) {
    if (!m_text.starts_with(text)) fail();
    m_text.remove_prefix(text.size());
  }
  std::string_view until(char end) {
    const auto at = m_text.find(end);
    if (at == std::string_view::npos) fail();
    const auto part = m_text.substr(0, at);
    m_text.remove_prefix(at + 1);
    return part;
  }
  void read_shape(std::vector<std::int64_t>& shape) {
    for (const auto raw : split(until(')'), ',')) {
      const auto part = raw.substr(std::min(raw.find_first_not_of(' '), raw.size()));
      if (part.empty()) continue;
      std::int64_t size = 0;
      const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), size);
      if (error != std::errc() || end != part.data() + part.size() || size < 0 || shape.size() == k_rank_limit) fail();
      shape.push_back(size);
    }
  }

  const ByteReader& m_reader;
  std::string_view m_text;
};

NpyHeader read_header(ByteReader& reader) {
  if (reader.text(6) != "\x93NUMPY"sv) reader.fail("expected a .npy file, found other bytes");
  const auto major = reader.little<std::uint8_t>();
  (void)reader.take(1);
  if (major < 1 || major > 3) reader.fail(fmt::format("a .npy file of version {}", major));
  const std::size_t size = major == 1 ? reader.little<std::uint16_t>() : reader.little<std::uint32_t>();
  if (size > k_header_limit) reader.fail(fmt::format("a .npy header of {} bytes", size));
  return HeaderParser(reader, reader.text(size)).run();
}

std::vector<std::int64_t> strides_of(const NpyHeader& header) {
  if (!header.fortran) return contiguous_strides(header.shape);
  std::vector<std::int64_t> strides(header.shape.size(), 1);
  for (std::size_t i = 1; i < strides.size(); ++i)
    strides[i] = strides[i - 1] * std::max<std::int64_t>(header.shape[i - 1], 1);
  return strides;
}

void add(const ZipArchive& archive, const ZipEntry& entry, Checkpoint& checkpoint, std::string& left_out) {
  ByteReader reader(archive.file, archive.stored(entry), entry.begin);
  const auto header = read_header(reader);
  Tensor tensor;
  tensor.name = entry.name.substr(0, entry.name.size() - 4);
  if (!is_utf8(tensor.name)) reader.fail("the array's name is not UTF-8");
  if (!header.dtype) {
    left_out += (left_out.empty() ? "" : ", ") + escape_unprintable(tensor.name);
    return;
  }
  tensor.dtype = *header.dtype;
  tensor.shape = header.shape;
  const auto numel = checked_numel(tensor.shape);
  const auto bytes =
      numel ? checked_multiply(*numel, static_cast<std::int64_t>(item_size(tensor.dtype))) : std::nullopt;
  if (!bytes || static_cast<std::uint64_t>(*bytes) != reader.remaining()) {
    reader.fail(fmt::format("array '{}' of shape {} has {} bytes", escape_unprintable(tensor.name),
                            format_shape(tensor.shape), reader.remaining()));
  }
  tensor.strides = strides_of(header);
  tensor.storage = checkpoint.storages.size();
  checkpoint.storages.push_back({0, reader.offset(), reader.remaining(), {}});
  checkpoint.tensors.push_back(std::move(tensor));
}

}  // namespace

bool is_npz(const ZipArchive& archive) {
  const auto is_array = [](const ZipEntry& entry) { return entry.name.ends_with(".npy"); };
  return !archive.entries.empty() && std::ranges::all_of(archive.entries, is_array);
}

Checkpoint read_npz(std::shared_ptr<const MappedFile> file, const ZipArchive& archive) {
  Checkpoint checkpoint;
  checkpoint.container = Container::Kind::npz;
  checkpoint.files.push_back(std::move(file));
  for (const auto& note : archive.notes) {
    if (note.rule != "zip.foreign-writer") checkpoint.notes.push_back(note);  // numpy is one
  }
  std::string left_out;
  for (const auto& entry : archive.entries) {
    add(archive, entry, checkpoint, left_out);
    if (archive.has_checksums)
      checkpoint.records.push_back({0, entry.begin, entry.size, entry.crc32, std::string(entry.name)});
  }
  if (!left_out.empty())
    checkpoint.notes.push_back({"npz.unsupported-arrays", "arrays of another element type are left out: " + left_out});
  checkpoint.entries.push_back({".", checkpoint.tensors.size(), true});
  return checkpoint;
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// The format (huggingface/safetensors, README, "Format"):
//
//   u64 little-endian N; N bytes of JSON, `{` first, perhaps filled up with spaces; the tensors' bytes
//   {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [BEGIN, END]}, …, "__metadata__": {text: text}}
//
// Offsets count from the end of the JSON. The tensors tile what follows it: no gap, no overlap, no tail. Names are
// unique, which safetensors 0.8.0 itself does not check.
#include <goldseal/base/byte_reader.hpp>
#include <goldseal/base/checked.hpp>
#include <goldseal/base/error.hpp>
#include <goldseal/base/text.hpp>
#include <goldseal/checkpoint/formats/readers.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_set>
#include <utility>

namespace goldseal {
namespace {

constexpr std::uint64_t k_header_limit = 100'000'000;  // safetensors' own
constexpr std::size_t k_prefix = 8;

/// One entry of the header.
struct Row {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> offsets;
  bool has_shape = false;
};

/// Takes the JSON event by event and admits nothing but the format, so that neither a deep nor a doubled key gets by.
class HeaderParser {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  std::vector<Row> rows;
  std::string failure;
  std::size_t failed_at = 0;

  bool null() { return refuse("null is no part of the format"); }
  bool boolean(bool) { return refuse("true and false are no part of the format"); }
  bool number_float(number_float_t, const string_t&) {
    return refuse("a number with a fraction is no part of the format");
  }
  bool binary(binary_t&) { return refuse("binary values are no part of the format"); }

  bool number_integer(number_integer_t) { return refuse("a negative number"); }
  bool number_unsigned(number_unsigned_t value) {
    constexpr std::size_t k_rank_limit = 64;
    if (m_list == nullptr) return refuse("a number outside of shape and data_offsets");
    if (m_list->size() >= k_rank_limit)
      return refuse(fmt::format("tensor '{}' has more than {} dimensions", current(), k_rank_limit));
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return refuse("a number beyond 63 bits");
    m_list->push_back(static_cast<std::int64_t>(value));
    return true;
  }
  bool string(string_t& value) {
    if (m_in_metadata && m_depth == 2) return true;
    if (m_depth != 2 || m_field != "dtype" || m_list != nullptr) return refuse("text where none belongs");
    rows.back().dtype = value;
    return true;
  }
  bool start_object(std::size_t) {
    ++m_depth;
    const bool fits = m_depth == 1 || (m_depth == 2 && !m_name_pending.empty());
    if (!fits) return refuse("an object where none belongs");
    if (m_depth == 2) begin_entry();
    return true;
  }
  bool key(string_t& value) {
    auto& seen = m_depth == 1 ? m_names : m_fields;
    if (!seen.insert(value).second) return refuse(fmt::format("'{}' is there twice", escape_unprintable(value)));
    if (m_depth == 1) {
      m_name_pending = value.empty() ? std::string(1, '\0') : value;
      m_name = value;
    } else if (!m_in_metadata && value != "dtype" && value != "shape" && value != "data_offsets") {
      return refuse(fmt::format("tensor '{}' has the unknown field '{}'", current(), escape_unprintable(value)));
    }
    m_field = value;
    return true;
  }
  bool end_object() {
    --m_depth;
    if (m_depth == 1) {
      if (!m_in_metadata && (rows.back().dtype.empty() || !rows.back().has_shape || rows.back().offsets.size() != 2)) {
        return refuse(fmt::format("tensor '{}' lacks dtype, shape or two data_offsets", current()));
      }
      m_in_metadata = false;
      m_fields.clear();
    }
    return true;
  }
  bool start_array(std::size_t) {
    if (m_depth != 2 || m_in_metadata || m_list != nullptr || (m_field != "shape" && m_field != "data_offsets")) {
      return refuse("a list where none belongs");
    }
    m_list = m_field == "shape" ? &rows.back().shape : &rows.back().offsets;
    rows.back().has_shape = rows.back().has_shape || m_field == "shape";
    return true;
  }
  bool end_array() {
    m_list = nullptr;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) {
    failed_at = position;
    failure = fmt::format("the header is no JSON: {}", escape_unprintable(error.what()));
    return false;
  }

 private:
  void begin_entry() {
    m_in_metadata = m_name == "__metadata__";
    m_name_pending.clear();
    if (!m_in_metadata) rows.push_back({m_name, {}, {}, {}, false});
  }
  std::string current() const { return escape_unprintable(m_name); }
  bool refuse(std::string why) {
    failure = std::move(why);
    return false;
  }

  int m_depth = 0;
  bool m_in_metadata = false;
  std::string m_name;
  std::string m_name_pending;  // a key of the top level that waits for its object
  std::string m_field;
  std::vector<std::int64_t>* m_list = nullptr;
  std::unordered_set<std::string> m_names;
  std::unordered_set<std::string> m_fields;
};

class SafetensorsReader {
 public:
  explicit SafetensorsReader(std::shared_ptr<const MappedFile> file) : m_path(file->path().string()) {
    m_checkpoint.container = Container::Kind::safetensors;
    m_checkpoint.files.push_back(std::move(file));
  }

  Checkpoint run() {
    const auto bytes = m_checkpoint.files.front()->bytes();
    const auto size = ByteReader(m_path, bytes).little<std::uint64_t>();
    if (size > k_header_limit)
      fail(0, fmt::format("a header of {}; {} is the most", format_bytes(size), format_bytes(k_header_limit)));
    if (size > bytes.size() - k_prefix) fail_truncated(k_prefix + size, "at least ");
    const auto header = as_text(bytes.subspan(k_prefix, size));
    if (!header.starts_with('{')) fail(k_prefix, "the header does not begin with {");
    const auto end = header.find_last_of('}');
    if (end == std::string_view::npos || header.find_first_not_of(' ', end + 1) != std::string_view::npos) {
      fail(k_prefix, "the header does not end with } and spaces");
    }
    HeaderParser parser;
    if (!nlohmann::json::sax_parse(header, &parser)) fail(k_prefix + parser.failed_at, std::move(parser.failure));
    m_data = k_prefix + size;
    check_tiling(parser.rows);
    for (auto& row : parser.rows) add(std::move(row));
    m_checkpoint.entries.push_back({".", m_checkpoint.tensors.size(), true});
    return std::move(m_checkpoint);
  }

 private:
  void check_tiling(const std::vector<Row>& rows) const {
    std::vector<std::pair<std::int64_t, std::int64_t>> ranges;
    ranges.reserve(rows.size());
    for (const auto& row : rows) ranges.emplace_back(row.offsets[0], row.offsets[1]);
    std::ranges::sort(ranges);
    std::int64_t reached = 0;
    for (const auto& [begin, end] : ranges) {
      if (begin != reached || end < begin) {
        fail(k_prefix, fmt::format("the tensors do not tile the data: one ends at {}, the next is at {} to {}", reached,
                                   begin, end));
      }
      reached = end;
    }
    const auto size = m_checkpoint.files.front()->size();
    const auto expected = checked_add(static_cast<std::uint64_t>(reached), m_data);
    if (!expected || *expected > size) fail_truncated(expected.value_or(size), "");
    if (*expected < size) fail(*expected, fmt::format("{} bytes follow the last tensor", size - *expected));
  }

  void add(Row row) {
    const auto dtype = parse_safetensors_dtype(row.dtype);
    if (!dtype) {
      throw Error(ErrorKind::unsupported, at_byte(m_path, k_prefix),
                  fmt::format("tensor '{}' has the element type '{}', which is unknown here",
                              escape_unprintable(row.name), escape_unprintable(row.dtype)),
                  "use a newer goldseal, or save the tensor as another type");
    }
    Tensor tensor;
    tensor.name = std::move(row.name);
    tensor.dtype = *dtype;
    tensor.shape = std::move(row.shape);
    tensor.storage = m_checkpoint.storages.size();
    const auto bytes = static_cast<std::uint64_t>(row.offsets[1] - row.offsets[0]);
    const auto numel = checked_numel(tensor.shape);
    const auto expected =
        numel ? checked_multiply(*numel, static_cast<std::int64_t>(item_size(tensor.dtype))) : std::nullopt;
    if (!expected || static_cast<std::uint64_t>(*expected) != bytes) {
      fail(k_prefix, fmt::format("tensor '{}' of shape {} has {} bytes", escape_unprintable(tensor.name),
                                 format_shape(tensor.shape), bytes));
    }
    tensor.strides = contiguous_strides(tensor.shape);
    m_checkpoint.storages.push_back({0, m_data + static_cast<std::uint64_t>(row.offsets[0]), bytes, {}});
    m_checkpoint.tensors.push_back(std::move(tensor));
  }

  [[noreturn]] void fail_truncated(std::uint64_t expected, std::string_view at_least) const {
    const auto size = m_checkpoint.files.front()->size();
    throw Error(
        ErrorKind::malformed, m_path,
        fmt::format("the file was cut short: {} of {}{} bytes", format_count(size), at_least, format_count(expected)),
        "copy or download it again");
  }
  [[noreturn]] void fail(std::uint64_t offset, std::string message) const {
    throw Error(ErrorKind::malformed, at_byte(m_path, offset), std::move(message),
                "take the file from its source again");
  }

  std::string m_path;
  Checkpoint m_checkpoint;
  std::uint64_t m_data = 0;
};

}  // namespace

bool is_safetensors(std::span<const std::byte> bytes) {
  if (bytes.size() <= k_prefix || bytes[k_prefix] != std::byte{'{'}) return false;
  std::uint64_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof(size));
  return size <= k_header_limit;
}

Checkpoint read_safetensors(std::shared_ptr<const MappedFile> file) { return SafetensorsReader(std::move(file)).run(); }

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// The format (huggingface/safetensors, README, "Format"):
//
//   u64 little-endian N; N bytes of JSON, perhaps filled up with spaces; the tensors' bytes
//   {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [BEGIN, END]}, …, "__metadata__": {text: text}}
//
// Offsets count from the end of the JSON. The tensors tile what follows it: no gap, no overlap, no tail. What the
// library reads (0.8.0: further fields of an entry, null metadata, white space around the JSON) is read here too, but
// for names that stand twice: it takes the last of them.
#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/bytes/checked.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/readers.hpp>
#include <goldseal/checkpoint/formats/safetensors_metadata.hpp>
#include <goldseal/checkpoint/tensors/safetensors_limits.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

namespace goldseal {
namespace {

constexpr std::size_t k_prefix = 8;
constexpr std::size_t k_lead = 64;  // white space that may come before the JSON
constexpr std::string_view k_space = " \t\r\n";

std::string format_megabytes(std::uint64_t bytes) { return fmt::format("{} MB", (bytes + 999'999) / 1'000'000); }

std::int64_t safetensors_bits(DType dtype) {
  if (dtype == DType::float4_e2m1fn_x2) return 4;
  if (dtype == DType::float6_e2m3fn || dtype == DType::float6_e3m2fn) return 6;
  return static_cast<std::int64_t>(item_size(dtype)) * 8;
}

/// One entry of the header.
struct Row {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> offsets;
  bool has_shape = false;
};

/// Takes the JSON event by event, so that neither a deep nor a doubled key gets by.
class HeaderParser {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  std::vector<Row> rows;
  std::map<std::string, std::string> metadata;
  std::set<std::string> extra_fields;  ///< of tensors' entries, that the format does not define
  std::string failure;
  ErrorKind failure_kind = ErrorKind::malformed;
  std::size_t failed_at = 0;

  bool null() {
    if (skipped()) return true;
    if (m_depth == 1 && m_name == "__metadata__") {
      m_name_pending.clear();
      return true;
    }
    return refuse("null where a value belongs");
  }
  bool boolean(bool) { return skipped() || refuse("true or false where another value belongs"); }
  bool number_float(number_float_t, const string_t&) {
    return skipped() || refuse("a number with a fraction where a whole one belongs");
  }
  bool binary(binary_t&) { return refuse("the format has no binary values"); }

  bool number_integer(number_integer_t) { return skipped() || refuse("a negative number"); }
  bool number_unsigned(number_unsigned_t value) {
    constexpr std::size_t k_rank_limit = 64;
    if (skipped()) return true;
    if (m_list == nullptr) return refuse("a number outside of shape and data_offsets");
    if (m_list->size() >= k_rank_limit) {
      return refuse(fmt::format("tensor '{}' has more than {} dimensions", current(), k_rank_limit),
                    ErrorKind::unsupported);
    }
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return refuse("a number beyond 63 bits");
    m_list->push_back(static_cast<std::int64_t>(value));
    return true;
  }
  bool string(string_t& value) {
    if (skipped()) return true;
    if (m_in_metadata && m_depth == 2) {
      metadata[m_field] = value;
      return true;
    }
    if (m_depth != 2 || m_field != "dtype" || m_list != nullptr) return refuse("text where none belongs");
    rows.back().dtype = value;
    return true;
  }
  bool start_object(std::size_t) {
    if (skips_container()) return true;
    ++m_depth;
    const bool fits = m_depth == 1 || (m_depth == 2 && !m_name_pending.empty());
    if (!fits) return refuse("an object where none belongs");
    if (m_depth == 2) begin_entry();
    return true;
  }
  bool key(string_t& value) {
    if (m_skipping > 0) return true;
    if (m_depth == 1) {
      if (!m_names.insert(value).second) {
        return refuse(fmt::format("'{}' is there twice: safetensors takes the last, others the first",
                                  escape_unprintable(value)),
                      ErrorKind::unsupported);
      }
      m_name_pending = value.empty() ? std::string(1, '\0') : value;
      m_name = value;
    } else if (!m_in_metadata) {
      if (!m_fields.insert(value).second) {
        return refuse(fmt::format("tensor '{}' has the field '{}' twice", current(), escape_unprintable(value)));
      }
      m_skip_next = value != "dtype" && value != "shape" && value != "data_offsets";
      if (m_skip_next && extra_fields.size() < 8) extra_fields.insert(escape_unprintable(value));
    }
    m_field = value;
    return true;
  }
  bool end_object() {
    if (leaves_skipped()) return true;
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
    if (skips_container()) return true;
    if (m_depth == 1 && m_name != "__metadata__") {
      // Rust's serde takes an entry as a list too; nobody writes one.
      return refuse(fmt::format("tensor '{}' is described by a list, not by an object", current()),
                    ErrorKind::unsupported);
    }
    if (m_depth != 2 || m_in_metadata || m_list != nullptr || (m_field != "shape" && m_field != "data_offsets")) {
      return refuse("a list where none belongs");
    }
    m_list = m_field == "shape" ? &rows.back().shape : &rows.back().offsets;
    rows.back().has_shape = rows.back().has_shape || m_field == "shape";
    return true;
  }
  bool end_array() {
    if (leaves_skipped()) return true;
    m_list = nullptr;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) {
    failed_at = position;
    failure = fmt::format("the header is not JSON: {}", escape_unprintable(error.what()));
    return false;
  }

 private:
  /// True for a value of a further field, which is passed over.
  bool skipped() {
    if (m_skipping > 0) return true;
    return std::exchange(m_skip_next, false);
  }
  bool skips_container() {
    if (m_skipping == 0 && !std::exchange(m_skip_next, false)) return false;
    ++m_skipping;
    return true;
  }
  bool leaves_skipped() {
    if (m_skipping == 0) return false;
    --m_skipping;
    return true;
  }
  void begin_entry() {
    m_in_metadata = m_name == "__metadata__";
    m_name_pending.clear();
    if (!m_in_metadata) rows.push_back({m_name, {}, {}, {}, false});
  }
  std::string current() const { return escape_unprintable(m_name); }
  bool refuse(std::string why, ErrorKind kind = ErrorKind::malformed) {
    failure = std::move(why);
    failure_kind = kind;
    return false;
  }

  int m_depth = 0;
  std::size_t m_skipping = 0;  // containers of a further field that are open
  bool m_skip_next = false;    // the next value belongs to a further field
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
  SafetensorsReader(std::shared_ptr<const MappedFile> file, const OpenOptions& options)
      : m_options(options), m_path(file->path().string()) {
    m_checkpoint.container = Container::Kind::safetensors;
    m_checkpoint.files.push_back(std::move(file));
  }

  Checkpoint run() {
    const auto bytes = m_checkpoint.files.front()->bytes();
    const auto size = ByteReader(m_path, bytes).little<std::uint64_t>();
    if (size > bytes.size() - k_prefix) fail_truncated(k_prefix + size, "at least ");
    if (size > k_safetensors_header_limit) fail_header_limit(size);
    const auto header = trimmed(as_text(bytes.subspan(k_prefix, size)));
    if (!header.starts_with('{')) fail(k_prefix, "the header does not begin with {");
    if (!header.ends_with('}')) fail(k_prefix, "the header does not end with }");
    HeaderParser parser;
    if (!nlohmann::json::sax_parse(header, &parser)) {
      throw Error(parser.failure_kind, at_byte(m_path, k_prefix + parser.failed_at), std::move(parser.failure),
                  parser.failure_kind == ErrorKind::unsupported ? "save it again with safetensors"
                                                                : "take the file from its source again");
    }
    m_data = k_prefix + size;
    check_tiling(parser.rows);
    for (auto& row : parser.rows) add(std::move(row));
    m_checkpoint.metadata = std::move(parser.metadata);
    judge_safetensors_metadata(m_checkpoint, m_options);
    if (!parser.extra_fields.empty()) {
      m_checkpoint.notes.push_back(
          {"safetensors.extra-fields", fmt::format("the header describes tensors by further fields, which nothing reads: {}",
                                                   fmt::join(parser.extra_fields, ", "))});
    }
    m_checkpoint.entries.push_back({".", m_checkpoint.tensors.size(), true});
    return std::move(m_checkpoint);
  }

 private:
  /// Without the white space of JSON around it, which the library admits on both sides.
  static std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(k_space);
    return begin == std::string_view::npos ? std::string_view{}
                                           : text.substr(begin, text.find_last_not_of(k_space) - begin + 1);
  }

  [[noreturn]] void fail_header_limit(std::uint64_t size) const {
    throw Error(ErrorKind::unsupported, m_path,
                fmt::format("a header of {}; safetensors reads {}", format_megabytes(size),
                            format_megabytes(k_safetensors_header_limit)),
                "no loader reads this file: write its tensors into several files with an index, or with torch.save");
  }

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
    if (*expected == size) return;
    throw Error(ErrorKind::malformed, at_byte(m_path, *expected),
                fmt::format("{} bytes follow the last tensor, which belong to none of them: something was appended to "
                            "the file, or bytes were put into it",
                            format_count(size - *expected)),
                "safetensors 0.3 and newer refuse such a file: copy it from its source again and compare its sha256; where it "
                "has these bytes too, save it again");
  }

  void add(Row row) {
    const auto dtype = parse_safetensors_dtype(row.dtype);
    if (!dtype) {
      throw Error(ErrorKind::unsupported, at_byte(m_path, k_prefix),
                  fmt::format("unsupported: {}: tensor '{}' has this element type, which is unknown here",
                              escape_unprintable(row.dtype), escape_unprintable(row.name)),
                  "use a newer goldseal, or save the tensor as another type");
    }
    Tensor tensor;
    tensor.name = std::move(row.name);
    tensor.dtype = *dtype;
    tensor.shape = std::move(row.shape);
    tensor.storage = m_checkpoint.storages.size();
    const auto bytes = static_cast<std::uint64_t>(row.offsets[1] - row.offsets[0]);
    const auto expected = bytes_of(tensor);
    if (!expected || *expected != bytes) {
      fail(k_prefix, fmt::format("tensor '{}' of shape {} has {} bytes", escape_unprintable(tensor.name),
                                 format_shape(tensor.shape), bytes));
    }
    if (tensor.dtype == DType::float4_e2m1fn_x2) pair_up(tensor);
    tensor.strides = contiguous_strides(tensor.shape);
    m_checkpoint.storages.push_back({0, m_data + static_cast<std::uint64_t>(row.offsets[0]), bytes, {}});
    m_checkpoint.tensors.push_back(std::move(tensor));
  }

  /// That a tensor of the header's shape takes; nothing where its bits fill no whole bytes.
  static std::optional<std::uint64_t> bytes_of(const Tensor& tensor) {
    const auto numel = checked_numel(tensor.shape);
    const auto bits = numel ? checked_multiply(*numel, safetensors_bits(tensor.dtype)) : std::nullopt;
    if (!bits || *bits % 8 != 0) return std::nullopt;
    return static_cast<std::uint64_t>(*bits) / 8;
  }

  /// The header counts 4-bit numbers, PyTorch pairs of them along the last dimension.
  void pair_up(Tensor& tensor) const {
    if (tensor.shape.empty() || tensor.shape.back() % 2 != 0) {
      throw Error(ErrorKind::unsupported, at_byte(m_path, k_prefix),
                  fmt::format("tensor '{}' of 4-bit numbers has the shape {}: PyTorch keeps two in a byte, side by "
                              "side in the last dimension, which must be even",
                              escape_unprintable(tensor.name), format_shape(tensor.shape)),
                  "save it with an even last dimension");
    }
    tensor.shape.back() /= 2;
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

  const OpenOptions& m_options;
  std::string m_path;
  Checkpoint m_checkpoint;
  std::uint64_t m_data = 0;
};

}  // namespace

bool is_safetensors(std::span<const std::byte> bytes) {
  constexpr std::uint64_t k_any_header = 1ULL << 40;  // far beyond the limit, which has a message of its own
  std::uint64_t size = 0;
  if (bytes.size() <= k_prefix) return false;
  std::memcpy(&size, bytes.data(), sizeof(size));
  const auto text = as_text(bytes.subspan(k_prefix, std::min(bytes.size() - k_prefix, k_lead)));
  const auto begin = text.find_first_not_of(k_space);
  return begin != std::string_view::npos && text[begin] == '{' && size > begin && size <= k_any_header;
}

Checkpoint read_safetensors(std::shared_ptr<const MappedFile> file, const OpenOptions& options) {
  return SafetensorsReader(std::move(file), options).run();
}

}  // namespace goldseal

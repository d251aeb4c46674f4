// SPDX-License-Identifier: Apache-2.0
// safetensors: 8 bytes with the header's length (little-endian), the header, a JSON object from names to
// {"dtype", "shape", "data_offsets": [begin, end]}, and the data that the offsets count in. The header may hold
// `__metadata__`, an object of strings, and may be filled up with spaces.
#include "protocol/tensor_file.hpp"

#include "darknet/files.hpp"
#include "protocol/error.hpp"
#include "protocol/fields.hpp"

#include <ATen/Functions.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

namespace goldseal::worker {
namespace {

using nlohmann::json;
static_assert(std::endian::native == std::endian::little, "tensors on disk are little-endian and are not swapped");

constexpr std::uint64_t k_max_header = 100'000'000;
constexpr std::uint64_t k_length_bytes = 8;

constexpr std::array<std::pair<std::string_view, at::ScalarType>, 10> k_types{{{"F64", at::kDouble},
                                                                               {"F32", at::kFloat},
                                                                               {"F16", at::kHalf},
                                                                               {"BF16", at::kBFloat16},
                                                                               {"I64", at::kLong},
                                                                               {"I32", at::kInt},
                                                                               {"I16", at::kShort},
                                                                               {"I8", at::kChar},
                                                                               {"U8", at::kByte},
                                                                               {"BOOL", at::kBool}}};

std::string_view file_type(at::ScalarType dtype) {
  for (const auto& [name, type] : k_types)
    if (type == dtype) return name;
  throw Refusal(RefusalKind::unsupported,
                "a tensor of type " + name_of_dtype(dtype) + " cannot be stored in safetensors");
}

at::ScalarType tensor_type(const std::string& file_type) {
  for (const auto& [name, type] : k_types)
    if (name == file_type) return type;
  throw Refusal(RefusalKind::unsupported, "dtype `" + file_type + "` is not known");
}

struct Entry {
  std::string name;
  at::ScalarType dtype;
  std::vector<std::int64_t> shape;
  std::uint64_t begin;
  std::uint64_t end;
};

// Gives the header; a name that stands twice, which the JSON library would pass over, is refused.
json parse_header(std::string_view text) {
  std::set<std::string> names;
  const auto note_name = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::key && depth == 1 && !names.insert(parsed.get<std::string>()).second)
      throw Refusal(RefusalKind::malformed, "the name `" + parsed.get<std::string>() + "` stands twice");
    return true;
  };
  auto header = json::parse(text, note_name, /*allow_exceptions=*/false);
  if (text.empty() || text.front() != '{' || !header.is_object())
    throw Refusal(RefusalKind::malformed, "the header is not a JSON object");
  return header;
}

Entry parse_entry(const std::string& name, const json& value) {
  const auto offsets = sizes_field(value, "data_offsets");
  if (offsets.size() != 2) throw Refusal(RefusalKind::malformed, "`data_offsets` are two numbers");
  return {name, tensor_type(text_field(value, "dtype")), sizes_field(value, "shape"),
          static_cast<std::uint64_t>(offsets[0]), static_cast<std::uint64_t>(offsets[1])};
}

std::uint64_t bytes_of(const Entry& entry) {
  std::uint64_t bytes = c10::elementSize(entry.dtype);
  for (const auto size : entry.shape)
    if (!multiply_fits(bytes, static_cast<std::uint64_t>(size), bytes))
      throw Refusal(RefusalKind::malformed, "the shape of `" + entry.name + "` does not fit into 64 bits");
  return bytes;
}

std::vector<Entry> parse_entries(const json& header, std::uint64_t data_bytes) {
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items())
    if (name != "__metadata__") entries.push_back(parse_entry(name, value));
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  std::uint64_t at = 0;
  for (const auto& entry : entries) {
    if (entry.begin != at || entry.end < entry.begin || entry.end - entry.begin != bytes_of(entry))
      throw Refusal(RefusalKind::malformed, "`" + entry.name +
                                                "` does not begin where the tensor before it ends, or is not "
                                                "as long as its shape says");
    at = entry.end;
  }
  if (at != data_bytes) throw Refusal(RefusalKind::malformed, "the tensors do not end where the file ends");
  return entries;
}

NamedTensors parse_file(std::span<const std::byte> bytes) {
  std::uint64_t length = 0;
  if (bytes.size() < k_length_bytes) throw Refusal(RefusalKind::malformed, "is shorter than a safetensors file can be");
  std::memcpy(&length, bytes.data(), k_length_bytes);
  if (length > k_max_header || length > bytes.size() - k_length_bytes)
    throw Refusal(RefusalKind::malformed, "the header is longer than the file or than 100,000,000 bytes");
  const auto header = bytes.subspan(k_length_bytes, length);
  const auto data = bytes.subspan(k_length_bytes + length);
  const auto parsed = parse_header({reinterpret_cast<const char*>(header.data()), header.size()});
  NamedTensors tensors;
  for (const auto& entry : parse_entries(parsed, data.size())) {
    auto tensor = at::empty(entry.shape, at::TensorOptions().dtype(entry.dtype));
    if (entry.end > entry.begin) std::memcpy(tensor.data_ptr(), data.data() + entry.begin, entry.end - entry.begin);
    tensors.emplace_back(entry.name, std::move(tensor));
  }
  return tensors;
}

std::string make_header(const NamedTensors& tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::uint64_t at = 0;
  for (const auto& [name, tensor] : tensors) {
    if (name == "__metadata__")
      throw Refusal(RefusalKind::usage, "a tensor cannot be called '__metadata__': safetensors keeps that name for itself", {},
                    "give the network's output another name");
    const auto end = at + tensor.nbytes();
    header[name] = {
        {"dtype", file_type(tensor.scalar_type())}, {"shape", tensor.sizes().vec()}, {"data_offsets", {at, end}}};
    at = end;
  }
  auto text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

// Writes or throws; a short write is carried on.
class FileWriter {
 public:
  explicit FileWriter(const std::string& path)
      : m_path(path), m_file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {
    if (m_file < 0) fail();
  }
  ~FileWriter() {
    if (m_file >= 0) close(m_file);
  }
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  void put(const void* data, std::size_t bytes) {
    const auto* at = static_cast<const char*>(data);
    while (bytes != 0) {
      const auto done = write(m_file, at, bytes);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) fail();
      at += done;
      bytes -= static_cast<std::size_t>(done);
    }
  }

  // NFS reports a full disk at the end.
  void finish() {
    const int file = m_file;
    m_file = -1;
    if (close(file) != 0 && errno != EINTR) fail();
  }

 private:
  [[noreturn]] void fail() const {
    throw Refusal(RefusalKind::runtime, std::string("cannot be written: ") + std::strerror(errno), m_path);
  }

  std::string m_path;
  int m_file;
};

}  // namespace

NamedTensors read_tensor_file(const std::string& path) {
  const MappedFile file(path);
  try {
    return parse_file(file.bytes());
  } catch (const Refusal& refusal) {
    const auto kind = refusal.kind == RefusalKind::usage ? RefusalKind::malformed : refusal.kind;
    throw Refusal(kind, refusal.what(), path);
  }
}

void write_tensor_file(const std::string& path, const NamedTensors& tensors) {
  const auto header = make_header(tensors);
  const std::uint64_t length = header.size();
  FileWriter file(path);
  file.put(&length, sizeof length);
  file.put(header.data(), header.size());
  for (const auto& [name, tensor] : tensors) {
    const auto contiguous = tensor.contiguous();
    file.put(contiguous.data_ptr(), contiguous.nbytes());
  }
  file.finish();
}

}  // namespace goldseal::worker

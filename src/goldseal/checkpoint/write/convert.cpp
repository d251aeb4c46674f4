// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/write/convert.hpp>

#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/files/protected_paths.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/running/parallel.hpp>
#include <goldseal/checkpoint/keys/key_renames.hpp>
#include <goldseal/checkpoint/keys/key_segments.hpp>
#include <goldseal/checkpoint/tensors/element.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>
#include <goldseal/checkpoint/write/safetensors_writer.hpp>
#include <goldseal/checkpoint/write/torch_writer.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_set>
#include <utility>

namespace goldseal {
namespace {

using Take = std::function<void(std::span<const std::byte>)>;

/// A tensor on its way: where it comes from, and what it becomes.
struct Row {
  const Tensor* source = nullptr;
  std::string name;
  DType dtype = DType::float32;
  std::uint64_t bytes = 0;
};

std::string strip(const std::string& name, const std::string& prefix) {
  if (prefix.empty()) return name;
  if (prefix == "auto") return without_wrappers(name);
  return name.starts_with(prefix + '.') ? name.substr(prefix.size() + 1) : name;
}

// Whether each change is of use: a slip of the hand must not give a file that looks converted.
class Changes {
 public:
  explicit Changes(const ConvertOptions& options)
      : m_options(options), m_dropped(options.drop.size()), m_renamed(options.rename.size()) {}

  [[nodiscard]] bool drops(const std::string& name) {
    bool found = false;
    for (std::size_t i = 0; i < m_dropped.size(); ++i) {
      if (!matches_glob(name, m_options.drop[i])) continue;
      m_dropped[i] = true;
      found = true;
    }
    return found;
  }

  [[nodiscard]] std::string renamed(std::string name) {
    for (std::size_t i = 0; i < m_renamed.size(); ++i) {
      const auto& [from, to] = m_options.rename[i];
      auto changed = rename_segments(name, from, to);
      m_renamed[i] = m_renamed[i] || changed != name;
      name = std::move(changed);
    }
    return strip(name, m_options.strip_prefix);
  }

  void require_used(const Checkpoint& checkpoint) const {
    const auto first = checkpoint.tensors.empty()
                           ? std::string()
                           : fmt::format("the first name is {}", escape_unprintable(checkpoint.tensors.front().name));
    for (std::size_t i = 0; i < m_dropped.size(); ++i) {
      if (!m_dropped[i])
        throw Error(ErrorKind::usage, "--drop",
                    fmt::format("no name matches '{}'", escape_unprintable(m_options.drop[i])), first);
    }
    for (std::size_t i = 0; i < m_renamed.size(); ++i) {
      if (!m_renamed[i])
        throw Error(ErrorKind::usage, "--rename",
                    fmt::format("no name has the segments '{}'", escape_unprintable(m_options.rename[i].first)), first);
    }
  }

 private:
  const ConvertOptions& m_options;
  std::vector<bool> m_dropped;
  std::vector<bool> m_renamed;
};

// What the colliding names come from, for the error.
std::string_view renaming_option(const ConvertOptions& options) {
  return options.rename.empty() ? "--strip-prefix" : "--rename";
}

std::vector<Row> plan(const Checkpoint& checkpoint, const ConvertOptions& options) {
  std::vector<Row> rows;
  std::unordered_set<std::string> names;
  Changes changes(options);
  rows.reserve(checkpoint.tensors.size());
  for (const auto& tensor : checkpoint.tensors) {
    if (changes.drops(tensor.name)) continue;
    Row row{&tensor, changes.renamed(tensor.name), tensor.dtype, tensor_bytes(tensor)};
    if (row.name.empty() && !tensor.name.empty())
      throw Error(ErrorKind::usage, "--strip-prefix",
                  fmt::format("nothing is left of '{}'", escape_unprintable(tensor.name)));
    if (!names.insert(row.name).second) {
      throw Error(ErrorKind::usage, std::string(renaming_option(options)),
                  fmt::format("two tensors would be named '{}'", escape_unprintable(row.name)),
                  "convert without it: these names do not come from a wrapper alone");
    }
    if (options.dtype && is_floating(tensor.dtype) && parts_of(tensor.dtype) == 1 && tensor.dtype != *options.dtype) {
      row.dtype = *options.dtype;
      row.bytes = row.bytes / item_size(tensor.dtype) * item_size(*options.dtype);
    }
    rows.push_back(std::move(row));
  }
  changes.require_used(checkpoint);
  if (rows.empty() && !checkpoint.tensors.empty())
    throw Error(ErrorKind::usage, "--drop", "nothing would be left of the checkpoint", "name less of it");
  return rows;
}

void require_prefix_found(const std::vector<Row>& rows, const ConvertOptions& options) {
  if (options.strip_prefix.empty() || options.strip_prefix == "auto") return;
  const auto renamed = [](const Row& row) { return row.name != row.source->name; };
  if (std::ranges::any_of(rows, renamed)) return;
  throw Error(ErrorKind::usage, "--strip-prefix",
              fmt::format("no name begins with '{}.'", escape_unprintable(options.strip_prefix)),
              rows.empty() ? "" : fmt::format("the first name is {}", escape_unprintable(rows.front().source->name)));
}

void produce(const Checkpoint& checkpoint, const Row& row, const Take& take, ByteCounter& counter) {
  const auto counted = [&](std::span<const std::byte> piece) {
    take(piece);
    counter.done += piece.size();
  };
  if (row.dtype == row.source->dtype) return for_each_piece(checkpoint, *row.source, counted);
  std::vector<double> values;
  std::vector<std::byte> bytes;
  for_each_piece(checkpoint, *row.source, [&](std::span<const std::byte> piece) {
    values.clear();
    bytes.clear();
    to_doubles(piece, row.source->dtype, values);
    from_doubles(values, row.dtype, bytes);
    counted(bytes);
  });
}

void write_safetensors_file(const Checkpoint& checkpoint, const std::vector<Row>& rows, OutputFile& file,
                            ByteCounter& counter) {
  std::vector<TensorToWrite> tensors;
  for (const auto& row : rows) {
    // Only the length is read; the bytes follow below.
    tensors.push_back(
        {row.name, row.dtype, row.source->shape, std::span(static_cast<const std::byte*>(nullptr), row.bytes)});
  }
  const std::vector<std::pair<std::string, std::string>> metadata{{"format", "pt"}};
  file.write(write_safetensors_header(tensors, metadata));
  for (const auto& row : rows) counter.total += row.bytes;
  for (const auto& row : rows) {
    produce(
        checkpoint, row, [&](std::span<const std::byte> piece) { file.write(piece); }, counter);
  }
}

void write_torch(const Checkpoint& checkpoint, const std::vector<Row>& rows, const ConvertOptions& options,
                 OutputFile& file, ByteCounter& counter) {
  using View = std::tuple<std::size_t, std::int64_t, DType, std::vector<std::int64_t>, std::vector<std::int64_t>>;
  std::map<View, std::size_t> known;
  std::vector<TorchTensor> tensors;
  std::vector<TorchStorage> storages;
  for (const auto& row : rows) {
    const auto& source = *row.source;
    const auto [found, added] =
        known.emplace(View{source.storage, source.offset, source.dtype, source.shape, source.strides}, storages.size());
    if (added) {
      counter.total += row.bytes;
      storages.push_back({row.bytes, [&](const Take& take) { produce(checkpoint, row, take, counter); }});
    }
    tensors.push_back({row.name, row.dtype, source.shape, found->second, source.parameter});
  }
  const auto stem = options.output.stem().string();
  write_torch_file(file, stem.empty() || stem.front() == '.' ? "archive" : stem, tensors, storages);
}

bool has_shared_storage(const Checkpoint& checkpoint) {
  std::unordered_set<std::size_t> seen;
  return std::ranges::any_of(checkpoint.tensors,
                             [&](const Tensor& tensor) { return !seen.insert(tensor.storage).second; });
}

}  // namespace

ConvertResult convert_checkpoint(const Checkpoint& checkpoint, const ConvertOptions& options) {
  const auto extension = options.output.extension().string();
  const bool safetensors = extension == ".safetensors";
  if (!safetensors && extension != ".pth" && extension != ".pt" && extension != ".bin") {
    throw Error(
        ErrorKind::usage, options.output.string(),
        fmt::format("expected an output that ends in .safetensors or .pth, found '{}'", escape_unprintable(extension)),
        "name it .safetensors, or .pth for torch.save's format");
  }
  const auto rows = plan(checkpoint, options);
  require_prefix_found(rows, options);
  std::vector<std::filesystem::path> inputs;
  for (const auto& read : checkpoint.files) inputs.push_back(read->path());
  require_no_input(options.output, inputs);
  OutputFile file(options.output, options.replace ? Existing::replace : Existing::refuse);
  auto verified = in_background([&] { verify_records(checkpoint); });
  ByteCounter unseen;
  auto& counter = options.counter != nullptr ? *options.counter : unseen;
  if (safetensors) {
    write_safetensors_file(checkpoint, rows, file, counter);
  } else {
    write_torch(checkpoint, rows, options, file, counter);
  }
  // What is damaged must not become a sound file with a checksum of its own.
  verified.get();
  for (const auto& read : checkpoint.files) read->require_unchanged();
  file.commit();
  ConvertResult result;
  result.tensors = rows.size();
  result.dropped = checkpoint.tensors.size() - rows.size();
  result.bytes = file.size();
  for (const auto& row : rows) {
    result.renamed += row.name != row.source->name ? 1U : 0U;
    result.converted += row.dtype != row.source->dtype ? 1U : 0U;
  }
  if (safetensors && has_shared_storage(checkpoint))
    result.notes.emplace_back("tied tensors are written each for itself: safetensors shares no memory");
  return result;
}

}  // namespace goldseal

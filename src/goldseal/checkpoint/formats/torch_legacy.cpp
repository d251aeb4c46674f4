// SPDX-License-Identifier: Apache-2.0
// What torch.save wrote before torch 1.6 (torch/serialization.py, _legacy_save):
//
//   pickle: 0x1950a86a20f9469cfc6c          the magic number
//   pickle: 1001                            the protocol
//   pickle: {protocol_version, little_endian, type_sizes}
//   pickle: the object, with persistent ids for storages
//   pickle: [key, …]                        in the order of what follows
//   (i64 little-endian count of elements; the elements)*
//
// PyTorch hands out uninitialized memory for a storage that the list of keys omits; here it is refused.
#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/bytes/checked.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/readers.hpp>
#include <goldseal/checkpoint/pickle/pickle.hpp>
#include <goldseal/checkpoint/state_dict/open_options.hpp>
#include <goldseal/checkpoint/state_dict/state_dict.hpp>
#include <goldseal/checkpoint/state_dict/storage_id.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace goldseal {
namespace {

using namespace std::string_view_literals;

constexpr auto k_magic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."sv;
constexpr auto k_protocol = "\x80\x02M\xe9\x03."sv;

class LegacyReader {
 public:
  LegacyReader(std::shared_ptr<const MappedFile> file, const OpenOptions& options)
      : m_options(options), m_path(file->path().string()), m_reader(m_path, file->bytes()) {
    m_checkpoint.container = Container::Kind::torch_legacy;
    m_checkpoint.files.push_back(std::move(file));
  }

  Checkpoint run() {
    (void)m_reader.take(k_magic.size());
    if (m_reader.text(k_protocol.size()) != k_protocol) m_reader.fail("the legacy format's protocol is not 1001");
    read_system();
    const auto at = m_reader.offset();
    const auto document = pickle::read(m_path, m_reader, {.foreign = true});
    const auto where = at_byte(m_path, at);
    for (const auto persistent : document.persistents()) {
      const auto id = pickle::read_storage_id(document, persistent, where);
      m_ids.emplace(id.key, id);
    }
    read_storages();
    pickle::read_state_dict(
        document, where, [this](const auto& id) { return find(id); }, m_options, m_checkpoint);
    return std::move(m_checkpoint);
  }

 private:
  void read_system() {
    const auto document = pickle::read(m_path, m_reader);
    const auto root = document.root();
    if (document.kind(root) != pickle::Kind::dict) m_reader.fail("the record of the saving system must be a dict");
    const auto items = document.items(root);
    for (std::size_t i = 0; i < items.size(); i += 2) {
      const bool little = document.kind(items[i]) == pickle::Kind::text && document.text(items[i]) == "little_endian";
      // THPStorage_writeFileRaw swaps to little-endian, whatever the machine.
      if (little && document.kind(items[i + 1]) != pickle::Kind::boolean)
        m_reader.fail("little_endian must be True or False");
    }
  }

  void read_storages() {
    const auto keys = pickle::read(m_path, m_reader);
    if (keys.kind(keys.root()) != pickle::Kind::list) m_reader.fail("the storage keys must be a list");
    check_size(keys);
    for (const auto key : keys.items(keys.root())) {
      const auto& id = listed(keys, key);
      const auto elements = m_reader.little<std::int64_t>();
      if (elements < 0 || static_cast<std::uint64_t>(elements) != id.bytes / pickle::element_size(id)) {
        m_reader.fail(fmt::format("storage {} has {} elements, {} expected", escape_unprintable(id.key), elements,
                                  id.bytes / pickle::element_size(id)));
      }
      const Storage place{0, m_reader.offset(), id.bytes, {}};
      (void)m_reader.take(id.bytes);
      if (!m_places.emplace(id.key, place).second)
        m_reader.fail(fmt::format("storage {} is there twice", escape_unprintable(id.key)));
    }
    if (!m_reader.at_end()) m_reader.fail(fmt::format("{} bytes follow the last storage", m_reader.remaining()));
  }

  /// A cut is reported as such, with the size that the file had.
  void check_size(const pickle::Document& keys) {
    auto expected = m_reader.offset();
    for (const auto key : keys.items(keys.root())) {
      const auto sum = checked_add(expected, listed(keys, key).bytes + sizeof(std::int64_t));
      if (!sum) m_reader.fail("the storages are larger than any file");
      expected = *sum;
    }
    const auto size = m_checkpoint.files.front()->size();
    if (expected <= size) return;
    throw Error(ErrorKind::malformed, m_path,
                fmt::format("the file was cut short: {} of {} bytes", format_count(size), format_count(expected)),
                "copy or download it again");
  }

  const pickle::StorageId& listed(const pickle::Document& keys, pickle::Id key) const {
    if (keys.kind(key) != pickle::Kind::text) m_reader.fail("a storage key must be text");
    const auto found = m_ids.find(keys.text(key));
    if (found == m_ids.end()) {
      m_reader.fail(fmt::format("storage {} belongs to no tensor", escape_unprintable(keys.text(key))));
    }
    return found->second;
  }

  Storage find(const pickle::StorageId& id) const {
    const auto found = m_places.find(id.key);
    if (found != m_places.end() && found->second.bytes == id.bytes) return found->second;
    throw Error(ErrorKind::malformed, m_path,
                fmt::format("storage {} of {} bytes, which a tensor needs, is not in the file",
                            escape_unprintable(id.key), id.bytes),
                "take the file from its source again; PyTorch would fill it with whatever is in memory");
  }

  const OpenOptions& m_options;
  std::string m_path;
  ByteReader m_reader;
  Checkpoint m_checkpoint;
  std::unordered_map<std::string_view, pickle::StorageId> m_ids;
  std::unordered_map<std::string_view, Storage> m_places;
};

}  // namespace

bool is_torch_legacy(std::span<const std::byte> bytes) { return as_text(bytes).starts_with(k_magic); }

Checkpoint read_torch_legacy(std::shared_ptr<const MappedFile> file, const OpenOptions& options) {
  return LegacyReader(std::move(file), options).run();
}

}  // namespace goldseal

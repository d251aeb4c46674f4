// SPDX-License-Identifier: Apache-2.0
// Opens the bytes as a checkpoint of whatever kind they are, and does with it all that the command does: digests,
// checksums, the summary and a match with itself. An Error is a good answer; anything else that stops is a fault.
// The first byte of the input picks a container whose frame is put around the rest, so that the fuzzer need not find
// checksums and lengths by itself.
#include <goldseal/base/byte_reader.hpp>
#include <goldseal/base/error.hpp>
#include <goldseal/checkpoint/checkpoint.hpp>
#include <goldseal/checkpoint/key_table.hpp>
#include <goldseal/checkpoint/keys.hpp>
#include <goldseal/checkpoint/output_file.hpp>
#include <goldseal/checkpoint/pickle.hpp>
#include <goldseal/checkpoint/state_dict.hpp>
#include <goldseal/checkpoint/summary.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

using namespace goldseal;

/// A file in memory that has a name, for the readers map files.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : m_descriptor(::memfd_create("fuzz", MFD_CLOEXEC)) {
    if (m_descriptor < 0 || ::write(m_descriptor, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
      std::abort();
  }
  ~MemoryFile() { ::close(m_descriptor); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(m_descriptor); }

 private:
  int m_descriptor;
};

void use(const Checkpoint& checkpoint) {
  constexpr std::uint64_t k_digest_limit = 1 << 20;  // a legal view may unfold to much: the time belongs to the parsers
  const auto summary = summarize(checkpoint);
  const auto keys = key_table(checkpoint);
  if (keys.size() < 1000 && !match_keys(keys, keys).complete()) std::abort();
  if (summary.bytes > k_digest_limit) return;
  (void)find_non_finite(checkpoint);
  (void)digest_everything(checkpoint);
}

void open_file(std::string_view bytes) {
  const MemoryFile file(bytes);
  use(open_checkpoint(file.path(), {.any_entry = true}));
}

/// The pickle alone, with storages that are whatever it asks for: reaches what a checksum guards in an archive.
void read_pickle(std::string_view bytes) {
  static const std::string k_storage(4096, '\1');
  const MemoryFile file(k_storage);
  Checkpoint checkpoint;
  checkpoint.files.push_back(std::make_shared<const MappedFile>(file.path()));
  ByteReader reader("fuzz", as_bytes(bytes));
  const pickle::Rules rules{.torchscript = !bytes.empty() && bytes.size() % 2 == 0};
  const auto document = pickle::read("fuzz", reader, rules);
  const auto find = [](const pickle::StorageId& id) {
    if (id.bytes > k_storage.size()) throw Error(ErrorKind::malformed, "fuzz", "no such storage");
    return Storage{0, 0, id.bytes, {}};
  };
  if (rules.torchscript) {
    pickle::read_module_state(document, "fuzz", find, checkpoint);
  } else {
    pickle::read_state_dict(document, "fuzz", find, {.any_entry = true}, checkpoint);
  }
  use(checkpoint);
}

/// The bytes as the header of a safetensors file, with the length before and no data behind.
void read_header(std::string_view bytes) {
  std::string file(8, '\0');
  const std::uint64_t size = bytes.size();
  std::memcpy(file.data(), &size, sizeof(size));
  open_file(file.append(bytes));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    switch (bytes.front()) {
      case '\1':
        read_pickle(bytes.substr(1));
        break;
      case '\2':
        read_header(bytes.substr(1));
        break;
      default:
        open_file(bytes);
    }
  } catch (const Error& error) {
    if (error.message().empty()) std::abort();
  }
  return 0;
}

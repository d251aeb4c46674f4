// SPDX-License-Identifier: Apache-2.0
// Opens bytes as a checkpoint and does with it all that the command does: digests, checksums, the summary and a match
// with itself. An Error is a good answer; anything else that stops is a fault.
// An input's first byte picks a reader, whose frame is put around the rest, so that the fuzzer need not find checksums
// and lengths by itself; any other first byte is that of a whole file. A program for one reader
// (reader.cpp) takes its inputs without that byte.
#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/contents/summary.hpp>
#include <goldseal/checkpoint/formats/open_checkpoint.hpp>
#include <goldseal/checkpoint/keys/key_table.hpp>
#include <goldseal/checkpoint/keys/keys.hpp>
#include <goldseal/checkpoint/pickle/pickle.hpp>
#include <goldseal/checkpoint/state_dict/state_dict.hpp>

#include <sys/mman.h>
#include <unistd.h>
#include <tests/unit/checkpoint/archive_builder.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>

namespace {

using namespace goldseal;
using namespace std::string_view_literals;

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
  use(open_checkpoint(file.path(), {.show_all = true}));
}

/// The pickle alone, with storages that are whatever it asks for: reaches what a checksum guards in an archive.
void read_pickle(std::string_view bytes) {
  static const std::string k_storage(4096, '\1');
  const MemoryFile file(k_storage);
  Checkpoint checkpoint;
  checkpoint.files.push_back(std::make_shared<const MappedFile>(file.path()));
  ByteReader reader("fuzz", as_bytes(bytes));
  const bool torchscript = !bytes.empty() && bytes.size() % 2 == 0;
  const pickle::Rules rules{.torchscript = torchscript, .foreign = !torchscript};
  const auto document = pickle::read("fuzz", reader, rules);
  const auto find = [](const pickle::StorageId& id) {
    if (id.bytes > k_storage.size()) throw Error(ErrorKind::malformed, "fuzz", "no such storage");
    return Storage{0, 0, id.bytes, {}};
  };
  if (rules.torchscript) {
    pickle::read_module_state(document, "fuzz", find, checkpoint);
  } else {
    pickle::read_state_dict(document, "fuzz", find, {.show_all = true}, checkpoint);
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

/// The object, the list of storages and these, behind the three pickles that a legacy file begins with.
void read_legacy(std::string_view bytes) {
  constexpr auto k_head =
      "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."
      "\x80\x02}X\x0d\x00\x00\x00little_endian\x88s."sv;
  open_file(std::string(k_head).append(bytes));
}

void read_torch_zip(std::string_view bytes) {
  open_file(test::zip({{"m/data.pkl", std::string(bytes)},
                       {"m/byteorder", "little"},
                       {"m/data/0", std::string(64, '\1')},
                       {"m/data/1", std::string(16, '\2')},
                       {"m/version", "3\n"}}));
}

/// The module, then the constants, with `###` between.
void read_torchscript(std::string_view bytes) {
  const auto cut = std::min(bytes.find("###"), bytes.size());
  const auto constants = cut == bytes.size() ? "\x80\x02)."sv : bytes.substr(cut + 3);
  open_file(test::zip({{"m/data.pkl", std::string(bytes.substr(0, cut))},
                       {"m/data/0", std::string(64, '\1')},
                       {"m/code/__torch__.py", "class M(Module):\n  pass\n"},
                       {"m/constants.pkl", std::string(constants)},
                       {"m/constants/0", std::string(16, '\2')},
                       {"m/version", "3\n"}}));
}

/// The weights' description in a torch.export archive.
void read_pt2(std::string_view bytes) {
  open_file(test::zip({{"m/archive_format", "pt2"},
                       {"m/models/model.json", "{}"},
                       {"m/data/weights/model_weights_config.json", std::string(bytes)},
                       {"m/data/weights/weight_0", std::string(64, '\1')},
                       {"m/byteorder", "little"},
                       {"m/version", "3\n"}}));
}

void read_npz(std::string_view bytes) { open_file(test::zip({{"x.npy", std::string(bytes)}})); }

/// An index beside two shards, one of which is a web page.
void read_index(std::string_view bytes) {
  static const TemporaryDirectory k_directory;
  static const bool k_prepared = [] {
    constexpr auto k_header = R"({"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})"sv;
    std::string shard{static_cast<char>(k_header.size())};
    shard.resize(8, '\0');
    std::ofstream(k_directory.path() / "a.safetensors", std::ios::binary) << shard << k_header << "12";
    std::ofstream(k_directory.path() / "b.bin") << "<html>";
    return true;
  }();
  (void)k_prepared;
  const auto path = k_directory.path() / "model.safetensors.index.json";
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  use(open_checkpoint(path, {.show_all = true}));
}

/// What torch.save makes of a tensor [2, 2].
std::string saved_tensor() {
  constexpr auto k_pickle =
      "\x80\x02"
      "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x00"
      "0X\x03\x00\x00\x00"
      "cpuK\x04tQK\x00K\x02K\x02\x86K\x02K\x01\x86\x89"
      "ccollections\nOrderedDict\n)RtR."sv;
  return test::zip({{"t/data.pkl", std::string(k_pickle)}, {"t/data/0", std::string(16, '\1')}, {"t/version", "3\n"}});
}

/// The metadata of a distributed checkpoint, whose one file holds two pieces of a tensor, one after the other.
void read_distcp(std::string_view bytes) {
  static const TemporaryDirectory k_directory;
  static const bool k_prepared = [] {
    std::ofstream(k_directory.path() / "__0_0.distcp", std::ios::binary) << saved_tensor() << saved_tensor();
    return true;
  }();
  (void)k_prepared;
  const auto path = k_directory.path() / ".metadata";
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  use(open_checkpoint(path, {.show_all = true}));
}

/// A cfg, beside weights of a fixed size.
void read_darknet(std::string_view bytes) {
  static const TemporaryDirectory k_directory;
  constexpr auto k_header = "\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"sv;
  const auto cfg = k_directory.path() / "m.cfg";
  const auto weights = k_directory.path() / "m.weights";
  std::ofstream(weights, std::ios::binary) << k_header << std::string(464, '\1');
  std::ofstream(cfg, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  use(open_checkpoint(weights, {.darknet_cfg = cfg}));
}

// By the first byte of an input; 0 is no frame at all.
constexpr std::array<void (*)(std::string_view), 11> k_readers{
    open_file, read_pickle, read_header, read_legacy, read_torch_zip, read_torchscript,
    read_pt2,  read_npz,    read_index,  read_distcp, read_darknet};

void run(std::size_t reader, std::string_view bytes) {
  try {
    k_readers[reader](bytes);
  } catch (const Error& error) {
    if (error.message().empty()) std::abort();
  }
}

}  // namespace

/// The reader of this program; beyond the last where each input picks its own.
extern const std::size_t fuzzed_reader;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (fuzzed_reader < k_readers.size()) {
    run(fuzzed_reader, bytes);
    return 0;
  }
  if (size == 0) return 0;
  const auto first = static_cast<std::size_t>(data[0]);
  const bool framed = first != 0 && first < k_readers.size();
  run(framed ? first : 0, framed ? bytes.substr(1) : bytes);
  return 0;
}

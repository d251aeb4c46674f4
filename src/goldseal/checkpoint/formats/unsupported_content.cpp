// SPDX-License-Identifier: Apache-2.0
// People hand over Git LFS pointers, web pages and tar files as checkpoints. This file recognises
// them and says what to do. It is asked last, after every reader has declined.
#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/readers.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <optional>
#include <system_error>

namespace goldseal {
namespace {

using namespace std::string_view_literals;

/// What a file is, by its first bytes.
struct Signature {
  std::string_view bytes;
  std::string_view what;
  std::string_view remedy;
};

constexpr auto k_unpack = "unpack it and name the checkpoint inside"sv;
constexpr auto k_export = "export the weights from it to a state dict or to safetensors"sv;

constexpr auto k_take = "name the checkpoint that it was made from"sv;

constexpr std::array k_signatures{
    Signature{"PK\5\6"sv, "an empty zip archive", "take the file from its source again"},
    Signature{"\x1f\x8b"sv, "a file compressed by gzip",
              "gunzip it first; a `.pth.tar` of torch.save is not a tar archive"},
    Signature{"BZh"sv, "a file compressed by bzip2", k_unpack},
    Signature{"\xfd"
              "7zXZ\0"sv,
              "a file compressed by xz", k_unpack},
    Signature{"\x28\xb5\x2f\xfd"sv, "a file compressed by zstd", k_unpack},
    Signature{"7z\xbc\xaf\x27\x1c"sv, "a 7z archive",
              "torch.save writes none: distrust a checkpoint packed so; unpack it to look inside"},
    Signature{"Rar!"sv, "a rar archive", k_unpack},
    Signature{"\x89HDF\r\n\x1a\n"sv, "an HDF5 file (Keras weights, .h5)", k_export},
    Signature{"GGUF"sv, "a GGUF file (llama.cpp): weights packed in its own way",
              "take the checkpoint that it was made from; or dequantise it with the gguf package (GGUFReader, "
              "gguf.quants.dequantize) and save the weights with safetensors"},
    Signature{"lmgg"sv, "a GGML file (llama.cpp before GGUF)", k_take},
    Signature{"fmgg"sv, "a GGML file (llama.cpp before GGUF)", k_take},
    Signature{"tjgg"sv, "a GGML file (llama.cpp before GGUF)", k_take},
    Signature{"ptrt"sv, "a TensorRT engine, which is compiled for one kind of GPU", k_take},
    Signature{"ftrt"sv, "a TensorRT engine, which is compiled for one kind of GPU", k_take},
    Signature{"PAR1"sv, "a Parquet table", "name the checkpoint"},
    Signature{"SQLite format 3"sv, "a SQLite database", "name the checkpoint"},
    Signature{"\x93NUMPY"sv, "one numpy array (.npy)", "a checkpoint needs names: save a .npz, or safetensors"},
    Signature{"\x7f"
              "ELF"sv,
              "a program or shared library (ELF)", "name the checkpoint"},
    Signature{"\x89PNG"sv, "a PNG picture", "name the checkpoint"},
    Signature{"\xff\xd8\xff"sv, "a JPEG picture", "name the checkpoint"},
    Signature{"%PDF"sv, "a PDF document", "name the checkpoint"},
};

/// What other frameworks write, whose first bytes are those of many formats: by the file's name.
struct Ending {
  std::string_view ending;
  std::string_view what;
  std::string_view remedy;
};

constexpr auto k_of_tensorflow =
    "load it with TensorFlow (tf.train.load_checkpoint, tf.saved_model.load) and save the weights with safetensors"sv;

constexpr std::array k_endings{
    Ending{".onnx", "an ONNX model", "name the PyTorch checkpoint that it was exported from"},
    Ending{".msgpack", "a Flax checkpoint (msgpack)",
           "read it with flax.serialization.msgpack_restore and save the weights with safetensors, under PyTorch's names"},
    Ending{".index", "the index of a TensorFlow checkpoint", k_of_tensorflow},
    Ending{".pb", "a TensorFlow graph or SavedModel", k_of_tensorflow},
    Ending{".meta", "the graph of a TensorFlow checkpoint", k_of_tensorflow},
    Ending{".mlmodel", "a Core ML model", k_take},
    Ending{".engine", "a TensorRT engine, which is compiled for one kind of GPU", k_take},
    Ending{".plan", "a TensorRT engine, which is compiled for one kind of GPU", k_take},
    Ending{".param", "an ncnn network", k_take},
};

[[noreturn]] void refuse(const MappedFile& file, std::string what, std::string_view remedy) {
  throw Error(ErrorKind::unsupported, file.path().string(), "expected a checkpoint, found " + std::move(what),
              std::string(remedy));
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return result;
}

/// The size that a Git LFS pointer stands for (git-lfs, docs/spec.md).
std::optional<std::uint64_t> lfs_size(std::string_view text) {
  constexpr auto k_field = "\nsize "sv;
  const auto at = text.find(k_field);
  if (at == std::string_view::npos) return std::nullopt;
  const auto digits = text.substr(at + k_field.size());
  std::uint64_t size = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), size).ec != std::errc()) return std::nullopt;
  return size;
}

void refuse_lfs_pointer(const MappedFile& file, std::string_view head) {
  if (!head.starts_with("version https://git-lfs.github.com/spec/")) return;
  const auto size = lfs_size(head);
  const auto text = size ? fmt::format(" for a file of {} bytes", format_count(*size)) : std::string();
  refuse(file, fmt::format("a Git LFS pointer of {} bytes{}: the file itself was not fetched", file.size(), text),
         "run `git lfs pull` in the repository, or download the file itself");
}

void refuse_pickle(const MappedFile& file, std::string_view head) {
  const bool protocol = head.size() > 2 && head[0] == '\x80' && head[1] <= 5;
  if (!protocol) return;
  refuse(file, fmt::format("a pickle of protocol {} that torch.save did not write", static_cast<int>(head[1])),
         "it was made by pickle.dump (torch.load says \"Invalid magic number; corrupt file?\"): load it with "
         "pickle.load where it is trusted, and save it with torch.save");
}

void refuse_paddle(const MappedFile& file, std::string_view head) {
  const auto name = file.path().filename().string();
  const bool named = name.ends_with(".pdparams") || name.ends_with(".pdopt");
  if (!head.starts_with('\x80') || (!named && head.find("StructuredToParameterName@@") == std::string_view::npos)) return;
  refuse(file, "a checkpoint of PaddlePaddle (a pickle)",
         "read it with paddle.load where it is trusted, and save the weights with safetensors, under PyTorch's names and "
         "with its linear weights transposed");
}

/// LevelDB's magic number, at the end (leveldb, table/format.h).
bool is_tensorflow_index(const MappedFile& file) {
  constexpr auto k_magic = "\x57\xfb\x80\x8b\x24\x75\x47\xdb"sv;
  return as_text(file.bytes()).ends_with(k_magic);
}

/// Protocol buffers have no magic number. ModelProto begins with its version, and with who produced it or the graph.
bool is_onnx(std::string_view head) {
  constexpr char k_version = '\x08';
  constexpr char k_producer = '\x12';
  if (head.size() < 16 || head[0] != k_version || head[1] < 1 || head[1] > 20 || head[2] != k_producer) return false;
  const auto size = static_cast<std::size_t>(static_cast<unsigned char>(head[3]));
  if (size < 2 || size > 64 || head.size() < 5 + size) return false;
  const auto name = head.substr(4, size);
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_'; };
  return std::ranges::all_of(name, letter) && (head[4 + size] == '\x1a' || head[4 + size] == '\x3a');
}

bool has_sibling(const std::filesystem::path& path, std::string_view ending) {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::path(path).replace_extension(ending), ignored);
}

void refuse_other_frameworks(const MappedFile& file, std::string_view head) {
  const auto name = file.path().filename().string();
  if (is_onnx(head)) refuse(file, "an ONNX model", k_endings.front().remedy);
  if (head.size() > 8 && head.substr(4, 4) == "TFL3") refuse(file, "a TensorFlow Lite model", k_take);
  if (is_tensorflow_index(file)) refuse(file, "the index of a TensorFlow checkpoint", k_of_tensorflow);
  if (name.find(".data-000") != std::string::npos) refuse(file, "a TensorFlow checkpoint's data", k_of_tensorflow);
  if (name.ends_with(".bin") && has_sibling(file.path(), ".xml"))
    refuse(file, "what may be the weights of an OpenVINO model (an .xml lies beside it)", k_take);
  if (name.ends_with(".bin") && has_sibling(file.path(), ".param"))
    refuse(file, "what may be the weights of an ncnn network (a .param lies beside it)", k_take);
  const auto* const known =
      std::ranges::find_if(k_endings, [&](const Ending& row) { return lower_case(name).ends_with(row.ending); });
  if (known != k_endings.end())
    refuse(file, fmt::format("what its name says to be {}", known->what), known->remedy);
}

void refuse_tar(const MappedFile& file) {
  constexpr std::size_t k_magic_at = 257;  // POSIX ustar
  const auto text = as_text(file.bytes());
  if (text.size() > k_magic_at + 5 && text.substr(k_magic_at, 5) == "ustar") {
    refuse(file, "a tar archive", "unpack it and name the checkpoint inside (torch.save before 0.1.10 also wrote tar)");
  }
}

void refuse_text(const MappedFile& file, std::string_view head) {
  const auto start = head.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  const auto text = lower_case(start == std::string_view::npos ? head : head.substr(start));
  if (text.starts_with("<!doctype html") || text.starts_with("<html") || text.starts_with("<head")) {
    refuse(file, "a web page (HTML): the download gave an error or a login page instead of the file",
           "open the link in a browser, or download with the token that the site asks for");
  }
  // What `PK\3\4`, `80 02 8a 0a` and a short length before `{"` are in base64.
  if (head.starts_with("UEsDB") || head.starts_with("gAKKCmz8") || (head.size() > 12 && head.substr(10).starts_with("AAAHsi")))
    refuse(file, "a checkpoint in base64", "decode it first: base64 -d FILE > OUT");
  if (text.starts_with("<?xml") || text.starts_with('<'))
    refuse(file, "an XML or HTML text", "download the file again");
  const auto printable = [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\r' || c == '\t';
  };
  // The cut may fall inside a character of several bytes.
  const auto whole = head.substr(0, head.size() - std::min<std::size_t>(head.size() > 512 ? 4 : 0, head.size()));
  if (std::ranges::all_of(head, printable) && (is_utf8(whole) || is_utf8(head))) {
    refuse(file, fmt::format("a text that begins '{}'", escape_unprintable(head.substr(0, 40))), "name the checkpoint");
  }
}

}  // namespace

void refuse_content(const MappedFile& file) {
  const auto head = as_text(file.bytes().first(std::min<std::size_t>(file.size(), 1024)));
  if (head.empty()) refuse(file, "an empty file", "copy or download it again: nothing has arrived");
  refuse_lfs_pointer(file, head);
  for (const auto& signature : k_signatures) {
    if (head.starts_with(signature.bytes)) refuse(file, std::string(signature.what), signature.remedy);
  }
  refuse_tar(file);
  refuse_paddle(file, head);
  refuse_pickle(file, head);
  refuse_text(file, head);
  if (head.find_first_not_of('\0') == std::string_view::npos) {
    refuse(file, fmt::format("{} bytes that begin with zeros: a disk or a copy failed", format_count(file.size())),
           "copy or download it again");
  }
  refuse_other_frameworks(file, head);
  std::string hex;
  for (const char c : head.substr(0, 8)) hex += fmt::format("{:02x} ", static_cast<unsigned char>(c));
  refuse(file, fmt::format("a file of unknown kind that begins {}", hex.substr(0, hex.size() - 1)),
         "goldseal reads torch.save files, safetensors, TorchScript archives and Darknet weights");
}

}  // namespace goldseal

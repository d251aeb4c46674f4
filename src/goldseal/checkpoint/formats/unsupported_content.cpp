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
#include <optional>

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

constexpr std::array k_signatures{
    Signature{"PK\5\6"sv, "an empty zip archive", "take the file from its source again"},
    Signature{"\x1f\x8b"sv, "compressed by gzip", "gunzip it first; a `.pth.tar` of torch.save is not a tar archive"},
    Signature{"BZh"sv, "compressed by bzip2", k_unpack},
    Signature{"\xfd"
              "7zXZ\0"sv,
              "compressed by xz", k_unpack},
    Signature{"\x28\xb5\x2f\xfd"sv, "compressed by zstd", k_unpack},
    Signature{"7z\xbc\xaf\x27\x1c"sv, "a 7z archive",
              "torch.save writes none: distrust a checkpoint packed so; unpack it to look inside"},
    Signature{"Rar!"sv, "a rar archive", k_unpack},
    Signature{"\x89HDF\r\n\x1a\n"sv, "an HDF5 file (Keras weights, .h5)", k_export},
    Signature{"GGUF"sv, "a GGUF file (llama.cpp): weights packed in its own way",
              "take the checkpoint that it was made from; or dequantise it with the gguf package (GGUFReader, "
              "gguf.quants.dequantize) and save the weights with safetensors"},
    Signature{"\x93NUMPY"sv, "one numpy array (.npy)", "a checkpoint needs names: save a .npz, or safetensors"},
    Signature{"\x7f"
              "ELF"sv,
              "a program or shared library (ELF)", "name the checkpoint"},
    Signature{"\x89PNG"sv, "a PNG picture", "name the checkpoint"},
    Signature{"\xff\xd8\xff"sv, "a JPEG picture", "name the checkpoint"},
    Signature{"%PDF"sv, "a PDF document", "name the checkpoint"},
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
    if (head.starts_with(signature.bytes)) refuse(file, "a file " + std::string(signature.what), signature.remedy);
  }
  refuse_tar(file);
  refuse_pickle(file, head);
  refuse_text(file, head);
  if (head.find_first_not_of('\0') == std::string_view::npos) {
    refuse(file, fmt::format("{} bytes that begin with zeros: a disk or a copy failed", format_count(file.size())),
           "copy or download it again");
  }
  std::string hex;
  for (const char c : head.substr(0, 8)) hex += fmt::format("{:02x} ", static_cast<unsigned char>(c));
  refuse(file, fmt::format("a file of unknown kind that begins {}", hex.substr(0, hex.size() - 1)),
         "goldseal reads torch.save files, safetensors, TorchScript archives and Darknet weights");
}

}  // namespace goldseal

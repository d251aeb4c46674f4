// SPDX-License-Identifier: Apache-2.0
// Records of an archive that torch.jit.save wrote: `ROOT/code/…/NAME.py`, source in a small language whose names are
// Python's; `ROOT/data.pkl` and `ROOT/constants.pkl`, pickles whose objects of registered classes are named
// `__torch__.torch.classes.NAMESPACE` and NAME.
#include <goldseal/checkpoint/formats/torchscript_code.hpp>

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/zip/zip.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {
namespace {

// The last parts of the names in worker_libtorch/networks/refused_operators.hpp, and the classes of the same kinds. A
// value may be called under another name, but not reached without one of these words.
constexpr std::array<std::string_view, 14> k_words{
    "from_file", "save",     "fork",   "rpc_async", "rpc_sync",   "rpc_remote",       "c10d",
    "symm_mem",  "_dtensor", "_nnapi", "dist_rpc",  "debugprims", "_c10d_functional", "_c10d_functional_autograd"};
constexpr std::array<std::string_view, 6> k_plain_classes{"quantized", "sparse", "rnn", "xnnpack", "mkldnn", "cuda"};
constexpr std::string_view k_class_prefix = "torch.classes.";
constexpr std::string_view k_at_load = "__setstate__";
constexpr std::uint64_t k_most_code = 256ULL << 20U;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t begin = 0; begin < text.size();) {
    if (!is_letter(text[begin])) {
      ++begin;
      continue;
    }
    std::size_t end = begin;
    while (end < text.size() && is_letter(text[end])) ++end;
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

class CodeReader {
 public:
  explicit CodeReader(const std::filesystem::path& path)
      : m_path(path.string()), m_file(path), m_archive(read_zip(m_path, m_file.bytes())) {}

  void judge() {
    for (const auto& entry : m_archive.entries) {
      if (entry.name.ends_with(".py")) read_code(entry);
      if (entry.name.ends_with(".pkl")) judge_pickle(entry);
    }
    if (m_runs_at_load && !m_word.empty())
      refuse(fmt::format("runs code while it is loaded ({}), and names `{}`", k_at_load, m_word));
  }

 private:
  std::string text_of(const ZipEntry& entry) {
    m_read += entry.size;
    if (m_read > k_most_code)
      throw Error(ErrorKind::malformed, m_path, "the archive's code unpacks to more than any program has",
                  "take the file from its source again");
    return entry.deflated ? m_archive.unpack(entry) : std::string(as_text(m_archive.stored(entry)));
  }

  void read_code(const ZipEntry& entry) {
    const auto text = text_of(entry);
    for (const auto word : words_of(text)) {
      m_runs_at_load = m_runs_at_load || word == k_at_load;
      if (m_word.empty() && std::ranges::find(k_words, word) != k_words.end()) m_word = word;
    }
  }

  // A library's class takes its state by itself, without any code of the archive.
  void judge_pickle(const ZipEntry& entry) {
    const auto text = text_of(entry);
    for (auto at = text.find(k_class_prefix); at != std::string::npos; at = text.find(k_class_prefix, at + 1)) {
      const auto rest = std::string_view(text).substr(at + k_class_prefix.size());
      const auto end = std::ranges::find_if_not(rest, is_letter) - rest.begin();
      const auto space = rest.substr(0, static_cast<std::size_t>(end));
      if (std::ranges::find(k_plain_classes, space) == k_plain_classes.end())
        refuse(fmt::format("holds an object of {}{}, which does more than compute", k_class_prefix,
                           escape_unprintable(space.substr(0, 64))));
    }
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorKind::unsupported, m_path, fmt::format("the archive {}", what),
                "let it with --trust-code, if you trust where the archive comes from");
  }

  std::string m_path;
  MappedFile m_file;
  ZipArchive m_archive;
  bool m_runs_at_load = false;
  std::string m_word;
  std::uint64_t m_read = 0;
};

}  // namespace

void refuse_code_at_load(const std::filesystem::path& archive) { CodeReader(archive).judge(); }

}  // namespace goldseal

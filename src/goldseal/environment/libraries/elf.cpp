// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/libraries/elf.hpp>

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/bytes/checked.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/environment/shared/version.hpp>

#include <elf.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <map>

namespace goldseal {
namespace {

static_assert(std::endian::native == std::endian::little, "the structs of elf.h are read as they lie in the file");

class ElfReader {
 public:
  ElfReader(const std::string& name, std::span<const std::byte> bytes) : m_name(name), m_bytes(bytes) {}

  ElfFile read();

 private:
  // The struct at this offset of the file.
  template <typename T>
  [[nodiscard]] T at(std::uint64_t offset) const {
    if (!extent_fits(offset, sizeof(T), m_bytes.size())) fail();
    T value{};
    std::memcpy(&value, m_bytes.data() + offset, sizeof(T));
    return value;
  }
  [[noreturn]] void fail() const { throw Error(ErrorKind::malformed, m_name, "expected an ELF file"); }
  [[nodiscard]] std::uint64_t file_offset(std::uint64_t address) const;
  [[nodiscard]] std::string name_at(std::uint64_t index) const;
  void read_segments();
  void read_dynamic();
  void read_defined(ElfFile& file) const;
  void read_needed(ElfFile& file) const;
  void read_notes(ElfFile& file) const;
  [[nodiscard]] std::optional<std::uint64_t> tag(Elf64_Sxword name) const;

  const std::string& m_name;
  std::span<const std::byte> m_bytes;
  std::vector<Elf64_Phdr> m_segments;
  std::multimap<Elf64_Sxword, std::uint64_t> m_dynamic;
  std::uint64_t m_strings = 0;
};

std::uint64_t ElfReader::file_offset(std::uint64_t address) const {
  for (const auto& segment : m_segments) {
    if (segment.p_type == PT_LOAD && address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_filesz)
      return segment.p_offset + (address - segment.p_vaddr);
  }
  fail();
}

std::string ElfReader::name_at(std::uint64_t index) const {
  const auto begin = checked_add(m_strings, index);
  if (!begin || *begin >= m_bytes.size()) fail();
  const auto text = as_text(m_bytes.subspan(*begin));
  const auto end = text.substr(0, 4096).find('\0');
  if (end == std::string_view::npos) fail();
  return std::string(text.substr(0, end));
}

void ElfReader::read_segments() {
  const auto header = at<Elf64_Ehdr>(0);
  const bool is_elf = std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_ident[EI_CLASS] == ELFCLASS64 &&
                      header.e_ident[EI_DATA] == ELFDATA2LSB && header.e_phentsize == sizeof(Elf64_Phdr);
  if (!is_elf) fail();
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    const auto offset = checked_add(header.e_phoff, std::uint64_t{i} * sizeof(Elf64_Phdr));
    if (!offset) fail();
    m_segments.push_back(at<Elf64_Phdr>(*offset));
  }
}

void ElfReader::read_dynamic() {
  for (const auto& segment : m_segments) {
    if (segment.p_type != PT_DYNAMIC) continue;
    for (std::uint64_t i = 0; i < segment.p_filesz / sizeof(Elf64_Dyn); ++i) {
      const auto entry = at<Elf64_Dyn>(segment.p_offset + i * sizeof(Elf64_Dyn));
      if (entry.d_tag == DT_NULL) return;
      m_dynamic.emplace(entry.d_tag, entry.d_un.d_val);
    }
  }
}

std::optional<std::uint64_t> ElfReader::tag(Elf64_Sxword name) const {
  const auto found = m_dynamic.find(name);
  return found == m_dynamic.end() ? std::nullopt : std::optional(found->second);
}

void ElfReader::read_defined(ElfFile& file) const {
  const auto table = tag(DT_VERDEF);
  if (!table) return;
  auto offset = file_offset(*table);
  for (std::uint64_t left = tag(DT_VERDEFNUM).value_or(0); left > 0; --left) {
    const auto entry = at<Elf64_Verdef>(offset);
    const auto name = at<Elf64_Verdaux>(offset + entry.vd_aux);
    if ((entry.vd_flags & VER_FLG_BASE) == 0) file.versions_defined.push_back(name_at(name.vda_name));
    if (entry.vd_next == 0) return;
    offset += entry.vd_next;
  }
}

void ElfReader::read_needed(ElfFile& file) const {
  const auto table = tag(DT_VERNEED);
  if (!table) return;
  auto offset = file_offset(*table);
  for (std::uint64_t left = tag(DT_VERNEEDNUM).value_or(0); left > 0; --left) {
    const auto entry = at<Elf64_Verneed>(offset);
    auto name_offset = offset + entry.vn_aux;
    for (unsigned names = entry.vn_cnt; names > 0; --names) {
      const auto name = at<Elf64_Vernaux>(name_offset);
      file.versions_needed.push_back(name_at(name.vna_name));
      if (name.vna_next == 0) break;
      name_offset += name.vna_next;
    }
    if (entry.vn_next == 0) return;
    offset += entry.vn_next;
  }
}

// Each note is a head, a name and a text, the last two padded to the segment's alignment.
void ElfReader::read_notes(ElfFile& file) const {
  for (const auto& segment : m_segments) {
    if (segment.p_type != PT_NOTE) continue;
    const std::uint64_t align = segment.p_align == 8 ? 8 : 4;
    const auto padded = [&](std::uint64_t size) { return (size + align - 1) / align * align; };
    if (!extent_fits(segment.p_offset, segment.p_filesz, m_bytes.size())) fail();
    for (std::uint64_t at_byte = 0; at_byte + sizeof(Elf64_Nhdr) <= segment.p_filesz;) {
      const auto head = at<Elf64_Nhdr>(segment.p_offset + at_byte);
      const auto name = at_byte + sizeof(Elf64_Nhdr);
      const auto text = name + padded(head.n_namesz);
      if (text + head.n_descsz > segment.p_filesz) return;
      const auto string = [&](std::uint64_t begin, std::uint64_t size) {
        const auto whole = as_text(m_bytes.subspan(segment.p_offset + begin, size));
        return std::string(whole.substr(0, whole.find('\0')));
      };
      file.notes.push_back({string(name, head.n_namesz), head.n_type, string(text, head.n_descsz)});
      at_byte = text + padded(head.n_descsz);
    }
  }
}

ElfFile ElfReader::read() {
  read_segments();
  read_dynamic();
  ElfFile file;
  read_notes(file);
  const auto strings = tag(DT_STRTAB);
  if (!strings) return file;  // a static program
  m_strings = file_offset(*strings);
  if (const auto soname = tag(DT_SONAME)) file.soname = name_at(*soname);
  const auto [begin, end] = m_dynamic.equal_range(DT_NEEDED);
  for (auto entry = begin; entry != end; ++entry) file.needed.push_back(name_at(entry->second));
  if (const auto path = tag(DT_RUNPATH) ? tag(DT_RUNPATH) : tag(DT_RPATH)) {
    const auto directories = name_at(*path);
    for (const auto part : split(directories, ':')) file.search_path.emplace_back(part);
  }
  read_defined(file);
  read_needed(file);
  return file;
}

}  // namespace

std::optional<ElfFile> read_elf(const std::filesystem::path& path) {
  try {
    const MappedFile file(path);
    return ElfReader(path.string(), file.bytes()).read();
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<std::string> newest_version(std::span<const std::string> versions, std::string_view prefix) {
  std::optional<Version> newest;
  std::optional<std::string> text;
  for (const auto& name : versions) {
    if (!name.starts_with(prefix)) continue;
    const auto version = parse_version(std::string_view(name).substr(prefix.size()));
    if (!version || (newest && *version <= *newest)) continue;
    newest = version;
    text = name.substr(prefix.size());
  }
  return text;
}

}  // namespace goldseal

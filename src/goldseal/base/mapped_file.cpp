// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/mapped_file.hpp>

#include <goldseal/base/byte_reader.hpp>
#include <goldseal/base/error.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace goldseal {
namespace {

std::int64_t change_time_ns(const struct stat& info) {
  return static_cast<std::int64_t>(info.st_ctim.tv_sec) * 1'000'000'000 + info.st_ctim.tv_nsec;
}

[[noreturn]] void refuse_kind(const std::filesystem::path& path, mode_t mode) {
  const char* kind = S_ISDIR(mode) ? "a directory" : "not a regular file";
  throw Error(ErrorKind::io, path.string(), fmt::format("expected a file, found {}", kind),
              S_ISDIR(mode) ? "name the file inside it" : "");
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : m_path(path) {
  m_descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (m_descriptor < 0) throw system_error(path.string(), "open the file", errno);
  struct stat info {};
  if (::fstat(m_descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(m_descriptor);
    refuse_kind(path, info.st_mode);
  }
  m_size = static_cast<std::size_t>(info.st_size);
  m_changed_ns = change_time_ns(info);
  if (m_size == 0) return;  // mmap refuses an empty range
  void* const data = ::mmap(nullptr, m_size, PROT_READ, MAP_SHARED, m_descriptor, 0);
  if (data == MAP_FAILED) {
    const int reason = errno;
    ::close(m_descriptor);
    throw system_error(path.string(), "map the file", reason);
  }
  m_data = static_cast<const std::byte*>(data);
}

MappedFile::~MappedFile() {
  if (m_data != nullptr) ::munmap(const_cast<std::byte*>(m_data), m_size);
  if (m_descriptor >= 0) ::close(m_descriptor);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : m_path(std::move(other.m_path)),
      m_data(std::exchange(other.m_data, nullptr)),
      m_size(std::exchange(other.m_size, 0)),
      m_descriptor(std::exchange(other.m_descriptor, -1)),
      m_changed_ns(other.m_changed_ns) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(m_path, other.m_path);
  std::swap(m_data, other.m_data);
  std::swap(m_size, other.m_size);
  std::swap(m_descriptor, other.m_descriptor);
  std::swap(m_changed_ns, other.m_changed_ns);
  return *this;
}

bool MappedFile::unchanged() const {
  struct stat info {};
  return ::fstat(m_descriptor, &info) == 0 && static_cast<std::size_t>(info.st_size) == m_size &&
         change_time_ns(info) == m_changed_ns;
}

std::string read_text_file(const std::filesystem::path& path, std::uint64_t limit) {
  const MappedFile file(path);
  if (file.size() > limit) {
    throw Error(ErrorKind::malformed, path.string(),
                fmt::format("expected at most {} bytes, found {}", limit, file.size()));
  }
  return std::string(as_text(file.bytes()));
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/output_file.hpp>

#include <goldseal/base/atomic_write.hpp>
#include <goldseal/base/byte_reader.hpp>
#include <goldseal/base/error.hpp>
#include <goldseal/base/interrupt.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace goldseal {
namespace {

// What is written at a time: the disk begins with it, and a request to stop is heard.
constexpr std::size_t k_stretch = std::size_t{16} << 20U;

std::filesystem::path parent_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : ".";
}

}  // namespace

OutputFile::OutputFile(std::filesystem::path path, bool replace, Durability durability)
    : m_path(std::move(path)), m_durability(durability) {
  if (!replace && std::filesystem::exists(std::filesystem::symlink_status(m_path))) {
    throw Error(ErrorKind::usage, m_path.string(), "exists already", "give --force to replace it, or another -o");
  }
  if (is_device_or_pipe(m_path))
    throw Error(ErrorKind::usage, m_path.string(), "expected a file or nothing, found a device or pipe",
                "give another -o");
  m_temporary = parent_of(m_path) / fmt::format(".{}.{}.partial", m_path.filename().string(), ::getpid());
  ::unlink(m_temporary.c_str());  // of a process with our number that was killed
  m_descriptor = ::open(m_temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (m_descriptor < 0) throw system_error(m_path.string(), "create the file", errno);
}

OutputFile::~OutputFile() {
  if (m_descriptor < 0) return;
  ::close(m_descriptor);
  ::unlink(m_temporary.c_str());
}

void OutputFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    throw_if_interrupted();
    const auto written = ::write(m_descriptor, bytes.data(), std::min<std::size_t>(bytes.size(), k_stretch));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw system_error(m_path.string(), "write the file", errno, "free space there and run again");
    m_size += static_cast<std::uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    begin_writeback();
  }
}

void OutputFile::begin_writeback() {
  if (m_durability == Durability::none || m_size - m_writeback < k_stretch) return;
  // Advice: where a file system has no such call, fsync at the end does all of it.
  (void)::sync_file_range(m_descriptor, static_cast<off_t>(m_writeback), static_cast<off_t>(m_size - m_writeback),
                          SYNC_FILE_RANGE_WRITE);
  m_writeback = m_size;
}

void OutputFile::write(std::string_view bytes) { write(as_bytes(bytes)); }

void OutputFile::commit() {
  throw_if_interrupted();
  const bool sync = m_durability == Durability::synced;
  if (sync && ::fsync(m_descriptor) != 0) throw system_error(m_path.string(), "sync the file", errno);
  throw_if_interrupted();
  if (::rename(m_temporary.c_str(), m_path.c_str()) != 0)
    throw system_error(m_path.string(), "put the file in its place", errno);
  ::close(std::exchange(m_descriptor, -1));
  if (!sync) return;
  // The rename itself lasts only when its directory is on the disk; where that cannot be synced, it is as safe as can
  // be.
  const int directory = ::open(parent_of(m_path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return;
  (void)::fsync(directory);
  ::close(directory);
}

}  // namespace goldseal

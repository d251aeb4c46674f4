// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/atomic_write.hpp>

#include <goldseal/base/error.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif

namespace goldseal {
namespace {

namespace fs = std::filesystem;

fs::path parent_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

void write_all(int descriptor, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    // One call takes at most 2 GiB on Linux.
    const auto written = ::write(descriptor, bytes.data(), std::min<std::size_t>(bytes.size(), 1U << 30));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw system_error(path.string(), "write the file", errno, "free space there and run again");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void write_new_file(const fs::path& path, std::string_view bytes) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0) throw system_error(path.string(), "create the file", errno);
  try {
    write_all(descriptor, bytes, path);
    if (::fsync(descriptor) != 0) throw system_error(path.string(), "sync the file", errno);
  } catch (...) {
    ::close(descriptor);
    ::unlink(path.c_str());
    throw;
  }
  if (::close(descriptor) != 0) throw system_error(path.string(), "close the file", errno);
}

// /dev/null, /dev/stdout, a pipe with a name: nobody wants a file in its place.
void write_through(const fs::path& path, std::string_view bytes) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) throw system_error(path.string(), "open the file", errno);
  try {
    write_all(descriptor, bytes, path);
  } catch (...) {
    ::close(descriptor);
    throw;
  }
  ::close(descriptor);
}

// /dev/stdout where it was led into a file: what is in that file already must stay, and so must what comes after.
// Nothing where the path is no stream of this process.
std::optional<int> own_stream(const fs::path& path) {
  struct stat there {};
  if (::stat(path.c_str(), &there) != 0) return std::nullopt;
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat here {};
    if (::fstat(stream, &here) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino) return stream;
  }
  return std::nullopt;
}

// The file that a link leads to; a link to nothing is itself replaced.
fs::path without_link(const fs::path& path) {
  std::error_code error;
  if (!fs::is_symlink(fs::symlink_status(path, error))) return path;
  auto target = fs::canonical(path, error);
  return error ? path : target;
}

void sync_directory(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) throw system_error(path.string(), "open the directory", errno);
  const int failed = ::fsync(descriptor);
  const int reason = errno;
  ::close(descriptor);
  // Some file systems cannot sync a directory and say so with EINVAL; the rename itself is as safe as they make it.
  if (failed != 0 && reason != EINVAL) throw system_error(path.string(), "sync the directory", reason);
}

std::string staging_name(const fs::path& target) {
  return fmt::format(".{}.{}.partial", target.filename().string(), ::getpid());
}

}  // namespace

bool is_device_or_pipe(const fs::path& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  return fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  if (const auto stream = own_stream(path)) {
    std::fflush(nullptr);  // what was printed before comes before
    return write_all(*stream, bytes, path);
  }
  if (is_device_or_pipe(path)) return write_through(path, bytes);
  const auto target = without_link(path);
  const auto temporary = parent_of(target) / staging_name(target);
  write_new_file(temporary, bytes);
  if (::rename(temporary.c_str(), target.c_str()) != 0) {
    const int reason = errno;
    ::unlink(temporary.c_str());
    throw system_error(path.string(), "put the file in its place", reason);
  }
  sync_directory(parent_of(target));
}

AtomicDirectory::AtomicDirectory(fs::path target, Existing existing)
    : m_target(std::move(target)), m_existing(existing) {
  while (!m_target.has_filename() && m_target.has_relative_path()) m_target = m_target.parent_path();
  if (existing == Existing::refuse && fs::exists(fs::symlink_status(m_target))) {
    throw Error(ErrorKind::usage, m_target.string(), "exists already", "give --force to replace it, or another -o");
  }
  if (is_device_or_pipe(m_target))
    throw Error(ErrorKind::usage, m_target.string(), "expected a directory or nothing, found a device or pipe",
                "give another -o");
  m_staging = parent_of(m_target) / staging_name(m_target);
  std::error_code ignored;
  fs::remove_all(m_staging, ignored);  // of a process with our number that was killed
  if (::mkdir(m_staging.c_str(), 0755) != 0) throw system_error(m_staging.string(), "create the directory", errno);
}

AtomicDirectory::~AtomicDirectory() {
  std::error_code ignored;
  if (!m_committed) fs::remove_all(m_staging, ignored);
}

void AtomicDirectory::write(std::string_view name, std::string_view bytes) const {
  write_new_file(m_staging / name, bytes);
}

void AtomicDirectory::commit() {
  sync_directory(m_staging);
  const bool exists = fs::exists(fs::symlink_status(m_target));
  if (exists && m_existing == Existing::refuse) {
    throw Error(ErrorKind::usage, m_target.string(), "appeared while this run was at work",
                "give --force to replace it");
  }
  // Exchanging the two names leaves no moment without a seal; what was there before is then ours to remove.
  const int failed = exists ? ::renameat2(AT_FDCWD, m_staging.c_str(), AT_FDCWD, m_target.c_str(), RENAME_EXCHANGE)
                            : ::rename(m_staging.c_str(), m_target.c_str());
  if (failed != 0) throw system_error(m_target.string(), "put the directory in its place", errno);
  m_committed = true;
  sync_directory(parent_of(m_target));
  std::error_code ignored;
  if (exists) fs::remove_all(m_staging, ignored);
}

TemporaryDirectory::TemporaryDirectory() {
  auto pattern = (fs::temp_directory_path() / "goldseal-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw system_error(pattern, "create a private directory", errno);
  m_path = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(m_path, ignored);
}

}  // namespace goldseal

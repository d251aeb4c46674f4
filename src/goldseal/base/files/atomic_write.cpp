// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/files/atomic_write.hpp>

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/files/pipe_output.hpp>
#include <goldseal/base/files/protected_paths.hpp>
#include <goldseal/base/files/staging.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/running/interrupt.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <utility>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

// What is written at a time: the disk begins with it, and a request to stop is heard.
constexpr std::size_t k_stretch = std::size_t{16} << 20U;
constexpr std::string_view k_free_space = "free space there and run again";
constexpr std::string_view k_other_output = "give --force to replace it, or another -o";

// The kernel says EFAULT of a mapped file that was cut short, where a touch raises SIGBUS: see mapping_guard.hpp.
void touch(std::span<const std::byte> bytes) {
  constexpr std::size_t k_page = 4096;
  for (std::size_t i = 0; i < bytes.size(); i += k_page) static_cast<void>(*(const_cast<const volatile std::byte*>(bytes.data()) + i));
  throw_if_interrupted();
  errno = EFAULT;
}

std::size_t write_some(int descriptor, std::span<const std::byte> bytes, const fs::path& path) {
  const auto count = std::min(bytes.size(), k_stretch);
  const auto written = retried([&] { return ::write(descriptor, bytes.data(), count); });
  if (written < 0 && errno == EFAULT) touch(bytes.first(count));
  if (written < 0) throw system_error(path.string(), "write the file", errno, std::string(k_free_space));
  return static_cast<std::size_t>(written);
}

void write_all(int descriptor, std::span<const std::byte> bytes, const fs::path& path) {
  while (!bytes.empty()) bytes = bytes.subspan(write_some(descriptor, bytes, path));
}

// Synced and closed, so that what NFS tells at the end is heard before anything is replaced.
void finish_file(Descriptor& file, Durability durability, const fs::path& path) {
  if (durability == Durability::synced && retried([&] { return ::fsync(file.get()); }) != 0)
    throw system_error(path.string(), "sync the file", errno, std::string(k_free_space));
  if (!file.close()) throw system_error(path.string(), "close the file", errno, std::string(k_free_space));
}

// /dev/stdout where it was led into a file: what is in that file already must stay, and so must what comes after.
// Nothing where the path is not a stream of this process.
std::optional<int> own_stream(const fs::path& path) {
  struct stat there {};
  if (::stat(path.c_str(), &there) != 0) return std::nullopt;
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat here {};
    if (::fstat(stream, &here) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino) return stream;
  }
  return std::nullopt;
}

bool is_there(const fs::path& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

Descriptor open_parent(const fs::path& target) {
  auto parent = staging::open_directory(staging::parent_of(target));
  // A directory that may be written to and not listed cannot be synced either.
  if (parent.get() < 0 && errno != EACCES)
    throw system_error(staging::parent_of(target).string(), "open the directory", errno);
  return parent;
}

[[noreturn]] void refuse_existing(const fs::path& path, std::string_view what) {
  throw Error(ErrorKind::usage, path.string(), std::string(what), std::string(k_other_output));
}

constexpr std::string_view k_appeared = "appeared while this run was at work";
// OverlayFS moves no directory that comes from a lower layer (EXDEV).
constexpr std::string_view k_image_directory =
    "a directory of a container's image cannot be moved: remove it, or give another -o";

// The disk may lack the renaming: either is whole, and the new one is what everybody sees.
[[noreturn]] void throw_unsynced(const fs::path& path, int reason) {
  throw system_error(path.string(),
                     "sync its directory (the new one is in place and whole; a power cut could undo that)", reason,
                     "look at the disk, then run again");
}

[[noreturn]] void throw_unplaced(const fs::path& path, int reason, std::string remedy = {}) {
  const auto* const action = is_there(path) ? "put the new one in its place (the old one is there as it was)"
                                            : "put it in its place (nothing was written)";
  throw system_error(path.string(), action, reason, std::move(remedy));
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
    return write_all(*stream, as_bytes(bytes), path);
  }
  // /dev/null, a pipe with a name: nobody wants a file in its place.
  if (is_device_or_pipe(path)) return write_to_pipe_or_device(path, as_bytes(bytes));
  OutputFile file(path, Existing::replace);
  file.write(bytes);
  file.commit();
}

OutputFile::OutputFile(fs::path path, Existing existing, Durability durability)
    : m_path(std::move(path)),
      m_target(staging::without_link(m_path)),
      m_existing(existing),
      m_durability(durability) {
  if (existing == Existing::refuse && is_there(m_path)) refuse_existing(m_path, "exists already");
  struct stat there {};
  const bool found = ::stat(m_target.c_str(), &there) == 0;
  if (found && !S_ISREG(there.st_mode))
    throw Error(ErrorKind::usage, m_path.string(),
                fmt::format("expected a file or nothing, found a {}", S_ISDIR(there.st_mode) ? "directory" : "device or pipe"),
                "name another output");
  m_parent = open_parent(m_target);
  m_staging = staging::beside(m_target, m_path, [this](const char* name) {
    m_file = Descriptor(::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    return m_file.get();
  });
  // Advice: whoever could not read the old file is not to read the new one.
  if (found) static_cast<void>(::fchmod(m_file.get(), there.st_mode & 0777));
}

OutputFile::~OutputFile() {
  static_cast<void>(m_file.close());
  if (!m_committed) static_cast<void>(staging::remove_whole(m_staging));
}

void OutputFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    throw_if_interrupted();
    const auto written = write_some(m_file.get(), bytes, m_path);
    m_size += written;
    bytes = bytes.subspan(written);
    begin_writeback();
  }
}

// Lets the disk begin with what was written, so that fsync finds little left to do.
void OutputFile::begin_writeback() {
  if (m_durability == Durability::none || m_size - m_writeback < k_stretch) return;
  // Advice: on file systems without this call, fsync at the end does all of it.
  (void)::sync_file_range(m_file.get(), static_cast<off_t>(m_writeback), static_cast<off_t>(m_size - m_writeback),
                          SYNC_FILE_RANGE_WRITE);
  m_writeback = m_size;
}

void OutputFile::write(std::string_view bytes) { write(as_bytes(bytes)); }

void OutputFile::commit() {
  throw_if_interrupted();
  finish_file(m_file, m_durability, m_path);
  throw_if_interrupted();
  put_in_place();
  m_committed = true;
  if (m_durability == Durability::synced && !staging::sync_directory(m_parent)) throw_unsynced(m_path, errno);
}

void OutputFile::put_in_place() {
  if (m_existing == Existing::replace) {
    if (staging::rename_over(m_staging, m_target)) return;
    throw_unplaced(m_path, errno);
  }
  if (staging::rename_new(m_staging, m_target)) return;
  if (errno == EEXIST) refuse_existing(m_path, k_appeared);
  throw_unplaced(m_path, errno);
}

AtomicDirectory::AtomicDirectory(fs::path target, MayReplace may_replace)
    : m_path(std::move(target)), m_may_replace(std::move(may_replace)) {
  while (!m_path.has_filename() && m_path.has_relative_path()) m_path = m_path.parent_path();
  m_target = staging::without_link(m_path);
  require_replaceable();
  m_parent = open_parent(m_target);
  m_staging = staging::beside(m_target, m_path, [](const char* name) { return ::mkdir(name, 0755); });
  m_directory = staging::open_directory(m_staging);
  if (m_directory.get() >= 0) return;
  const int reason = errno;
  static_cast<void>(::rmdir(m_staging.c_str()));  // empty, and where descriptors are short there is none to list it by
  throw system_error(m_path.string(), "open the directory", reason);
}

AtomicDirectory::~AtomicDirectory() {
  // Listing what is to be removed takes a descriptor, of which there may be none else.
  static_cast<void>(m_directory.close());
  if (!m_committed) static_cast<void>(staging::remove_whole(m_staging));
}

void AtomicDirectory::require_replaceable() const {
  if (!is_there(m_path)) return;
  if (!m_may_replace) refuse_existing(m_path, "exists already");
  if (!fs::is_directory(m_target))
    throw Error(ErrorKind::usage, m_path.string(),
                fmt::format("expected a directory or nothing, found a {}",
                            is_device_or_pipe(m_target) ? "device or pipe" : "file"),
                "give another -o");
  require_movable(m_target);
  m_may_replace(m_target);
}

void AtomicDirectory::write(std::string_view name, std::string_view bytes) const {
  const auto path = m_staging / name;
  Descriptor file(retried([&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644); }));
  if (file.get() < 0) throw system_error(m_path.string(), fmt::format("create {} in it", name), errno);
  write_all(file.get(), as_bytes(bytes), m_path);
  finish_file(file, Durability::synced, m_path);
}

void AtomicDirectory::commit() {
  throw_if_interrupted();
  if (!staging::sync_directory(m_directory)) throw system_error(m_path.string(), "sync the directory", errno);
  if (!m_may_replace && is_there(m_path)) refuse_existing(m_path, k_appeared);
  require_replaceable();
  put_in_place();
  m_committed = true;
  finish_replacement();
}

void AtomicDirectory::put_in_place() {
  if (!is_there(m_target)) {
    if (staging::rename_new(m_staging, m_target)) return;
    if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
      throw_unplaced(m_path, errno);
    if (!m_may_replace) refuse_existing(m_path, k_appeared);
    require_replaceable();
  }
  exchange();
}

// Leaves no moment without a directory in the place. What was there before is then ours to remove, where it is still
// what was looked at before.
void AtomicDirectory::exchange() {
  if (!staging::exchange(m_staging, m_target)) {
    if (staging::is_missing_call(errno)) return move_aside();
    throw_unplaced(m_path, errno, errno == EXDEV ? std::string(k_image_directory) : std::string());
  }
  try {
    m_may_replace(m_staging);
  } catch (const Error& error) {
    if (!staging::exchange(m_staging, m_target)) m_committed = true;  // it stays where it is: removing it would lose it
    if (error.kind() == ErrorKind::usage) refuse_existing(m_path, k_appeared);
    throw;
  }
  m_old = m_staging;
}

// For file systems that exchange nothing: for a moment there is neither, and a failure puts the old one back.
void AtomicDirectory::move_aside() {
  m_old = staging::beside(m_target, m_path, [this](const char* name) {
    return staging::rename_new(m_target, name) ? 0 : -1;
  });
  try {
    m_may_replace(m_old);  // still what was looked at before
  } catch (const Error& error) {
    static_cast<void>(staging::rename_new(m_old, m_target));
    if (error.kind() == ErrorKind::usage) refuse_existing(m_path, k_appeared);
    throw;
  }
  if (staging::rename_new(m_staging, m_target)) return;
  const int reason = errno;
  if (staging::rename_over(m_old, m_target)) throw_unplaced(m_path, reason);
  throw system_error(m_path.string(), fmt::format("put it in its place (the old one lies at {})", m_old.string()),
                     reason, "move the old one back");
}

void AtomicDirectory::finish_replacement() {
  const bool synced = staging::sync_directory(m_parent);
  const int reason = errno;
  const bool removed = m_old.empty() || staging::remove_whole(m_old);
  if (!removed)
    throw system_error(m_path.string(),
                       fmt::format("remove the old one, which lies at {} (the new one is in place and whole)",
                                   m_old.string()),
                       errno, "remove it");
  if (!synced) throw_unsynced(m_path, reason);
}

}  // namespace goldseal

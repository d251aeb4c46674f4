// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/files/mapped_file.hpp>

#include <goldseal/base/files/descriptor.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/running/interrupt.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <thread>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

// More than a tick of any kernel (100 Hz at the least).
constexpr std::int64_t k_tick_ns = 20'000'000;
constexpr int k_look_ms = 100;  // how often a request to stop is looked for while a pipe says nothing

[[noreturn]] void refuse_kind(const std::filesystem::path& path, mode_t mode) {
  const bool flows = S_ISFIFO(mode) || S_ISSOCK(mode);
  const char* kind = S_ISDIR(mode)    ? "a directory"
                     : S_ISFIFO(mode) ? "a pipe, not a regular file"
                     : S_ISSOCK(mode) ? "a socket, not a regular file"
                     : S_ISBLK(mode)  ? "a disk or a partition, not a regular file"
                                      : "a device such as /dev/zero, not a regular file";
  throw Error(ErrorKind::io, path.string(), fmt::format("expected a file, found {}", kind),
              S_ISDIR(mode) ? "name the file inside it"
              : flows       ? "write what comes through it to a file, and name that"
              : S_ISBLK(mode)
                  ? "mount it and name the file on it, or copy it to a file"
                  : "name the file that holds the weights; what a device gives has no end and changes from read to read");
}

std::int64_t now_ns() {
  struct timespec now {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

struct Opened {
  Descriptor descriptor;
  struct stat info {};
};

Opened open_for_reading(int directory, const std::string& name, const std::filesystem::path& path) {
  Opened file;
  file.descriptor = Descriptor(
      retried([&] { return ::openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); }));
  if (file.descriptor.get() < 0) throw system_error(path.string(), "open the file", errno);
  if (retried([&] { return ::fstat(file.descriptor.get(), &file.info); }) != 0)
    throw system_error(path.string(), "look at the file", errno);
  return file;
}

// A pipe may have nothing yet.
void await_bytes(int descriptor) {
  pollfd polled{descriptor, POLLIN, 0};
  for (;;) {
    throw_if_interrupted();
    const int ready = ::poll(&polled, 1, k_look_ms);
    if (ready > 0 || (ready < 0 && errno != EINTR)) return;
  }
}

// A file of /proc has bytes, or an error in their place, and no size.
void refuse_unsized(const Opened& file, const std::filesystem::path& path) {
  char first = 0;
  if (retried([&] { return ::read(file.descriptor.get(), &first, 1); }) == 0) return;
  throw Error(ErrorKind::io, path.string(), "expected a file on a disk, found one that has no size, as those of /proc",
              "copy it to a disk, and name the copy");
}

std::string read_all(const Opened& file, const std::filesystem::path& path, std::uint64_t limit) {
  std::string text;
  std::vector<char> buffer(64U << 10U);  // not on the stack, which a limit may hold under 64 KiB
  const bool waits = !S_ISREG(file.info.st_mode);
  for (;;) {
    if (waits) await_bytes(file.descriptor.get());
    const auto count = retried([&] { return ::read(file.descriptor.get(), buffer.data(), buffer.size()); });
    if (count < 0 && errno == EAGAIN) continue;
    if (count < 0) throw system_error(path.string(), "read the file", errno);
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > limit)
      throw Error(ErrorKind::malformed, path.string(),
                  fmt::format("expected at most {} bytes, found more", limit));
  }
}

}  // namespace

FileState state_of(const struct ::stat& info) {
  return {info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_size),
          static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec};
}

FileState state_of(const std::filesystem::path& path) {
  struct stat info {};
  return retried([&] { return ::stat(path.c_str(), &info); }) == 0 ? state_of(info) : FileState{};
}

Error changed_while_read(const std::filesystem::path& path) {
  return {ErrorKind::changed, path.string(), "it was changed or replaced while it was read",
          "run again when nothing writes to it"};
}

MappedFile::MappedFile(const std::filesystem::path& path) : m_path(path) { map(AT_FDCWD, path.string()); }

MappedFile::MappedFile(int directory, const std::string& name, std::filesystem::path path) : m_path(std::move(path)) {
  map(directory, name);
}

void MappedFile::map(int directory, const std::string& name) {
  const auto file = open_for_reading(directory, name, m_path);
  if (!S_ISREG(file.info.st_mode)) refuse_kind(m_path, file.info.st_mode);
  m_state = state_of(file.info);
  m_opened_ns = now_ns();
  m_size = static_cast<std::size_t>(file.info.st_size);
  if (m_size == 0) return refuse_unsized(file, m_path);  // mmap refuses an empty range
  void* data = MAP_FAILED;
  do {
    data = ::mmap(nullptr, m_size, PROT_READ, MAP_SHARED, file.descriptor.get(), 0);
  } while (data == MAP_FAILED && errno == EINTR);
  if (data == MAP_FAILED) throw system_error(m_path.string(), "map the file", errno);
  m_data = static_cast<const std::byte*>(data);
  m_guard = std::make_unique<MappingGuard>(m_data, m_size, m_path.string());
}

MappedFile::~MappedFile() {
  m_guard.reset();  // before another mapping may take its place
  if (m_data != nullptr) ::munmap(const_cast<std::byte*>(m_data), m_size);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : m_path(std::move(other.m_path)),
      m_data(std::exchange(other.m_data, nullptr)),
      m_size(std::exchange(other.m_size, 0)),
      m_state(other.m_state),
      m_opened_ns(other.m_opened_ns),
      m_guard(std::move(other.m_guard)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(m_path, other.m_path);
  std::swap(m_data, other.m_data);
  std::swap(m_size, other.m_size);
  std::swap(m_state, other.m_state);
  std::swap(m_opened_ns, other.m_opened_ns);
  std::swap(m_guard, other.m_guard);
  return *this;
}

bool MappedFile::unchanged() const {
  if (state_of(m_path) != m_state) return false;
  // A time of writing counts in ticks: within the one that the file was opened in, a later writing leaves it alone.
  if (m_opened_ns - m_state.modified_ns >= k_tick_ns) return true;
  std::this_thread::sleep_for(std::chrono::nanoseconds(k_tick_ns));
  return state_of(m_path) == m_state;
}

void MappedFile::require_unchanged() const {
  throw_if_cut();
  if (!unchanged()) throw changed_while_read(m_path);
}

std::string read_text_file(const std::filesystem::path& path, std::uint64_t limit) {
  return read_text_file(AT_FDCWD, path.string(), path, limit);
}

std::string read_text_file(int directory, const std::string& name, const std::filesystem::path& path,
                           std::uint64_t limit) {
  const auto file = open_for_reading(directory, name, path);
  const auto mode = file.info.st_mode;
  // A pipe that the user names is waited for; one inside a directory, such as a stranger's seal, would be for ever.
  if (!S_ISREG(mode) && !(S_ISFIFO(mode) && directory == AT_FDCWD)) refuse_kind(path, mode);
  if (static_cast<std::uint64_t>(file.info.st_size) > limit) {
    throw Error(ErrorKind::malformed, path.string(),
                fmt::format("expected at most {} bytes, found {}", limit, file.info.st_size));
  }
  auto text = read_all(file, path, limit);
  struct stat after {};
  // Files of /proc have a size of 0 and no time of writing.
  if (S_ISREG(mode) && file.info.st_size > 0 &&
      (::fstat(file.descriptor.get(), &after) != 0 || state_of(after) != state_of(file.info)))
    throw changed_while_read(path);
  return text;
}

}  // namespace goldseal

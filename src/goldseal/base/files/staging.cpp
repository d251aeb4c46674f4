// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/files/staging.hpp>

#include <goldseal/base/messages/error.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string_view>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#endif
#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif

namespace goldseal::staging {
namespace {

namespace fs = std::filesystem;

constexpr int k_most_names = 100;
// A name has at most 255 bytes on Linux's file systems; the rest is for the dots, the random part and the ending.
constexpr std::size_t k_most_of_name = 200;

std::uint64_t random_bits() {
  std::uint64_t bits = 0;
  if (::getrandom(&bits, sizeof bits, GRND_NONBLOCK) == sizeof bits) return bits;
  // Without random numbers a name that is taken costs one more attempt.
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  return static_cast<std::uint64_t>(now) ^ (static_cast<std::uint64_t>(::getpid()) << 32U);
}

// Not within a character: some file systems take no names that are not UTF-8.
std::string beginning_of(std::string name) {
  if (name.size() <= k_most_of_name) return name;
  auto end = k_most_of_name;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0U) == 0x80U) --end;
  return name.substr(0, end);
}

bool renamed(const fs::path& from, const fs::path& to, unsigned flags) {
  return retried([&] { return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags); }) == 0;
}

bool names_directory(const fs::path& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

bool linked(const fs::path& from, const fs::path& to) {
  if (retried([&] { return ::link(from.c_str(), to.c_str()); }) != 0) return false;
  static_cast<void>(remove_whole(from));
  return true;
}

// The name is taken by an empty file of ours before ours takes its place: whoever comes meanwhile finds it taken.
bool claimed(const fs::path& from, const fs::path& to) {
  const int claim = retried([&] { return ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); });
  if (claim < 0) return false;
  ::close(claim);
  if (rename_over(from, to)) return true;
  const int reason = errno;
  static_cast<void>(remove_whole(to));
  errno = reason;
  return false;
}

constexpr std::string_view k_ending = ".partial";
constexpr std::size_t k_random_digits = 16;
constexpr std::time_t k_seconds_until_left = 24 * 60 * 60;

bool is_left_of(std::string_view name, std::string_view target) {
  const auto digits = std::string_view("0123456789abcdef");
  if (!name.starts_with('.') || !name.substr(1).starts_with(target)) return false;
  const auto rest = name.substr(1 + target.size());
  return rest.size() == 1 + k_random_digits + k_ending.size() && rest.starts_with('.') && rest.ends_with(k_ending) &&
         rest.substr(1, k_random_digits).find_first_not_of(digits) == std::string_view::npos;
}

// What a killed run left beside the target a day ago or more. Where the target is not there, it may be all that is left of
// it: then nothing is removed.
void sweep_left(const fs::path& target, const std::string& name) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(target, error))) return;
  for (fs::directory_iterator entry(parent_of(target), error), end; !error && entry != end; entry.increment(error)) {
    struct stat found {};
    if (!is_left_of(entry->path().filename().string(), name) || ::lstat(entry->path().c_str(), &found) != 0) continue;
    const bool ours = found.st_uid == ::geteuid() && (S_ISREG(found.st_mode) || S_ISDIR(found.st_mode));
    if (ours && ::time(nullptr) - found.st_mtime > k_seconds_until_left) static_cast<void>(remove_whole(entry->path()));
  }
}

}  // namespace

fs::path parent_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

fs::path without_link(const fs::path& path) {
  std::error_code error;
  if (!fs::is_symlink(fs::symlink_status(path, error))) return path;
  auto target = fs::canonical(path, error);
  return error ? path : target;
}

fs::path beside(const fs::path& target, const fs::path& shown, const std::function<int(const char*)>& create) {
  const auto name = beginning_of(target.filename().string());
  sweep_left(target, name);
  for (int attempt = 0;; ++attempt) {
    auto path = parent_of(target) / fmt::format(".{}.{:0{}x}{}", name, random_bits(), k_random_digits, k_ending);
    if (retried([&] { return create(path.c_str()); }) >= 0) return path;
    if (errno != EEXIST || attempt == k_most_names) throw system_error(shown.string(), "create it there", errno);
  }
}

Descriptor open_directory(const fs::path& path) {
  return Descriptor(retried([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
}

bool sync_directory(const Descriptor& directory) {
  return directory.get() < 0 || retried([&] { return ::fsync(directory.get()); }) == 0 || errno == EINVAL;
}

bool is_missing_call(int errno_value) {
  return errno_value == EINVAL || errno_value == ENOSYS || errno_value == ENOTSUP || errno_value == EPERM;
}

bool rename_new(const fs::path& from, const fs::path& to) {
  if (renamed(from, to, RENAME_NOREPLACE)) return true;
  if (!is_missing_call(errno)) return false;
  // A directory takes the place of nothing but an empty one, whatever the call.
  if (names_directory(from)) return rename_over(from, to);
  return linked(from, to) || (errno != EEXIST && claimed(from, to));
}

bool rename_over(const fs::path& from, const fs::path& to) {
  return retried([&] { return ::rename(from.c_str(), to.c_str()); }) == 0;
}

bool exchange(const fs::path& one, const fs::path& other) { return renamed(one, other, RENAME_EXCHANGE); }

std::vector<std::string> names_in(const fs::path& directory) {
  for (;;) {
    std::error_code error;
    std::vector<std::string> names;
    for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
      names.push_back(entry->path().filename().string());
    if (!error) return names;
    if (error.value() != EINTR) throw system_error(directory.string(), "list the directory", error.value());
  }
}

bool remove_whole(const fs::path& path) noexcept {
  std::error_code error;
  for (int attempt = 0; attempt < 2; ++attempt) {
    error.clear();
    fs::remove_all(path, error);
    if (!error) return true;
  }
  errno = error.value();
  return false;
}

}  // namespace goldseal::staging

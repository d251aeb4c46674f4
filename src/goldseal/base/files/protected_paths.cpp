// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/files/protected_paths.hpp>

#include <goldseal/base/messages/error.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

bool is_mount_point(const fs::path& path) {
#ifdef STATX_ATTR_MOUNT_ROOT
  struct statx found {};
  if (::statx(AT_FDCWD, path.c_str(), AT_NO_AUTOMOUNT, STATX_TYPE, &found) == 0 &&
      (found.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0)
    return (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
#endif
  struct stat here {};
  struct stat above {};
  return ::stat(path.c_str(), &here) == 0 && ::stat((path / "..").c_str(), &above) == 0 && here.st_dev != above.st_dev;
}

[[noreturn]] void refuse(const fs::path& output, const std::string& what) {
  throw Error(ErrorKind::usage, output.string(), what, "name another output");
}

}  // namespace

bool lies_in(const fs::path& path, const fs::path& directory) {
  const auto [end, unused] = std::ranges::mismatch(directory, path);
  return end == directory.end() || end->empty();  // behind a slash at the end
}

void require_no_input(const fs::path& output, std::span<const fs::path> inputs) {
  std::error_code error;
  const auto target = fs::canonical(output, error);
  if (error) return;  // nothing there that could be replaced
  for (const auto& input : inputs) {
    const auto read = fs::canonical(input, error);
    if (error) continue;
    if (fs::equivalent(target, read, error)) refuse(output, "it is an input of this run, which would be replaced");
    if (lies_in(read, target))
      refuse(output, fmt::format("{}, an input of this run, lies in it and would be removed", input.string()));
  }
}

void require_movable(const fs::path& directory) {
  std::error_code error;
  const auto target = fs::canonical(directory, error);
  if (error) return;
  const auto working = fs::current_path(error);
  if (!error && lies_in(working, target)) refuse(directory, "the working directory lies in it and would be removed");
  if (is_mount_point(target)) refuse(directory, "expected a directory that can be replaced, found a mount point");
}

}  // namespace goldseal

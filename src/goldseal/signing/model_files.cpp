// SPDX-License-Identifier: Apache-2.0
#include <goldseal/signing/model_files.hpp>

#include <goldseal/base/files/descriptor.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/signing/resource_name.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

namespace goldseal::signing {
namespace {

namespace fs = std::filesystem;

constexpr int k_deepest = 64;

struct Close {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

class Walk {
 public:
  Walk(const fs::path& path, std::span<const std::string> ignored) : m_path(path), m_ignored(ignored) {}

  std::vector<std::string> files(int directory) {
    enter(directory, "", 0);
    std::ranges::sort(m_files);
    return std::move(m_files);
  }

 private:
  [[noreturn]] void refuse(const std::string& name, std::string_view found) const {
    throw Error(ErrorKind::malformed, m_path.string(),
                fmt::format("expected files and directories alone, found {}: {}", found, escape_unprintable(name)),
                "take it out, or put the file itself in its place");
  }

  void enter(int parent, const std::string& prefix, int depth) {
    if (depth > k_deepest) refuse(prefix, "directories nested too deep");
    const int opened = retried([&] {
      return ::openat(parent, prefix.empty() ? "." : prefix.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    });
    const std::unique_ptr<DIR, Close> directory(opened < 0 ? nullptr : ::fdopendir(opened));
    if (!directory) throw system_error((m_path / prefix).string(), "list the directory", errno);
    while (const auto* const entry = ::readdir(directory.get())) {
      const std::string_view name(entry->d_name);
      if (name == "." || name == "..") continue;
      see(parent, prefix.empty() ? std::string(name) : fmt::format("{}/{}", prefix, name), depth);
    }
  }

  void see(int root, std::string name, int depth) {
    if (is_ignored(name, m_ignored)) return;
    struct stat info {};
    if (::fstatat(root, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) throw changed_while_read(m_path / name);
      throw system_error((m_path / name).string(), "look at the file", errno);
    }
    if (const auto fault = fault_of_name(name); !fault.empty()) refuse(name, fmt::format("a name that cannot be signed ({})", fault));
    if (S_ISLNK(info.st_mode)) refuse(name, "a symbolic link");
    if (S_ISDIR(info.st_mode)) return enter(root, name, depth + 1);
    if (!S_ISREG(info.st_mode)) refuse(name, "something else");
    m_files.push_back(std::move(name));
  }

  const fs::path& m_path;
  std::span<const std::string> m_ignored;
  std::vector<std::string> m_files;
};

}  // namespace

std::vector<std::string> files_below(int directory, const fs::path& path, std::span<const std::string> ignored) {
  return Walk(path, ignored).files(directory);
}

namespace {

// Here nobody vouches for anything yet: what cannot be signed is no damage.
std::vector<std::string> files_to_sign(int directory, const fs::path& path, std::span<const std::string> ignored) {
  try {
    return files_below(directory, path, ignored);
  } catch (const Error& error) {
    throw as_usage(error);
  }
}

}  // namespace

ModelStatement describe_directory(const fs::path& directory) {
  const Descriptor opened(retried([&] { return ::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
  if (opened.get() < 0) throw system_error(directory.string(), "open the directory", errno);
  ModelStatement statement;
  const auto name = fs::absolute(directory).lexically_normal();
  statement.subject = to_utf8((name.has_filename() ? name : name.parent_path()).filename().string());
  statement.ignored.assign(k_never_signed.begin(), k_never_signed.end());
  statement.ignored.emplace_back(k_signature_name);
  for (auto& file : files_to_sign(opened.get(), directory, statement.ignored)) {
    const MappedFile mapped(opened.get(), file, directory / file);
    const auto digest = sha256(mapped.bytes());
    mapped.require_unchanged();
    statement.resources.push_back({std::move(file), {digest.bytes.begin(), digest.bytes.end()}});
  }
  return statement;
}

}  // namespace goldseal::signing

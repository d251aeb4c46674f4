// SPDX-License-Identifier: Apache-2.0
// The steps that files and directories are put in their places by: see atomic_write.hpp.
#pragma once

#include <goldseal/base/files/descriptor.hpp>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace goldseal::staging {

[[nodiscard]] std::filesystem::path parent_of(const std::filesystem::path& path);

/// What a link leads to. Another path, and a link to nothing, as they are.
[[nodiscard]] std::filesystem::path without_link(const std::filesystem::path& path);

/// Calls `create` with names beside `target` that nobody else uses, until it gives 0 or more, or fails with another
/// error than EEXIST; that name. Names are random: what a killed run left, or a run of another container that has the
/// same process number, is in nobody's way. What a killed run of this user left beside a target that is there, a day ago
/// or more, is removed. Throws Error{io} that names `shown`.
[[nodiscard]] std::filesystem::path beside(const std::filesystem::path& target, const std::filesystem::path& shown,
                                           const std::function<int(const char*)>& create);

[[nodiscard]] Descriptor open_directory(const std::filesystem::path& path);

/// False with errno. True without a descriptor. Also true on file systems that sync no directories and say so with
/// EINVAL: renames there are as safe as the file system makes them.
[[nodiscard]] bool sync_directory(const Descriptor& directory);

/// Renames where nothing is in the place. False with errno: EEXIST where something is.
[[nodiscard]] bool rename_new(const std::filesystem::path& from, const std::filesystem::path& to);

/// Renames, replacing a file, or a directory that is empty. False with errno.
[[nodiscard]] bool rename_over(const std::filesystem::path& from, const std::filesystem::path& to);

/// Exchanges two names. False with errno: see `is_missing_call`.
[[nodiscard]] bool exchange(const std::filesystem::path& one, const std::filesystem::path& other);

/// True for the error of NFS and many FUSE file systems, which lack the call.
[[nodiscard]] bool is_missing_call(int errno_value);

/// The names in a directory. Throws Error{io}.
[[nodiscard]] std::vector<std::string> names_in(const std::filesystem::path& directory);

/// Removes a file, or a directory with all in it; a failure is tried a second time. False with errno.
[[nodiscard]] bool remove_whole(const std::filesystem::path& path) noexcept;

}  // namespace goldseal::staging

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace goldseal::worker {

/// A directory of its own (mode 0700), removed with everything in it at the end. Throws std::runtime_error.
class PrivateDirectory {
 public:
  PrivateDirectory();
  ~PrivateDirectory();
  PrivateDirectory(const PrivateDirectory&) = delete;
  PrivateDirectory& operator=(const PrivateDirectory&) = delete;

  const std::filesystem::path& path() const { return m_path; }

 private:
  std::filesystem::path m_path;
};

struct CommandResult {
  int exit_code;
  std::string output;
  std::string errors;
};

/// GOLDSEAL_COMMAND, the one that was installed with this hook, or the one on the PATH. Throws std::runtime_error.
std::filesystem::path find_command();

/// Runs the goldseal command with one end of a socket as its descriptor 3, and calls `answer` with the other end, which
/// it owns not, while the command runs. Throws std::runtime_error where it cannot be started; what `answer` throws is
/// thrown once the command has ended.
CommandResult run_command(const std::vector<std::string>& arguments, const std::filesystem::path& directory,
                          const std::function<void(int descriptor)>& answer);

}  // namespace goldseal::worker

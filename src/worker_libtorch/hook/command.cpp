// SPDX-License-Identifier: Apache-2.0
#include "hook/command.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace goldseal::worker {
namespace {

constexpr int k_channel_descriptor = 3;

[[noreturn]] void fail(const std::string& doing, int error) {
  throw std::runtime_error("goldseal: cannot " + doing + ": " + std::strerror(error));
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool is_program(const std::filesystem::path& path) { return !path.empty() && ::access(path.c_str(), X_OK) == 0; }

class Descriptor {
 public:
  explicit Descriptor(int number) : m_number(number) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return m_number; }
  void close() {
    if (m_number >= 0) ::close(std::exchange(m_number, -1));
  }

 private:
  int m_number;
};

pid_t spawn(std::vector<std::string> arguments, const std::filesystem::path& directory, int channel) {
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  constexpr int k_write = O_WRONLY | O_CREAT | O_TRUNC;
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, (directory / "output").c_str(), k_write, 0600);
  ::posix_spawn_file_actions_addopen(&actions, 2, (directory / "errors").c_str(), k_write, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, channel, k_channel_descriptor);
  pid_t process = -1;
  const int error = ::posix_spawn(&process, pointers.front(), &actions, nullptr, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail("start " + arguments.front(), error);
  return process;
}

int wait_for(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0)
    if (errno != EINTR) fail("wait for the command", errno);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

PrivateDirectory::PrivateDirectory() {
  auto pattern = (std::filesystem::temp_directory_path() / "goldseal-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) fail("make a directory like " + pattern, errno);
  m_path = pattern;
}

PrivateDirectory::~PrivateDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(m_path, ignored);
}

std::filesystem::path find_command() {
  if (const char* given = std::getenv("GOLDSEAL_COMMAND"); given != nullptr && is_program(given)) return given;
  if (is_program(GOLDSEAL_HOOK_COMMAND)) return GOLDSEAL_HOOK_COMMAND;
  const char* search = std::getenv("PATH");
  std::string places = search == nullptr ? "" : search;
  for (std::size_t begin = 0; begin <= places.size();) {
    const auto end = std::min(places.find(':', begin), places.size());
    const auto found = std::filesystem::path(places.substr(begin, end - begin)) / "goldseal";
    if (end > begin && is_program(found)) return found;
    begin = end + 1;
  }
  throw std::runtime_error("goldseal: the command was not found: install it, or set GOLDSEAL_COMMAND");
}

CommandResult run_command(const std::vector<std::string>& arguments, const std::filesystem::path& directory,
                          const std::function<void(int descriptor)>& answer) {
  std::vector<std::string> all{find_command().string()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail("make a socket", errno);
  Descriptor ours(ends[0]);
  Descriptor theirs(ends[1]);
  const auto process = spawn(std::move(all), directory, theirs.get());
  theirs.close();
  std::exception_ptr failure;
  try {
    answer(ours.get());
  } catch (...) {
    failure = std::current_exception();
  }
  // The command ends its run when nobody answers any more.
  ours.close();
  const int code = wait_for(process);
  if (failure) std::rethrow_exception(failure);
  return {code, text_of(directory / "output"), text_of(directory / "errors")};
}

}  // namespace goldseal::worker

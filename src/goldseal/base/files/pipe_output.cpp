// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/files/pipe_output.hpp>

#include <goldseal/base/files/descriptor.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/running/interrupt.hpp>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace goldseal {
namespace {

// What a shell needs at most to start the program that is to read.
constexpr int k_patience_ms = 10'000;
constexpr int k_between_ms = 20;

// Until something can be written, or for `limit` milliseconds (-1 for any time). Throws once the user has asked to stop.
void wait(int descriptor, int limit) {
  std::array<pollfd, 2> waited{{{interrupt_descriptor(), POLLIN, 0}, {descriptor, POLLOUT, 0}}};
  static_cast<void>(::poll(waited.data(), waited.size(), limit));
  throw_if_interrupted();
}

Descriptor open_for_writing(const std::filesystem::path& path) {
  for (int waited = 0;; waited += k_between_ms) {
    // Without O_NONBLOCK a pipe without a reader would be waited for in the kernel, where nobody hears a request to stop.
    Descriptor file(retried([&] { return ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); }));
    if (file.get() >= 0) return file;
    const int reason = errno;
    std::error_code error;
    if (reason != ENXIO || !std::filesystem::is_fifo(path, error)) throw system_error(path.string(), "open the file", reason);
    if (waited >= k_patience_ms)
      throw Error(ErrorKind::io, path.string(), "nobody reads this pipe", "start its reader first, or name a file");
    wait(-1, k_between_ms);
  }
}

}  // namespace

void write_to_pipe_or_device(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  auto file = open_for_writing(path);
  while (!bytes.empty()) {
    const auto written = retried([&] { return ::write(file.get(), bytes.data(), bytes.size()); });
    if (written >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      wait(file.get(), -1);
    } else {
      throw system_error(path.string(), "write to it", errno);
    }
  }
  if (!file.close()) throw system_error(path.string(), "close the file", errno);
}

}  // namespace goldseal

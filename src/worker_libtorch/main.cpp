// SPDX-License-Identifier: Apache-2.0
#include "facts/libraries.hpp"
#include "protocol/channel.hpp"
#include "protocol/error.hpp"
#include "session.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace {

constexpr int k_channel_descriptor = 3;

// A line that cannot be answered ends the run: nothing after it can be trusted.
int serve(const std::string& gpu_library_error) {
  using namespace goldseal::worker;
  Channel channel(k_channel_descriptor);
  try {
    Session(channel, gpu_library_error, builders()).serve();
    return 0;
  } catch (...) {
    const auto refusal = refusal_from_current_exception();
    std::fprintf(stderr, "goldseal-worker-libtorch: %s\n", refusal.what());
    return 2;
  }
}

}  // namespace

int main() {
  const auto gpu_library_error = goldseal::worker::open_gpu_library();
  // Programs that a model's code starts do not get the channel.
  if (fcntl(k_channel_descriptor, F_SETFD, FD_CLOEXEC) != 0) {
    std::fputs("goldseal-worker-libtorch is started by goldseal, with its channel as file descriptor 3.\n", stderr);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const int status = serve(gpu_library_error);
  std::fflush(nullptr);
  // LibTorch's own teardown takes time and serves nobody: the process ends here.
  _exit(status);
}

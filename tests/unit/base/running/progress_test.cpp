// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/running/progress.hpp>

#include <pty.h>
#include <unistd.h>
#include <catch.hpp>

#include <array>
#include <cstdlib>
#include <string>
#include <thread>

using namespace goldseal;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t k_gib = 1ULL << 30U;

// A terminal of which what was printed can be read.
class Terminal {
 public:
  Terminal() {
    int slave = -1;
    REQUIRE(::openpty(&m_master, &slave, nullptr, nullptr, nullptr) == 0);
    m_stream = ::fdopen(slave, "w");
    REQUIRE(m_stream != nullptr);
    ::setenv("TERM", "xterm", 1);
  }
  ~Terminal() {
    std::fclose(m_stream);
    ::close(m_master);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  [[nodiscard]] std::FILE* stream() const { return m_stream; }

  // All that was printed; a mark of our own tells the end.
  std::string printed() {
    std::fputs("<end>", m_stream);
    std::fflush(m_stream);
    std::string text;
    std::array<char, 4096> piece{};
    while (text.find("<end>") == std::string::npos) {
      const auto count = ::read(m_master, piece.data(), piece.size());
      REQUIRE(count > 0);
      text.append(piece.data(), static_cast<std::size_t>(count));
    }
    return text.substr(0, text.find("<end>"));
  }

 private:
  int m_master = -1;
  std::FILE* m_stream = nullptr;
};

}  // namespace

TEST_CASE("progress says how far a step is, how fast it goes and how long it will take") {
  CHECK(describe({.done = 12 * k_gib, .total = 80 * k_gib, .elapsed = 5}, ProgressUnit::bytes) ==
        "12.0 GiB of 80.0 GiB, 2.4 GiB/s, 28 s left");
  CHECK(describe({.done = 3, .total = 13, .elapsed = 6}, ProgressUnit::runs) == "3 of 13, 2.0 s each, 20 s left");
  CHECK(describe({.done = 300, .total = 600, .elapsed = 100}, ProgressUnit::runs) ==
        "300 of 600, 3.0 a second, 1 min 40 s left");
  CHECK(describe({.done = 40, .total = 100, .elapsed = 20}, ProgressUnit::percent) == "40 %, 30 s left");
}

TEST_CASE("the rate of a step that began elsewhere counts only what was done while it is shown") {
  CHECK(describe({.done = 6 * k_gib, .total = 8 * k_gib, .before = 5 * k_gib, .elapsed = 1}, ProgressUnit::bytes) ==
        "6.0 GiB of 8.0 GiB, 1.0 GiB/s, 2 s left");
}

TEST_CASE("progress promises nothing that is not known") {
  CHECK(describe({.elapsed = 7}, ProgressUnit::runs) == "7 s");
  CHECK(describe({.elapsed = 4000}, ProgressUnit::bytes) == "1 h 6 min");
  CHECK(describe({.total = 13, .elapsed = 7}, ProgressUnit::runs) == "0 of 13, 7 s");
  CHECK(describe({.done = 5, .total = 8, .before = 5, .elapsed = 2}, ProgressUnit::runs) == "5 of 8, 2 s");
  // A build that says 101 %.
  CHECK(describe({.done = 101, .total = 100, .elapsed = 20}, ProgressUnit::percent) == "100 %, 0 s left");
}

TEST_CASE("on a terminal, waiting shows the counter of the threads at work and leaves no trace") {
  Terminal terminal;
  {
    Progress progress(Progress::Mode::automatic, terminal.stream());
    ByteCounter counter;
    counter.total = 4 * k_gib;
    const auto work = std::async(std::launch::async, [&] {
      for (int i = 0; i < 3; ++i) {
        counter.done += k_gib;
        std::this_thread::sleep_for(500ms);
      }
    });
    progress.await(work, "digesting", counter);
    CHECK(work.wait_for(0s) == std::future_status::ready);
  }
  const auto printed = terminal.printed();
  CHECK(printed.find("\r\x1b[Kdigesting: 3.0 GiB of 4.0 GiB, ") != std::string::npos);
  CHECK(printed.ends_with("\r\x1b[K"));
}

TEST_CASE("a step that is done within a second, or that nobody is to see, prints nothing") {
  Terminal terminal;
  for (const auto mode : {Progress::Mode::automatic, Progress::Mode::quiet}) {
    Progress progress(mode, terminal.stream());
    progress.step("short", 2);
    progress.advance(1);
    if (mode == Progress::Mode::quiet) std::this_thread::sleep_for(1100ms);
    progress.advance(2);
  }
  CHECK(terminal.printed().empty());
}

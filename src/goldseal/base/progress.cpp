// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/progress.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

namespace goldseal {
namespace {

using namespace std::chrono_literals;
constexpr auto k_silence = 1s;      // steps shorter than this are not shown
constexpr auto k_interval = 100ms;  // between two redraws

bool can_redraw(std::FILE* stream) {
  const char* const terminal = std::getenv("TERM");
  return ::isatty(::fileno(stream)) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb";
}

}  // namespace

Progress::Progress(Mode mode, std::FILE* stream)
    : m_stream(stream), m_active(mode == Mode::automatic && can_redraw(stream)) {}

Progress::~Progress() { finish(); }

void Progress::step(std::string_view name, std::uint64_t total) {
  finish();
  m_name = name;
  m_total = total;
  m_done = 0;
  m_began = m_last_draw = Clock::now();
}

void Progress::advance(std::uint64_t done) {
  m_done = done;
  const auto time = Clock::now();
  if (!m_active || time - m_began < k_silence || time - m_last_draw < k_interval) return;
  draw(time);
}

void Progress::draw(Clock::time_point time) {
  const double elapsed = std::chrono::duration<double>(time - m_began).count();
  auto line = fmt::format("{} … {:.0f} s", m_name, elapsed);
  if (m_total > 0 && m_done > 0) {
    const double left =
        elapsed * static_cast<double>(m_total - std::min(m_done, m_total)) / static_cast<double>(m_done);
    line = fmt::format("{} {}/{}, {:.0f} s left", m_name, m_done, m_total, left);
  }
  fmt::print(m_stream, "\r\x1b[K{}", line);
  std::fflush(m_stream);
  m_drawn = true;
  m_last_draw = time;
}

void Progress::finish() {
  if (!m_drawn) return;
  fmt::print(m_stream, "\r\x1b[K");
  std::fflush(m_stream);
  m_drawn = false;
}

}  // namespace goldseal

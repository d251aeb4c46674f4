// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/running/progress.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace goldseal {
namespace {

using namespace std::chrono_literals;
constexpr auto k_silence = 1s;  // steps shorter than this are not shown

bool can_redraw(std::FILE* stream) {
  const char* const terminal = std::getenv("TERM");
  return ::isatty(::fileno(stream)) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb";
}

// `1 min 40 s`: nobody divides by sixty while waiting.
std::string format_wait(double seconds) {
  const auto whole = static_cast<std::uint64_t>(seconds + 0.5);
  if (whole < 100) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string format_rate(double per_second, ProgressUnit unit) {
  if (unit == ProgressUnit::bytes) return format_bytes(static_cast<std::uint64_t>(per_second)) + "/s, ";
  if (unit == ProgressUnit::percent) return {};  // of a build that is not even: the time left says as much
  return per_second >= 1 ? fmt::format("{:.1f} a second, ", per_second)
                         : fmt::format("{:.1f} s each, ", 1 / per_second);
}

std::string format_done(const Standing& standing, ProgressUnit unit) {
  if (unit == ProgressUnit::bytes)
    return fmt::format("{} of {}", format_bytes(standing.done), format_bytes(standing.total));
  if (unit == ProgressUnit::percent) return fmt::format("{} %", standing.done);
  return fmt::format("{} of {}", standing.done, standing.total);
}

}  // namespace

std::string describe(const Standing& standing, ProgressUnit unit) {
  if (standing.total == 0) return format_wait(standing.elapsed);
  const auto done = std::min(standing.done, standing.total);
  auto text = format_done({done, standing.total}, unit);
  if (done <= standing.before || standing.elapsed <= 0)
    return fmt::format("{}, {}", text, format_wait(standing.elapsed));
  const auto per_second = static_cast<double>(done - standing.before) / standing.elapsed;
  const auto left = static_cast<double>(standing.total - done) / per_second;
  return fmt::format("{}, {}{} left", text, format_rate(per_second, unit), format_wait(left));
}

Progress::Progress(Mode mode, std::FILE* stream)
    : m_stream(stream), m_active(mode == Mode::automatic && can_redraw(stream)) {}

Progress::~Progress() { finish(); }

void Progress::step(std::string_view name, std::uint64_t total, Unit unit) {
  finish();
  m_name = name;
  m_total = total;
  m_unit = unit;
  m_done = m_before = 0;
  m_began = m_last_draw = Clock::now();
}

void Progress::advance(std::uint64_t done) {
  m_done = done;
  const auto time = Clock::now();
  if (!m_active || time - m_began < k_silence || time - m_last_draw < k_interval) return;
  draw(time);
}

void Progress::draw(Clock::time_point time) {
  const Standing standing{m_done, m_total, m_before, std::chrono::duration<double>(time - m_began).count()};
  show(fmt::format("\r\x1b[K{}: {}", m_name, describe(standing, m_unit)));
  m_drawn = true;
  m_last_draw = time;
}

// A terminal that has gone away must not stop the work.
void Progress::show(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), m_stream);
  std::fflush(m_stream);
}

void Progress::finish() {
  if (!m_drawn) return;
  show("\r\x1b[K");
  m_drawn = false;
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// What the project asks of fmt, to see at configure time whether fmt_library.cpp provides it with the fmt that is
// installed.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <ctime>
#include <vector>

int main() {
  const std::vector<int> values{1, 2};
  fmt::print(stderr, "{} {:.3f} {} {} {:%Y}\n", fmt::join(values, ","), 1.5, 1e-5F, 1e-7, fmt::gmtime(std::time_t{0}));
  return fmt::format("{:>{}} {:L}", "x", 4, 1000).empty() ? 1 : 0;
}

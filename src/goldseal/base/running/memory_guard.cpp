// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/running/memory_guard.hpp>

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>

namespace goldseal {
namespace {

std::atomic<bool> memory_ended{false};
std::terminate_handler end_of_defects = nullptr;
int code_without_memory = EXIT_FAILURE;

[[noreturn]] void note_and_throw() {
  memory_ended = true;
  throw std::bad_alloc();
}

// Nothing here may allocate.
[[noreturn]] void end_in_words() {
  if (!memory_ended) {
    end_of_defects();
    std::abort();
  }
  constexpr std::string_view k_said = "error: out of memory\n";
  static_cast<void>(!::write(STDERR_FILENO, k_said.data(), k_said.size()));
  ::_exit(code_without_memory);
}

}  // namespace

void tell_end_of_memory(int exit_code) {
  code_without_memory = exit_code;
  std::set_new_handler(note_and_throw);
  end_of_defects = std::set_terminate(end_in_words);
}

}  // namespace goldseal

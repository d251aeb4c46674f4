// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/environment/libraries/elf.hpp>

#include <algorithm>

using namespace goldseal;  // NOLINT: a test file

TEST_CASE("this program needs glibc, by name and by symbol version") {
  const auto program = read_elf("/proc/self/exe");
  REQUIRE(program);
  CHECK(std::ranges::find(program->needed, "libc.so.6") != program->needed.end());
  CHECK(newest_version(program->versions_needed, "GLIBC_"));
}

TEST_CASE("the newest symbol version is chosen by number") {
  const std::vector<std::string> versions{"GLIBCXX_3.4.9", "GLIBCXX_3.4.30", "GLIBCXX_DEBUG_MESSAGE_LENGTH",
                                          "CXXABI_1.3"};
  CHECK(newest_version(versions, "GLIBCXX_") == "3.4.30");
  CHECK_FALSE(newest_version(versions, "GLIBC_"));
}

TEST_CASE("a file cut short anywhere is refused or read, never trusted") {
  const TemporaryDirectory directory;
  const auto whole = read_text_file("/proc/self/exe", 1U << 30U).substr(0, 1U << 20U);
  for (std::size_t length : {std::size_t{0}, std::size_t{3}, std::size_t{63}, std::size_t{64}, std::size_t{200},
                             std::size_t{4096}, whole.size() / 2}) {
    write_file_atomically(directory.path() / "cut", std::string_view(whole).substr(0, length));
    CAPTURE(length);
    CHECK_FALSE(read_elf(directory.path() / "cut"));
  }
}

TEST_CASE("a text is no ELF file, and neither is a directory") {
  const TemporaryDirectory directory;
  write_file_atomically(directory.path() / "text", "GROUP ( libfoo.so )\n");
  CHECK_FALSE(read_elf(directory.path() / "text"));
  CHECK_FALSE(read_elf(directory.path()));
  CHECK_FALSE(read_elf(directory.path() / "missing"));
}

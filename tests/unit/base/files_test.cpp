// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/atomic_write.hpp>
#include <goldseal/base/byte_reader.hpp>
#include <goldseal/base/error.hpp>
#include <goldseal/base/mapped_file.hpp>

#include <catch.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <string>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
std::string read(const fs::path& path) { return read_text_file(path, 1U << 20U); }
std::size_t entries(const fs::path& directory) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

// Files cannot grow beyond a few bytes while this lives: the nearest to a full disk that needs no root.
class TinyDisk {
 public:
  TinyDisk() {
    ::getrlimit(RLIMIT_FSIZE, &m_before);
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit tiny{16, m_before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &tiny);
  }
  ~TinyDisk() { ::setrlimit(RLIMIT_FSIZE, &m_before); }

 private:
  rlimit m_before{};
};

TEST_CASE("a mapped file shows the bytes, and notices a change") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "f";
  write(path, "abc");
  const MappedFile file(path);
  CHECK(as_text(file.bytes()) == "abc");
  CHECK(file.unchanged());
  write(path, "abcd");
  CHECK_FALSE(file.unchanged());
}

TEST_CASE("an empty file maps to no bytes") {
  const TemporaryDirectory directory;
  write(directory.path() / "f", "");
  CHECK(MappedFile(directory.path() / "f").bytes().empty());
}

TEST_CASE("what is no file is refused for what it is") {
  const TemporaryDirectory directory;
  CHECK_THROWS_WITH(MappedFile(directory.path()), Catch::Contains("found a directory"));
  CHECK_THROWS_WITH(MappedFile(directory.path() / "none"), Catch::Contains("No such file"));
  ::mkfifo((directory.path() / "pipe").c_str(), 0600);
  CHECK_THROWS_WITH(MappedFile(directory.path() / "pipe"), Catch::Contains("not a regular file"));
}

TEST_CASE("a file is replaced whole, and kept whole where the new one does not fit") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "f";
  write_file_atomically(path, "old");
  write_file_atomically(path, "new");
  CHECK(read(path) == "new");
  {
    const TinyDisk tiny;
    CHECK_THROWS_AS(write_file_atomically(path, std::string(100, 'x')), Error);
  }
  CHECK(read(path) == "new");
  CHECK(entries(directory.path()) == 1);
}

TEST_CASE("a device or pipe is written to and stays what it is") {
  const TemporaryDirectory directory;
  const auto pipe = directory.path() / "pipe";
  ::mkfifo(pipe.c_str(), 0600);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(reader >= 0);
  write_file_atomically(pipe, "text");
  std::array<char, 8> buffer{};
  CHECK(::read(reader, buffer.data(), buffer.size()) == 4);
  ::close(reader);
  CHECK(std::string(buffer.data()) == "text");
  CHECK(fs::is_fifo(pipe));
  CHECK(is_device_or_pipe("/dev/null"));
  CHECK_THROWS_WITH(AtomicDirectory(pipe, AtomicDirectory::Existing::replace), Catch::Contains("device or pipe"));
  CHECK(fs::is_fifo(pipe));
}

TEST_CASE("the file that a link leads to is replaced, and the link stays") {
  const TemporaryDirectory directory;
  fs::create_directory(directory.path() / "real");
  const auto real = directory.path() / "real" / "f";
  const auto link = directory.path() / "link";
  write_file_atomically(real, "old");
  fs::create_symlink(real, link);
  write_file_atomically(link, "new");
  CHECK(fs::is_symlink(link));
  CHECK(read(real) == "new");
  fs::remove(real);
  write_file_atomically(link, "again");
  CHECK(read(link) == "again");
}

TEST_CASE("a directory appears with its commit, and not before") {
  const TemporaryDirectory directory;
  const auto target = directory.path() / "a.seal";
  {
    AtomicDirectory staged(target, AtomicDirectory::Existing::refuse);
    staged.write("f", "one");
    CHECK_FALSE(fs::exists(target));
    staged.commit();
  }
  CHECK(read(target / "f") == "one");
  CHECK(entries(directory.path()) == 1);
}

TEST_CASE("a directory without commit leaves nothing") {
  const TemporaryDirectory directory;
  { AtomicDirectory(directory.path() / "a.seal", AtomicDirectory::Existing::refuse).write("f", "one"); }
  CHECK(entries(directory.path()) == 0);
}

TEST_CASE("an existing directory is replaced only on request, and stays where the new one fails") {
  const TemporaryDirectory directory;
  const auto target = directory.path() / "a.seal";
  fs::create_directory(target);
  write(target / "f", "old");
  CHECK_THROWS_AS(AtomicDirectory(target, AtomicDirectory::Existing::refuse), Error);
  try {
    AtomicDirectory staged(target, AtomicDirectory::Existing::replace);
    const TinyDisk tiny;
    staged.write("f", std::string(100, 'x'));
    FAIL("wrote");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::io);
  }
  CHECK(read(target / "f") == "old");
  AtomicDirectory staged(target, AtomicDirectory::Existing::replace);
  staged.write("g", "new");
  staged.commit();
  CHECK_FALSE(fs::exists(target / "f"));
  CHECK(read(target / "g") == "new");
  CHECK(entries(directory.path()) == 1);
}

TEST_CASE("a temporary directory is private and goes away") {
  fs::path path;
  {
    const TemporaryDirectory directory;
    path = directory.path();
    CHECK((fs::status(path).permissions() & fs::perms::all) == fs::perms::owner_all);
  }
  CHECK_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/files/protected_paths.hpp>
#include <goldseal/base/messages/error.hpp>

#include <catch.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
std::string read(const fs::path& path) { return read_text_file(path, 1U << 20U); }
// What may be replaced, where a test does not ask.
void anything(const fs::path&) {}
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

TEST_CASE("a path lies in a directory by whole names, with a slash at its end or none") {
  CHECK(lies_in("/venv/bin/python", "/venv"));
  CHECK(lies_in("/venv/bin/python", "/venv/"));
  CHECK(lies_in("/venv", "/venv"));
  CHECK(lies_in("/venv", "/"));
  CHECK_FALSE(lies_in("/venv2/bin/python", "/venv"));
  CHECK_FALSE(lies_in("/", "/venv"));
}

TEST_CASE("A18: a mapped file notices what is written or replaced, and not what leaves the bytes alone") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "f";
  write(path, "abc");
  const MappedFile file(path);
  fs::permissions(path, fs::perms::owner_read);
  fs::create_hard_link(path, directory.path() / "link");
  fs::remove(directory.path() / "link");
  CHECK(file.unchanged());
  write(directory.path() / "other", "abc");
  fs::rename(directory.path() / "other", path);
  CHECK_FALSE(file.unchanged());
  CHECK_THROWS_AS(file.require_unchanged(), Error);
  fs::remove(path);
  CHECK_FALSE(file.unchanged());
  CHECK(as_text(file.bytes()) == "abc");
}

TEST_CASE("A10: mapped files take no descriptors") {
  const TemporaryDirectory directory;
  write(directory.path() / "f", "abc");
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit few{32, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);
  std::vector<MappedFile> files;
  for (int i = 0; i < 200; ++i) files.emplace_back(directory.path() / "f");
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(files.size() == 200);
}

TEST_CASE("a small file may be one of /proc, or a pipe") {
  CHECK_FALSE(read_text_file("/proc/self/stat", 1U << 20U).empty());
  CHECK_THROWS_WITH(MappedFile("/proc/self/stat"), Catch::Contains("no size"));
  const TemporaryDirectory directory;
  const auto pipe = directory.path() / "pipe";
  ::mkfifo(pipe.c_str(), 0600);
  const int both = ::open(pipe.c_str(), O_RDWR | O_CLOEXEC);
  CHECK(::write(both, "text", 4) == 4);
  std::thread closer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ::close(both);
  });
  CHECK(read(pipe) == "text");
  closer.join();
  CHECK_THROWS_AS(read_text_file("/dev/zero", 10), Error);
}

TEST_CASE("a file is not put over what may not be replaced, whatever the file system knows") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "f";
  OutputFile file(path, Existing::refuse);
  file.write("new");
  write(path, "mine");
  CHECK_THROWS_WITH(file.commit(), Catch::Contains("appeared while this run was at work"));
  CHECK(read(path) == "mine");
  CHECK_THROWS_WITH(OutputFile(path, Existing::refuse), Catch::Contains("exists already"));
  CHECK_THROWS_WITH(OutputFile(directory.path(), Existing::replace), Catch::Contains("found a directory"));
}

TEST_CASE("A11: what a killed run left is in nobody's way and is left alone") {
  const TemporaryDirectory directory;
  const auto left = directory.path() / fmt::format(".f.{}.partial", ::getpid());
  write(left, "another container's");
  write_file_atomically(directory.path() / "f", "new");
  AtomicDirectory staged(directory.path() / "g");
  staged.commit();
  CHECK(read(left) == "another container's");
  CHECK(entries(directory.path()) == 3);
}

TEST_CASE("an input is protected by whatever name it is written to") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "f";
  const std::vector<fs::path> inputs{path};
  fs::create_directory(directory.path() / "d");
  require_no_input(path, inputs);  // nothing is there
  write(path, "mine");
  fs::create_symlink("f", directory.path() / "link");
  fs::create_hard_link(path, directory.path() / "hard");
  for (const auto* const name : {"f", "link", "hard", "d/../f", "."})
    CHECK_THROWS_WITH(require_no_input(directory.path() / name, inputs), Catch::Contains("an input of this run"));
  require_no_input(directory.path() / "d", inputs);
  require_no_input(directory.path() / "other", inputs);
  CHECK_THROWS_WITH(require_movable(fs::current_path()), Catch::Contains("working directory"));
  CHECK_THROWS_WITH(require_movable("/proc"), Catch::Contains("mount point"));
  require_movable(directory.path() / "d");
}

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
  CHECK_THROWS_WITH(AtomicDirectory(pipe, anything), Catch::Contains("device or pipe"));
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

TEST_CASE("what a killed run left beside a target is swept a day later, and nothing else is") {
  const TemporaryDirectory directory;
  const auto put = [&](const std::string& name, bool old) {
    const auto path = directory.path() / name;
    if (name.find("seal") != std::string::npos) {
      fs::create_directory(path);
      write(path / "manifest.toml", "x");
    } else {
      write(path, "x");
    }
    if (old) fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(25));
    return path;
  };
  const auto left_file = put(".f.0123456789abcdef.partial", true);
  const auto left_seal = put(".n.seal.0123456789abcdef.partial", true);
  const std::vector<fs::path> kept{put(".f.00000000000000aa.partial", false), put(".f.0123456789abcdeg.partial", true),
                                   put(".g.0123456789abcdef.partial", true), put(".f.123.partial", true),
                                   put("f.0123456789abcdef.partial", true), put(".f.0123456789abcdef.partial~", true)};
  write_file_atomically(directory.path() / "f", "one");
  CHECK(fs::exists(left_file));  // it may have been all that was left of f
  write_file_atomically(directory.path() / "f", "two");
  CHECK_FALSE(fs::exists(left_file));
  CHECK(fs::exists(left_seal));
  put("n.seal", false);
  AtomicDirectory seal(directory.path() / "n.seal", anything);
  CHECK_FALSE(fs::exists(left_seal));
  for (const auto& path : kept) CHECK(fs::exists(path));
}

TEST_CASE("a directory appears with its commit, and not before") {
  const TemporaryDirectory directory;
  const auto target = directory.path() / "a.seal";
  {
    AtomicDirectory staged(target);
    staged.write("f", "one");
    CHECK_FALSE(fs::exists(target));
    staged.commit();
  }
  CHECK(read(target / "f") == "one");
  CHECK(entries(directory.path()) == 1);
}

TEST_CASE("a directory without commit leaves nothing") {
  const TemporaryDirectory directory;
  { AtomicDirectory(directory.path() / "a.seal").write("f", "one"); }
  CHECK(entries(directory.path()) == 0);
}

TEST_CASE("an existing directory is replaced only on request, and stays where the new one fails") {
  const TemporaryDirectory directory;
  const auto target = directory.path() / "a.seal";
  fs::create_directory(target);
  write(target / "f", "old");
  CHECK_THROWS_AS(AtomicDirectory(target), Error);
  try {
    AtomicDirectory staged(target, anything);
    const TinyDisk tiny;
    staged.write("f", std::string(100, 'x'));
    FAIL("wrote");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::io);
  }
  CHECK(read(target / "f") == "old");
  const auto refuse = [](const fs::path&) { throw Error(ErrorKind::usage, "", "not of this kind"); };
  CHECK_THROWS_WITH(AtomicDirectory(target, refuse), Catch::Contains("not of this kind"));
  AtomicDirectory staged(target, anything);
  staged.write("g", "new");
  staged.commit();
  CHECK_FALSE(fs::exists(target / "f"));
  CHECK(read(target / "g") == "new");
  CHECK(entries(directory.path()) == 1);
}

TEST_CASE("faults 4: a relative TMPDIR gives an absolute path, and one that is no place is named") {
  const char* const set = std::getenv("TMPDIR");
  const std::string before = set == nullptr ? "" : set;
  ::setenv("TMPDIR", ".", 1);
  CHECK(TemporaryDirectory().path().is_absolute());
  ::setenv("TMPDIR", "/nonexistent", 1);
  CHECK_THROWS_WITH(TemporaryDirectory(), Catch::Contains("TMPDIR=/nonexistent"));
  set == nullptr ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", before.c_str(), 1);
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

// SPDX-License-Identifier: Apache-2.0
#include "darknet/files.hpp"

#include "darknet/refusal.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace goldseal::worker {
namespace {

class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : m_value(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (m_value < 0)
      throw Refusal(RefusalKind::malformed, std::string("cannot be opened: ") + std::strerror(errno), path);
  }
  ~Descriptor() { close(m_value); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return m_value; }

  std::size_t regular_size(const std::string& path) const {
    struct stat status {};
    if (fstat(m_value, &status) != 0 || !S_ISREG(status.st_mode))
      throw Refusal(RefusalKind::malformed, "is not a regular file", path);
    return static_cast<std::size_t>(status.st_size);
  }

 private:
  int m_value;
};

}  // namespace

MappedFile::MappedFile(const std::string& path) : m_path(path) {
  const Descriptor file(path);
  m_size = file.regular_size(path);
  if (m_size == 0) return;
  void* begin = mmap(nullptr, m_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.get(), 0);
  if (begin == MAP_FAILED)
    throw Refusal(RefusalKind::memory, std::string("cannot be mapped: ") + std::strerror(errno), path);
  m_begin = static_cast<std::byte*>(begin);
}

MappedFile::~MappedFile() {
  if (m_begin) munmap(m_begin, m_size);
}

void require_file(const std::string& path) { Descriptor(path).regular_size(path); }

std::string read_text_file(const std::string& path, std::size_t most) {
  const Descriptor file(path);
  const auto size = file.regular_size(path);
  if (size > most)
    throw Refusal(RefusalKind::malformed,
                  "is " + std::to_string(size) + " bytes long; at most " + std::to_string(most) + " are read", path);
  std::string text(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const auto got = read(file.get(), text.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  text.resize(done);
  return text;
}

}  // namespace goldseal::worker

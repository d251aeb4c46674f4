// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/files/temporary_directory.hpp>

#include <goldseal/base/files/descriptor.hpp>
#include <goldseal/base/files/staging.hpp>
#include <goldseal/base/messages/error.hpp>

#include <fmt/format.h>
#include <stdlib.h>

#include <cerrno>
#include <cstdlib>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

bool is_named() {
  const char* const value = std::getenv("TMPDIR");
  return value != nullptr && *value != '\0';
}

fs::path place() {
  const fs::path named = is_named() ? std::getenv("TMPDIR") : "/tmp";
  std::error_code error;
  auto path = fs::absolute(named, error);
  if (error) throw system_error(fmt::format("TMPDIR={}", named.string()), "find the working directory", error.value(), "set TMPDIR to an absolute path");
  return path;
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  const auto parent = place();
  const auto pattern = (parent / "goldseal-XXXXXX").string();
  // A call that a signal cut short has spoilt its pattern.
  for (auto name = pattern;; name = pattern) {
    if (::mkdtemp(name.data()) != nullptr) {
      m_path = name;
      return;
    }
    if (errno == EINTR) continue;
    throw system_error(is_named() ? fmt::format("TMPDIR={}", parent.string()) : parent.string(),
                       "make a private directory there", errno,
                       "set TMPDIR to a directory that exists, can be written to and has room");
  }
}

TemporaryDirectory::~TemporaryDirectory() { static_cast<void>(staging::remove_whole(m_path)); }

}  // namespace goldseal

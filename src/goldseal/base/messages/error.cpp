// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/messages/error.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace goldseal {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return "usage";
    case ErrorKind::io:
      return "io";
    case ErrorKind::malformed:
      return "malformed";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::worker:
      return "worker";
    case ErrorKind::interrupted:
      return "interrupted";
    case ErrorKind::changed:
      return "changed";
  }
  return "unknown";
}

Error::Error(ErrorKind kind, std::string where, std::string message, std::string remedy)
    : m_kind(kind),
      m_where(bounded(std::move(where))),
      m_message(bounded(std::move(message))),
      m_remedy(bounded(std::move(remedy))),
      m_what(m_where.empty() ? m_message : fmt::format("{}: {}", m_where, m_message)) {}

namespace {

// What helps whichever file it is, where whoever met the error knows no better.
std::string_view remedy_of(int errno_value) {
  switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
      return "free space there and run again";
    case EROFS:
      return "name a place on a file system that can be written";
    case EIO:
      return "the disk, or the file system on the network, failed: its reason is in the system's log (dmesg)";
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files: ulimit -n";
    default:
      return {};
  }
}

}  // namespace

Error system_error(std::string where, std::string_view action, int errno_value, std::string remedy) {
  return {ErrorKind::io, std::move(where),
          fmt::format("cannot {}: {}", action, std::generic_category().message(errno_value)),
          remedy.empty() ? std::string(remedy_of(errno_value)) : std::move(remedy)};
}

Error as_usage(const Error& error) {
  const auto kind = error.kind() == ErrorKind::malformed ? ErrorKind::usage : error.kind();
  return {kind, error.where(), error.message(), error.remedy()};
}

}  // namespace goldseal

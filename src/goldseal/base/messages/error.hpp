// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace goldseal {

/// What went wrong, as far as a caller can act on it; the exit code follows from it (verdict/exit_code.hpp).
enum class ErrorKind {
  usage,        ///< the command line, a policy or a request makes no sense
  io,           ///< the system refused: missing file, full disk, no permission
  malformed,    ///< a file breaks its format's rules
  unsupported,  ///< well-formed, but of a kind goldseal does not handle
  worker,       ///< a worker crashed, hung or broke the protocol
  interrupted,  ///< the user asked to stop (SIGINT, SIGTERM)
  changed,      ///< a file was changed or replaced while it was read: neither damage nor a refusal
};

[[nodiscard]] std::string_view to_string(ErrorKind kind);

/// The one exception type of goldseal. Texts of more than some thousand bytes, which a file or a model can bring about,
/// are cut. `where` is a file with its byte offset or line, or a process; it may be empty.
/// `remedy` says what to do; it may be empty.
class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string where, std::string message, std::string remedy = {});

  [[nodiscard]] const char* what() const noexcept override { return m_what.c_str(); }
  [[nodiscard]] ErrorKind kind() const noexcept { return m_kind; }
  [[nodiscard]] const std::string& where() const noexcept { return m_where; }
  [[nodiscard]] const std::string& message() const noexcept { return m_message; }
  [[nodiscard]] const std::string& remedy() const noexcept { return m_remedy; }

 private:
  ErrorKind m_kind;
  std::string m_where;
  std::string m_message;
  std::string m_remedy;
  std::string m_what;
};

/// An io error that carries the text of `errno_value`: "cannot open: No such file or directory".
[[nodiscard]] Error system_error(std::string where, std::string_view action, int errno_value, std::string remedy = {});

/// The same error as one of usage, where the file that is malformed is the user's own word (a policy, a captured
/// machine, settings) and no evidence that was damaged. Errors of other kinds stay as they are.
[[nodiscard]] Error as_usage(const Error& error);

}  // namespace goldseal

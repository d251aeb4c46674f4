// SPDX-License-Identifier: Apache-2.0
#include "protocol/error.hpp"

#include <c10/util/Exception.h>

#include <new>

namespace goldseal::worker {
namespace {

std::string first_line(const std::string& text) {
  const auto begin = text.find_first_not_of(" \n");
  if (begin == std::string::npos) return "an error without a text";
  return text.substr(begin, text.find('\n', begin) - begin);
}

std::string last_line(const std::string& text) {
  const auto end = text.find_last_not_of(" \n");
  if (end == std::string::npos) return {};
  const auto begin = text.rfind('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1,
                     end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

// An error inside TorchScript code begins with the interpreter's traceback and ends with what happened.
std::string essence(const std::string& text) {
  if (text.find("Traceback of TorchScript") != std::string::npos) return last_line(text);
  return first_line(text);
}

bool is_out_of_memory(const std::string& text) {
  return text.find("not enough memory") != std::string::npos ||
         text.find("can't allocate memory") != std::string::npos || text.find("out of memory") != std::string::npos;
}

Refusal refusal_from_text(const std::string& text) {
  const auto message = essence(text);
  return {is_out_of_memory(message) ? RefusalKind::memory : RefusalKind::runtime, message};
}

}  // namespace

Refusal refusal_from_current_exception() {
  try {
    throw;
  } catch (const Refusal& refusal) {
    return refusal;
  } catch (const c10::Error& error) {
    return refusal_from_text(error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return {RefusalKind::memory, "an allocation failed"};
  } catch (const std::exception& error) {
    return refusal_from_text(error.what());
  } catch (...) {
    return {RefusalKind::runtime, "an exception that is not a std::exception"};
  }
}

}  // namespace goldseal::worker

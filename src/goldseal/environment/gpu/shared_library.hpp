// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dlfcn.h>

#include <string>

namespace goldseal {

/// A library opened at run time by its name, closed never: drivers do not survive it.
class SharedLibrary {
 public:
  explicit SharedLibrary(const std::string& name) : m_handle(::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (m_handle != nullptr) return;
    const char* const text = ::dlerror();
    m_problem = text == nullptr ? "cannot be opened" : text;
  }

  [[nodiscard]] bool is_open() const { return m_handle != nullptr; }
  /// The loader's text where it is not open.
  [[nodiscard]] const std::string& problem() const { return m_problem; }
  /// A function of it, nullptr where this version of the library lacks it.
  template <typename Function>
  [[nodiscard]] Function* function(const char* name) const {
    return reinterpret_cast<Function*>(::dlsym(m_handle, name));
  }

 private:
  void* m_handle;
  std::string m_problem;
};

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/files/argument_file.hpp>

#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>

namespace goldseal {

std::string read_argument_file(const std::filesystem::path& path, std::uint64_t limit) {
  try {
    return read_text_file(path, limit);
  } catch (const Error& error) {
    throw as_usage(error);
  }
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// The libFuzzer program of one reader, which the build names.
#include <tests/fuzz/foreign.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto k_reader = std::ranges::find(foreign_readers(), std::string_view(GOLDSEAL_FUZZ_READER), &ForeignReader::name);
  if (k_reader == foreign_readers().end()) std::abort();
  read_foreign(*k_reader, {reinterpret_cast<const char*>(data), size});
  return 0;
}

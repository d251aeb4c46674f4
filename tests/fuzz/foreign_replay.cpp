// SPDX-License-Identifier: Apache-2.0
// `foreign_replay CORPUS`: runs every reader over the files of its directory in the corpus. What fuzzing found stays
// found; a reader without a case is an error.
#include <tests/fuzz/foreign.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  bool whole = true;
  for (const auto& reader : foreign_readers()) {
    std::size_t count = 0;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(argv[1]) / reader.name, error)) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      read_foreign(reader, bytes);
      ++count;
    }
    std::printf("%s: %zu inputs\n", std::string(reader.name).c_str(), count);
    whole = whole && count > 0;
  }
  return whole ? 0 : 1;
}

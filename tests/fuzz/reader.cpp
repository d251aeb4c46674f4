// SPDX-License-Identifier: Apache-2.0
// Which reader a program fuzzes, by its place in fuzz_checkpoint.cpp's list; without the macro, the one that each input
// picks by its first byte.
#include <cstddef>

extern const std::size_t fuzzed_reader;

#if defined(GOLDSEAL_FUZZ_READER)
const std::size_t fuzzed_reader = GOLDSEAL_FUZZ_READER;
#else
const std::size_t fuzzed_reader = static_cast<std::size_t>(-1);
#endif

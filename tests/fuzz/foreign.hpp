// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

/// A reader of bytes that come from elsewhere.
struct ForeignReader {
  std::string_view name;  ///< of its libFuzzer program, `fuzz_NAME`, and of its directory in corpus/foreign
  void (*read)(std::string_view bytes);
};

[[nodiscard]] std::span<const ForeignReader> foreign_readers();

/// Reads; an Error that says something is a good answer.
void read_foreign(const ForeignReader& reader, std::string_view bytes);

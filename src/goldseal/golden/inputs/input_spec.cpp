// SPDX-License-Identifier: Apache-2.0
// `--input` has a small language of names, files and random shapes. Only this file parses it.
// input.cpp makes the tensors.
#include <goldseal/golden/inputs/input.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>

namespace goldseal::golden {
namespace {

constexpr std::string_view k_random = "random:";
constexpr std::string_view k_forms =
    "give [NAME=]FILE.npy, [NAME=]FILE.png (or .jpg, .safetensors, .pt), or [NAME=]random:1x3x416x416,seed=7 (also "
    "normal, float16, below=1000)";

[[noreturn]] void fail(std::string_view argument, const std::string& message) {
  throw Error(ErrorKind::usage, fmt::format("--input {}", escape_unprintable(argument)), message, std::string(k_forms));
}

template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A name is what a Python or TorchScript argument may be, with the paths of nested inputs: `x`, `batch.image`, `xs[0]`.
bool is_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '[' || c == ']';
  };
  return !text.empty() && std::ranges::all_of(text, fits);
}

std::vector<std::int64_t> parse_shape(std::string_view argument, std::string_view text) {
  std::vector<std::int64_t> shape;
  for (const auto part : split(text, 'x')) {
    const auto size = parse_number<std::int64_t>(part);
    if (!size || *size < 1) fail(argument, fmt::format("expected a shape like 1x3x416x416, found '{}'", text));
    shape.push_back(*size);
  }
  return shape;
}

void take_option(std::string_view argument, std::string_view option, RandomSource& source) {
  const auto number = [&](std::string_view prefix) {
    return parse_number<std::uint64_t>(option.substr(prefix.size()));
  };
  const auto dtype = parse_dtype(option);
  if (option == "normal") {
    source.kind = RandomSource::Kind::normal;
  } else if (dtype == DType::float64 || dtype == DType::float32 || dtype == DType::float16 ||
             dtype == DType::bfloat16) {
    source.dtype = *dtype;
  } else if (option.starts_with("seed=")) {
    const auto seed = number("seed=");
    if (!seed) fail(argument, fmt::format("expected seed= and a number from 0 to 2^64-1, found '{}'", option));
    source.seed = *seed;
  } else if (option.starts_with("below=")) {
    const auto below = number("below=");
    if (!below || *below == 0 || *below > (std::uint64_t{1} << 62)) {
      fail(argument, fmt::format("expected below= and a number from 1 to 2^62, found '{}'", option));
    }
    source.kind = RandomSource::Kind::integer;
    source.below = *below;
  } else {
    fail(argument, fmt::format("expected seed=, normal, below= or a floating type, found '{}'", option));
  }
}

RandomSource parse_random(std::string_view argument, std::string_view text) {
  const auto parts = split(text.substr(k_random.size()), ',');
  RandomSource source;
  source.shape = parse_shape(argument, parts.front());
  for (std::size_t i = 1; i < parts.size(); ++i) take_option(argument, parts[i], source);
  return source;
}

}  // namespace

InputSpec parse_input(std::string_view argument) {
  InputSpec spec;
  auto text = argument;
  const auto equals = argument.find('=');
  if (equals != std::string_view::npos && is_name(argument.substr(0, equals))) {
    spec.name = argument.substr(0, equals);
    text = argument.substr(equals + 1);
  }
  if (text.empty()) fail(argument, "expected a file or random:, found nothing");
  spec.text = text;
  if (text.starts_with(k_random)) {
    spec.source = parse_random(argument, text);
  } else {
    spec.source = FileSource{std::filesystem::path(text)};
  }
  return spec;
}

}  // namespace goldseal::golden

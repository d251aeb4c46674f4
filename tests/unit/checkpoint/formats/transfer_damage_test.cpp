// SPDX-License-Identifier: Apache-2.0
// B60: what a transfer did to a file is told by its bytes: text mode in both directions, text encodings, two files joined.
#include "checkpoint/builders.hpp"

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/checkpoint/write/safetensors_writer.hpp>

#include <catch.hpp>

#include <random>

using namespace goldseal;
using namespace goldseal::test;

namespace {

std::string random_bytes(std::size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes.push_back(static_cast<char>(generator()));
  return bytes;
}

std::string safetensors_of(std::string_view data) {
  const std::vector<TensorToWrite> tensors{
      {"w", DType::uint8, {static_cast<std::int64_t>(data.size())}, as_bytes(data)}};
  return write_safetensors(tensors, {});
}

/// A state dict of random storages of that many bytes.
std::string torch_of(std::size_t count, std::size_t tensors = 4) {
  std::vector<std::string> storages;
  for (unsigned i = 0; i < tensors; ++i) storages.push_back(random_bytes(count, i + 1));
  Pickle pickle;
  pickle.raw("}");
  for (std::size_t i = 0; i < tensors; ++i) {
    const auto elements = static_cast<std::int32_t>(count / 4);
    pickle.text("w" + std::to_string(i)).tensor("FloatStorage", std::to_string(i), elements, 0, {elements}, {1}).raw("s");
  }
  return torch_file(pickle.stop(), storages);
}

std::string replaced(const std::string& bytes, std::string_view what, std::string_view by) {
  std::string result;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto next = bytes.find(what, at);
    result.append(bytes, at, next == std::string::npos ? next : next - at);
    if (next == std::string::npos) break;
    result += by;
    at = next + what.size();
  }
  return result;
}

bool says(const Error& error, std::string_view part) {
  return (error.message() + " " + error.remedy()).find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("B60: line feeds that became CR LF are named, in a zip archive and in safetensors") {
  for (const auto& good : {torch_of(4096), safetensors_of(random_bytes(4096, 3))}) {
    CHECK_NOTHROW(open_bytes(good));
    const auto error = refusal_of(replaced(good, "\n", "\r\n"));
    INFO(error.what());
    CHECK(error.kind() == ErrorKind::malformed);
    CHECK(says(error, "transferred as text, and is damaged"));
    CHECK(says(error, "LF became CR LF"));
    CHECK(says(error, "binary"));
  }
}

TEST_CASE("B60: CR LF that became line feeds is named where chance would have put some") {
  for (const auto& good : {torch_of(std::size_t{1} << 20U), safetensors_of(random_bytes(std::size_t{4} << 20U, 3))}) {
    const auto error = refusal_of(replaced(good, "\r\n", "\n"));
    INFO(error.what());
    CHECK(says(error, "CR LF became LF"));
  }
}

TEST_CASE("B60: a file that is cut or damaged otherwise is not blamed on its transfer") {
  const auto good = torch_of(std::size_t{1} << 20U);
  for (const auto share : {2U, 3U, 5U}) CHECK_FALSE(says(refusal_of(good.substr(0, good.size() / share)), "transferred as text"));
  const auto other = safetensors_of(random_bytes(std::size_t{1} << 20U, 5));
  CHECK_FALSE(says(refusal_of(other.substr(0, other.size() / 2)), "transferred as text"));
  CHECK_FALSE(says(refusal_of(other + "tail"), "transferred as text"));
  // Elements of two bytes whose upper one is an exponent: chance puts no pair there, and none is missed.
  std::string half = random_bytes(std::size_t{4} << 20U, 7);
  for (std::size_t i = 1; i < half.size(); i += 2) half[i] = '\x3c';
  const auto narrow = safetensors_of(half);
  CHECK_FALSE(says(refusal_of(narrow.substr(0, narrow.size() / 2)), "transferred as text"));
}

TEST_CASE("B60: bytes that a program decoded as text are named") {
  const auto good = torch_of(4096);
  std::string lossy;
  std::string latin;
  for (const char c : good) {
    const auto byte = static_cast<unsigned char>(c);
    lossy += byte < 0x80 ? std::string(1, c) : "\xEF\xBF\xBD";
    if (byte < 0x80) {
      latin += c;
    } else {
      latin += static_cast<char>(0xC0U | (byte >> 6U));
      latin += static_cast<char>(0x80U | (byte & 0x3FU));
    }
  }
  CHECK(says(refusal_of(lossy), "decoded as text"));
  CHECK(says(refusal_of(latin), "written as text"));
  CHECK(says(refusal_of("UEsDBAAACAgAAAAAAAAAAAAAAAAAAAAAAAAQABIAYXJjaGl2ZS9kYXRhLnBrbA=="), "base64 -d"));
}

TEST_CASE("B60: two files that were joined are named, with the place where the second begins") {
  const auto zip = torch_of(64);
  const auto flat = safetensors_of(random_bytes(64, 1));
  for (const auto& first : {zip, flat}) {
    for (const auto& second : {zip, flat}) {
      const auto error = refusal_of(first + second);
      INFO(error.what());
      CHECK(says(error, "two files were joined"));
      CHECK(says(error, "head -c " + std::to_string(first.size())));
    }
  }
  CHECK(says(refusal_of(flat + "tail"), "bytes follow the last tensor"));
}

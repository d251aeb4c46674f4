// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/builders.hpp"

#include <catch.hpp>

#include <fstream>
#include <stdexcept>

namespace goldseal::test {

Pickle& Pickle::text(std::string_view value) {
  m_bytes += 'X';
  put<std::uint32_t>(m_bytes, static_cast<std::uint32_t>(value.size()));
  return raw(value);
}

Pickle& Pickle::integer(std::int32_t value) {
  m_bytes += 'J';
  put<std::int32_t>(m_bytes, value);
  return *this;
}

Pickle& Pickle::tuple(const std::vector<std::int32_t>& values) {
  raw("(");
  for (const auto value : values) (void)integer(value);
  return raw("t");
}

Pickle& Pickle::tensor(std::string_view storage_class, std::string_view key, std::int32_t count, std::int32_t offset,
                       const std::vector<std::int32_t>& shape, const std::vector<std::int32_t>& strides) {
  global("torch._utils", "_rebuild_tensor_v2").raw("((").text("storage").global("torch", storage_class);
  text(key).text("cpu").integer(count).raw("tQ").integer(offset).tuple(shape).tuple(strides).raw("\x89");
  return global("collections", "OrderedDict").raw(")RtR");
}

std::string state_dict_pickle(const std::vector<std::string>& names) {
  Pickle pickle;
  pickle.global("collections", "OrderedDict").raw(")R(");
  for (std::size_t i = 0; i < names.size(); ++i) {
    pickle.text(names[i]).tensor("FloatStorage", std::to_string(i), 2, 0, {2}, {1});
  }
  return pickle.raw("u").stop();
}

std::string torch_file(const std::string& pickle, const std::vector<std::string>& storages) {
  std::vector<ZipRecord> records{{"model/data.pkl", pickle}, {"model/byteorder", "little"}};
  for (std::size_t i = 0; i < storages.size(); ++i) records.push_back({"model/data/" + std::to_string(i), storages[i]});
  records.push_back({"model/version", "3\n"});
  return zip(records);
}

Checkpoint open_bytes(std::string_view bytes, const OpenOptions& options) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "model.pth";
  // Not write_file_atomically: its sync would cost the tests that open thousands of files a minute.
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return open_checkpoint(path, options);
}

Error error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  FAIL("no error was thrown");
  throw std::logic_error("unreachable");
}

Error refusal_of(std::string_view bytes, const OpenOptions& options) {
  return error_of([&] { (void)open_bytes(bytes, options); });
}

}  // namespace goldseal::test

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/device.hpp>

#include <goldseal/base/error.hpp>
#include <goldseal/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace goldseal {
namespace {

constexpr std::string_view k_cuda = "cuda";
constexpr std::string_view k_numbered = "cuda:";

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value < 0) return std::nullopt;
  return value;
}

std::vector<std::string> gpus_of(std::span<const std::string> offered) {
  std::vector<std::string> gpus;
  std::ranges::copy_if(offered, std::back_inserter(gpus), is_gpu);
  return gpus;
}

std::vector<std::string> those_with(const std::vector<std::string>& gpus, int index) {
  const auto found = std::ranges::find(gpus, fmt::format("{}{}", k_numbered, index));
  return found == gpus.end() ? std::vector<std::string>{} : std::vector{*found};
}

std::vector<std::string> first_of(const std::vector<std::string>& gpus) {
  return gpus.empty() ? std::vector<std::string>{} : std::vector{gpus.front()};
}

std::vector<std::string> as_sealed(std::string_view sealed, const std::vector<std::string>& gpus) {
  if (!is_gpu(sealed) || gpus.empty()) return {"cpu"};
  auto same = those_with(gpus, gpu_index(sealed).value_or(0));
  return same.empty() ? first_of(gpus) : same;
}

}  // namespace

DeviceRequest parse_device(std::string_view text) {
  const std::string given(text);
  if (text == "cpu") return {DeviceRequest::Kind::cpu, std::nullopt, given};
  if (text == "all") return {DeviceRequest::Kind::all, std::nullopt, given};
  if (text == k_cuda) return {DeviceRequest::Kind::cuda, std::nullopt, given};
  if (text.starts_with(k_numbered)) {
    if (const auto index = number(text.substr(k_numbered.size()))) return {DeviceRequest::Kind::cuda, index, given};
  }
  throw Error(ErrorKind::usage, "--device",
              fmt::format("expected cpu, cuda, cuda:N or all, found {}", escape_unprintable(text)),
              "write for example --device cuda:0");
}

std::optional<int> gpu_index(std::string_view device) {
  if (device == k_cuda) return 0;
  return device.starts_with(k_numbered) ? number(device.substr(k_numbered.size())) : std::nullopt;
}

std::vector<std::string> choose_devices(const std::optional<DeviceRequest>& asked, std::string_view sealed,
                                        std::span<const std::string> offered) {
  const auto gpus = gpus_of(offered);
  if (!asked) return as_sealed(sealed, gpus);
  switch (asked->kind) {
    case DeviceRequest::Kind::cpu:
      return {"cpu"};
    case DeviceRequest::Kind::all:
      return gpus;
    case DeviceRequest::Kind::cuda:
      return asked->index ? those_with(gpus, *asked->index) : first_of(gpus);
  }
  return {};
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/device_request.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>

namespace goldseal {
namespace {

constexpr std::string_view k_all = "all";

std::vector<Device> gpus_of(std::span<const Device> offered) {
  std::vector<Device> gpus;
  std::ranges::copy_if(offered, std::back_inserter(gpus), &Device::is_gpu);
  return gpus;
}

std::vector<Device> those_with(const std::vector<Device>& gpus, std::int64_t index) {
  const auto found = std::ranges::find(gpus, index, [](const Device& gpu) { return gpu.gpu_index().value_or(-1); });
  return found == gpus.end() ? std::vector<Device>{} : std::vector{*found};
}

std::vector<Device> first_of(const std::vector<Device>& gpus) {
  return gpus.empty() ? std::vector<Device>{} : std::vector{gpus.front()};
}

std::vector<Device> as_sealed(const Device& sealed, const std::vector<Device>& gpus) {
  if (!sealed.is_gpu() || gpus.empty()) return {Device()};
  auto same = those_with(gpus, sealed.gpu_index().value_or(0));
  return same.empty() ? first_of(gpus) : same;
}

}  // namespace

DeviceRequest parse_device(std::string_view text) {
  const std::string given(text);
  if (text == k_all) return {DeviceRequest::Kind::all, std::nullopt, given};
  const Device device(text);
  if (device == Device()) return {DeviceRequest::Kind::cpu, std::nullopt, given};
  const bool numbered = text.find(':') != std::string_view::npos;
  const auto index = device.gpu_index();
  if (index && !numbered) return {DeviceRequest::Kind::cuda, std::nullopt, given};
  if (index && *index <= std::numeric_limits<int>::max())
    return {DeviceRequest::Kind::cuda, static_cast<int>(*index), given};
  throw Error(ErrorKind::usage, "--device",
              fmt::format("expected cpu, cuda, cuda:N or all, found {}", escape_unprintable(text)),
              "write for example --device cuda:0");
}

std::vector<Device> choose_devices(const std::optional<DeviceRequest>& asked, const Device& sealed,
                                   std::span<const Device> offered) {
  const auto gpus = gpus_of(offered);
  if (!asked) return as_sealed(sealed, gpus);
  switch (asked->kind) {
    case DeviceRequest::Kind::cpu:
      return {Device()};
    case DeviceRequest::Kind::all:
      return gpus;
    case DeviceRequest::Kind::cuda:
      return asked->index ? those_with(gpus, *asked->index) : first_of(gpus);
  }
  return {};
}

}  // namespace goldseal

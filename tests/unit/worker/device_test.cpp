// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/device_request.hpp>

#include <goldseal/base/messages/error.hpp>

#include <catch.hpp>

namespace goldseal {
namespace {

using Devices = std::vector<Device>;

const Devices k_two{"cpu", "cuda:0", "cuda:1"};
const Devices k_none{"cpu"};

Devices chosen(std::string_view asked, const Device& sealed, const Devices& offered) {
  return choose_devices(asked.empty() ? std::nullopt : std::optional(parse_device(asked)), sealed, offered);
}

TEST_CASE("what is asked for is chosen, or nothing where it is not there") {
  CHECK(chosen("cpu", "cuda:0", k_two) == Devices{"cpu"});
  CHECK(chosen("cuda", "cpu", k_two) == Devices{"cuda:0"});
  CHECK(chosen("cuda:1", "cpu", k_two) == Devices{"cuda:1"});
  CHECK(chosen("all", "cpu", k_two) == Devices{"cuda:0", "cuda:1"});
  CHECK(chosen("cuda:2", "cpu", k_two).empty());
  CHECK(chosen("cuda", "cpu", k_none).empty());
  CHECK(chosen("all", "cpu", k_none).empty());
}

TEST_CASE("where nothing is asked for, a model runs where it was sealed, as far as that is here") {
  CHECK(chosen("", "cpu", k_two) == Devices{"cpu"});
  CHECK(chosen("", "cuda:1", k_two) == Devices{"cuda:1"});
  CHECK(chosen("", "cuda:5", k_two) == Devices{"cuda:0"});
  CHECK(chosen("", "cuda:0", k_none) == Devices{"cpu"});
}

TEST_CASE("another form of device is refused") {
  for (const auto* const text : {"", "gpu", "cuda:", "cuda:-1", "cuda:1x", "CUDA", "cuda:99999999999"}) {
    INFO(text);
    CHECK_THROWS_AS(parse_device(text), Error);
  }
}

}  // namespace
}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
// A small classifier written in C++, as a goldseal plugin:
//   goldseal capture digits.pth --model plugin:build/libdigits.so?hidden=64 --input image=random:1x1x28x28,seed=7
#include <goldseal/plugin.hpp>

#include <stdexcept>

namespace {

class Digits : public torch::nn::Module {
 public:
  explicit Digits(std::int64_t hidden)
      : conv(register_module("conv", torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 8, 3).bias(false)))),
        norm(register_module("norm", torch::nn::BatchNorm2d(8))),
        hidden(register_module("hidden", torch::nn::Linear(8 * 13 * 13, hidden))),
        head(register_module("head", torch::nn::Linear(hidden, 10))) {}

  at::Tensor forward(const at::Tensor& image) {
    const auto maps = torch::max_pool2d(torch::relu(norm(conv(image))), 2);
    return head(torch::relu(hidden(maps.flatten(1))));
  }

 private:
  torch::nn::Conv2d conv;
  torch::nn::BatchNorm2d norm;
  torch::nn::Linear hidden;
  torch::nn::Linear head;
};

goldseal::Plugin make_digits(const goldseal::PluginOptions& options) {
  const auto given = options.find("hidden");
  const std::int64_t hidden = given == options.end() ? 64 : std::stoll(given->second);
  if (hidden < 1) throw std::invalid_argument("hidden: expected a positive number, found " + given->second);
  const auto network = std::make_shared<Digits>(hidden);
  return {network, {"image"}, [network](const std::map<std::string, at::Tensor>& inputs) {
            const auto scores = network->forward(inputs.at("image"));
            return std::vector<std::pair<std::string, at::Tensor>>{{"scores", scores}, {"digit", scores.argmax(1)}};
          }};
}

}  // namespace

GOLDSEAL_PLUGIN(make_digits)

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>

/// A small classifier; `eps` is BatchNorm's, which no state dict holds.
struct DigitsImpl : torch::nn::Module {
  explicit DigitsImpl(std::int64_t hidden = 32, double eps = 1e-5)
      : conv(register_module("conv", torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 8, 3).bias(false)))),
        norm(register_module("norm", torch::nn::BatchNorm2d(torch::nn::BatchNorm2dOptions(8).eps(eps)))),
        hidden(register_module("hidden", torch::nn::Linear(8 * 5 * 5, hidden))),
        head(register_module("head", torch::nn::Linear(hidden, 10))) {}

  torch::Tensor forward(const torch::Tensor& image) {
    const auto maps = torch::max_pool2d(torch::relu(norm(conv(image))), 2);
    return head(torch::dropout(torch::relu(hidden(maps.flatten(1))), 0.5, is_training()));
  }

  torch::nn::Conv2d conv;
  torch::nn::BatchNorm2d norm;
  torch::nn::Linear hidden;
  torch::nn::Linear head;
};
TORCH_MODULE(Digits);

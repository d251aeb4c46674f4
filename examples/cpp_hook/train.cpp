// SPDX-License-Identifier: Apache-2.0
// Trains a small network for a few steps, seals it in the middle, and trains on as if nothing had been.
//   train CHECKPOINT.safetensors
#include "network.hpp"

#include <goldseal/hook.hpp>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::cerr << "usage: train CHECKPOINT.safetensors [KEY.pem]\n";
    return 2;
  }
  torch::manual_seed(3);
  bool sealed = false;
  Digits net;
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  for (int step = 0; step < 4; ++step) {
    const auto images = torch::rand({16, 1, 12, 12});
    const auto labels = torch::randint(10, {16}, torch::kLong);
    optimizer.zero_grad();
    const auto loss = torch::cross_entropy_loss(net(images), labels);
    loss.backward();
    optimizer.step();
    std::cout << "step " << step << " loss " << loss.item<float>() << std::endl;
    if (step != 2) continue;
    goldseal::SealOptions options;
    if (argc == 3) options.sign_key = argv[2];
    sealed = goldseal::save(net, argv[1], {{"image", images.slice(0, 0, 2)}}, options) &&
             goldseal::verify(std::filesystem::path(argv[1]).replace_extension(".seal"), net);
  }
  return sealed ? 0 : 1;
}

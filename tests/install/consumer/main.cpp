// SPDX-License-Identifier: Apache-2.0
#include <checks/policy.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/formats/open_checkpoint.hpp>

#include <iostream>

// Prints the tensors of a checkpoint, and which policy would judge it: a library call from the bottom and one from the
// top.
int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    const auto checkpoint = goldseal::open_checkpoint(argv[1]);
    for (const auto& tensor : checkpoint.tensors) std::cout << tensor.name << '\n';
    std::cout << "policy " << goldseal::load_policy(std::string(goldseal::k_default_policy)).name << '\n';
  } catch (const goldseal::Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}

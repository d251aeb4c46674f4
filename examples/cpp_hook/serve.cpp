// SPDX-License-Identifier: Apache-2.0
// Loads the sealed network after everything about it was verified, and answers with it.
//   serve SEAL [EPS]
#include "network.hpp"

#include <goldseal/hook.hpp>

#include <cstdlib>
#include <iostream>

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) {
    std::cerr << "usage: serve SEAL [EPS [KEY.pub]]\n";
    return 2;
  }
  Digits net(32, argc >= 3 ? std::atof(argv[2]) : 1e-5);
  goldseal::VerifyOptions options;
  if (argc == 4) options.signed_by = {argv[3]};
  const auto report = goldseal::load(argv[1], net, options);
  std::cout << report.text << std::endl;
  if (!report) return report.exit_code;

  const torch::NoGradGuard no_grad;
  net->eval();
  std::cout << "answers " << net(torch::ones({1, 1, 12, 12})) << std::endl;
}

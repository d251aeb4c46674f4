// SPDX-License-Identifier: Apache-2.0
#include <checks/model/own_code.hpp>

namespace goldseal {

std::string how_to_run(const ModelRecord& sealed) {
  if (sealed.builder == Builder::program)
    return "judge it in the C++ program that holds it: goldseal::verify(SEAL, module) (goldseal/hook.hpp); or say how "
           "else such a network is built: --model plugin:LIB.so";
  const std::string trusted = "run it if you trust where the seal and the code come from: ";
  if (sealed.builder != Builder::python) return trusted + "--trust-code, or --model for code of your own";
  return trusted + "--runtime python --trust-code, or --model for code of your own; goldseal.verify(SEAL, model) judges "
                   "a live model";
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/run_options.hpp>

namespace goldseal::cli {

void RunOptions::declare(CLI::App& app) {
  app.add_option("--runtime", runtime,
                 "What runs the model: libtorch[=DIR] or python[=INTERPRETER]; by default python for python: models, "
                 "else a libtorch that has a worker, else python")
      ->type_name("RUNTIME");
  app.add_option("--timeout", timeout, "Seconds for the whole run of the model")
      ->type_name("SECONDS")
      ->check(positive_integer())
      ->capture_default_str();
  app.add_option("--threads", threads, "Threads within an operator; PyTorch's own choice by default")
      ->type_name("N")
      ->check(positive_integer());
  app.add_option(
         "--device", device,
         "Where the model runs: cpu, cuda (the first GPU), cuda:N, or all (verify: every GPU in turn); by default "
         "where it was sealed, the CPU for a capture")
      ->type_name("DEVICE");
  app.add_flag("--no-sandbox", no_sandbox, "Let the model's code use the network and write anywhere");
}

}  // namespace goldseal::cli

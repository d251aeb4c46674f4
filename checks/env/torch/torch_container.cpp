// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <fmt/format.h>

#include <array>

namespace goldseal {
namespace {

struct Format {
  Container container;
  std::string_view since;
  std::string_view what;
};
// The first PyTorch that reads each: 1.6 made the zip format torch.save's default, 1.0 brought TorchScript, 2.1
// torch.export.
constexpr std::array k_formats{
    Format{Container::Kind::torch_zip, "1.6", "torch.save's zip format"},
    Format{Container::Kind::torchscript, "1.0", "TorchScript"},
    Format{Container::Kind::pt2, "2.1", "torch.export's format"},
};

Finding judge_torch_container(const Observation& observed, const CheckSettings&) {
  const auto torch = version_fact(observed.machine.environment, "torch.version");
  if (!torch) return skipped("no PyTorch is known of this machine");
  if (observed.sealed.model.builder == Builder::exported) {
    return skipped(
        "goldseal's own worker calls the program's operators; torch.export.load needs the PyTorch that wrote it "
        "or a newer one");
  }
  for (const auto& [container, since, what] : k_formats) {
    if (observed.sealed.model.container != container) continue;
    if (*torch >= *parse_version(since)) return passed(fmt::format("this PyTorch reads {}", what));
    return failed(fmt::format("PyTorch reads {} from {} on: \"PyTorchStreamReader failed\", or \"is a zip archive\"",
                              what, since),
                  fmt::format("PyTorch {} or newer", since), observed.machine.environment.shown("torch.version"),
                  "install a newer PyTorch, or save with _use_new_zipfile_serialization=False");
  }
  return skipped("any PyTorch reads this kind of file, with goldseal's reader");
}

}  // namespace

const Check k_env_torch_container{
    .id = "env.torch.container",
    .title = "The file's format against PyTorch",
    .explanation =
        "The kind of the sealed checkpoint against the machine's PyTorch: a file that torch.save has written since 1.6 "
        "cannot be read by an older one (\"is a zip archive (did you mean to use torch.jit.load()?)\").",
    .severity = Severity::fail,
    .judge = judge_torch_container,
};

}  // namespace goldseal

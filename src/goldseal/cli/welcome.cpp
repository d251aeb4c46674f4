// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/welcome.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <system_error>
#include <vector>

namespace goldseal::cli {
namespace {

namespace fs = std::filesystem;

constexpr int k_most_entries = 2000;
constexpr std::size_t k_most_shown = 3;
constexpr std::size_t k_column = 42;
constexpr std::array k_checkpoints{".pth", ".pt", ".ckpt", ".safetensors", ".pt2", ".weights"};

constexpr const char* k_first_steps =
    "goldseal proves that a PyTorch model gives the same answers on another machine.\n"
    "\n"
    "Start here:\n"
    "  goldseal doctor                         what this machine can run\n"
    "  goldseal inspect net.pth                what is in a checkpoint; nothing in it is executed\n"
    "  goldseal capture net.pth --model python:networks:Net --input image=random:1x3x224x224\n"
    "                                          seal it: weights, machine, inputs and their answers\n"
    "  goldseal seal DIR                       a directory of transformers, diffusers, timm: all of that by itself\n"
    "  goldseal verify net.seal                on another machine: are the answers the same?\n"
    "  goldseal check net.seal                 the same by facts alone: without PyTorch, without a GPU\n"
    "\n"
    "In a training script, in place of torch.save:\n"
    "  goldseal.save(model.state_dict(), \"net.pth\", model=model, inputs=batch[:2])\n";

std::string shell_word(const std::string& name) {
  const bool plain = std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || c >= 0x80 ||
           std::string_view("._-+=@,").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain && !name.starts_with('-')) return name;
  std::string text = name.starts_with('-') ? "./'" : "'";
  for (const char c : name) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::string line(const std::string& command, std::string_view what) {
  return fmt::format("  {:<{}}{}\n", command, k_column - 2, what);
}

// What lies here, by name: seals first, then checkpoints that have none.
std::string steps_for(const fs::path& directory) {
  std::vector<std::string> seals;
  std::vector<std::string> checkpoints;
  std::error_code error;
  int looked = 0;
  for (auto entry = fs::directory_iterator(directory, error);
       !error && entry != fs::directory_iterator() && ++looked < k_most_entries; entry.increment(error)) {
    std::error_code ignored;
    const auto name = entry->path().filename();
    if (name.extension() == ".seal" && fs::is_regular_file(entry->path() / "manifest.toml", ignored))
      seals.push_back(name.string());
    else if (std::ranges::find(k_checkpoints, name.extension()) != k_checkpoints.end() &&
             entry->is_regular_file(ignored))
      checkpoints.push_back(name.string());
  }
  std::ranges::sort(seals);
  std::ranges::sort(checkpoints);
  std::erase_if(checkpoints, [&](const std::string& name) {
    return std::ranges::find(seals, fs::path(name).stem().string() + ".seal") != seals.end();
  });
  std::string text;
  for (std::size_t i = 0; i < std::min(seals.size(), k_most_shown); ++i)
    text += line("goldseal verify " + shell_word(seals[i]), "a seal");
  for (std::size_t i = 0; i < std::min(checkpoints.size(), k_most_shown); ++i)
    text += line("goldseal inspect " + shell_word(checkpoints[i]), "a checkpoint without a seal");
  return text;
}

}  // namespace

std::string welcome(const fs::path& directory) {
  std::string text = k_first_steps;
  if (const auto here = steps_for(directory); !here.empty()) text += "\nIn this directory:\n" + here;
  return text + "\n`goldseal --help` lists all verbs, `goldseal VERB --help` what one takes.\n";
}

}  // namespace goldseal::cli

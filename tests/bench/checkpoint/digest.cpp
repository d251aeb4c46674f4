// SPDX-License-Identifier: Apache-2.0
// `bench_digest FILE ROUNDS` opens and summarizes a checkpoint and prints how many bytes of memory that took, pages
// of the mapped file not counted; then it digests every tensor and checks every record, on the processors that it may
// use, and prints the seconds of each round, one a line. speed.py sets them beside torch.load, openssl and sha256sum.
#include <goldseal/checkpoint/contents/summary.hpp>
#include <goldseal/checkpoint/formats/open_checkpoint.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace {

/// RssAnon of proc(5), in bytes. The pages of the file are the page cache's: Linux maps sixteen for each one touched.
long own_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::strtol(line.c_str() + 8, nullptr, 10) * 1024;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_digest FILE ROUNDS\n");
    return 2;
  }
  const auto before = own_memory();
  const auto checkpoint = goldseal::open_checkpoint(argv[1], {.show_all = true});
  if (goldseal::summarize(checkpoint).tensors == 0) return 1;
  std::printf("%ld\n", own_memory() - before);
  const long rounds = std::strtol(argv[2], nullptr, 10);
  for (long round = 0; round < rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    if (digest_all(checkpoint).size() != checkpoint.tensors.size()) return 1;
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    std::printf("%.6f\n", taken.count());
  }
  return 0;
}

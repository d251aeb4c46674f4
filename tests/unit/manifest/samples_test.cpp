// SPDX-License-Identifier: Apache-2.0
// manifests/: what was written by any version must be read by every later one.
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/manifest/manifest.hpp>

#include <catch.hpp>

#include <algorithm>
#include <filesystem>
#include <vector>

using namespace goldseal;  // NOLINT: a test file
namespace fs = std::filesystem;

namespace {

const fs::path k_manifests = fs::path(GOLDSEAL_SOURCE_DIR) / "manifests";

std::vector<fs::path> entries(const fs::path& directory, std::string_view ending) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().string().ends_with(ending)) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace

TEST_CASE("there is a sealed sample of every format version, and all of them load") {
  for (std::int64_t format = 1; format <= k_manifest_format; ++format) {
    const auto seal = k_manifests / "samples" / ("format-" + std::to_string(format) + ".seal");
    CAPTURE(seal);
    const auto manifest = load_manifest(seal);
    CHECK(manifest.format == format);
    CHECK(manifest.unknown_keys.empty());
    CHECK_FALSE(manifest.model.tensors.empty());
    CHECK(manifest.model.removed_segments.size() <= 1);
    CHECK(manifest.environment.has("torch.version"));
    REQUIRE_FALSE(manifest.golden.empty());
    CHECK_FALSE(manifest.golden.front().outputs.empty());
    CHECK(sha256(MappedFile(seal / k_golden_name).bytes()) == manifest.golden_sha256);
  }
}

TEST_CASE("a sample of the newest format is written again byte for byte") {
  const auto seal = k_manifests / "samples" / ("format-" + std::to_string(k_manifest_format) + ".seal");
  CHECK(write_manifest(load_manifest(seal)) == read_text_file(seal / k_manifest_name, 1U << 20U));
}

TEST_CASE("the machines of manifests/ load, come from a worker, and name nobody") {
  const auto files = entries(k_manifests, ".toml");
  REQUIRE(files.size() >= 2);
  for (const auto& file : files) {
    CAPTURE(file);
    const auto machine = load_environment(file);
    CHECK(machine.has("torch.version"));
    CHECK(machine.has("cpu.isa"));
    CHECK(machine.has("numerics.threads"));
    CHECK_FALSE(machine.has("host.name"));
    for (const auto& [name, fact] : machine.facts()) CHECK_FALSE(name.ends_with(".uuid"));
  }
}

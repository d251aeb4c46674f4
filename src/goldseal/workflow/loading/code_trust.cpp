// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/loading/code_trust.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal {

namespace fs = std::filesystem;

void require_outside_seal(const ModelSpec& model, const fs::path& seal, ErrorKind kind) {
  if (!traits(model.builder).is_native) return;
  const auto inside = [](const fs::path& path, const fs::path& directory) {
    return std::mismatch(directory.begin(), directory.end(), path.begin(), path.end()).first == directory.end();
  };
  const auto plain = [](const fs::path& path) { return fs::absolute(path).lexically_normal(); };
  const auto real_seal = fs::weakly_canonical(seal);
  // Both the name and what it leads to: a link in the seal is the seal's word too.
  if (!inside(plain(model.source), plain(seal)) && !inside(fs::weakly_canonical(model.source), real_seal) &&
      !inside(fs::weakly_canonical(plain(model.source).parent_path()), real_seal))
    return;
  throw Error(
      kind, seal.string(),
      fmt::format("expected of a {} network a file outside the seal, found {}", to_string(model.builder),
                  escape_unprintable(model.source)),
      kind == ErrorKind::usage
          ? "name a library that lies elsewhere"
          : "do not use this seal: no version of goldseal writes this; have it captured again where it comes from");
}

}  // namespace goldseal

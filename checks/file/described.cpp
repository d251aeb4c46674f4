// SPDX-License-Identifier: Apache-2.0
#include <checks/file/described.hpp>

#include <fmt/format.h>

namespace goldseal {

Described described(const Observation& observed, bool code) {
  using State = DescriptionObservation::State;
  Described files;
  for (const auto& file : observed.serving.descriptions) {
    if (file.is_code != code) continue;
    files.all.push_back(&file);
    switch (file.state) {
      case State::same:
        break;
      case State::rewritten:
        files.rewritten.push_back(&file);
        break;
      case State::changed:
        files.changed.push_back(&file);
        break;
      case State::missing:
        files.missing.push_back(&file);
        break;
      case State::added:
        files.added.push_back(&file);
        break;
      case State::unreadable:
        files.unreadable.push_back(&file);
        break;
    }
  }
  return files;
}

std::string and_more(std::size_t count) { return count < 2 ? std::string() : fmt::format(", and {} more", count - 1); }

std::string counted_files(std::size_t count) {
  return count == 1 ? std::string("the file is") : fmt::format("all {} files are", count);
}

}  // namespace goldseal

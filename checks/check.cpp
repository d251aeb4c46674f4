// SPDX-License-Identifier: Apache-2.0
#include <checks/check.hpp>

#include <utility>

namespace goldseal {

Finding passed(std::string message) {
  Finding finding;
  finding.message = std::move(message);
  return finding;
}

Finding skipped(std::string reason) {
  auto finding = passed(std::move(reason));
  finding.status = Status::skipped;
  return finding;
}

Finding undecided(std::string message, std::string remedy) {
  auto finding = passed(std::move(message));
  finding.status = Status::unknown;
  finding.remedy = std::move(remedy);
  return finding;
}

Finding failed(std::string message, std::string expected, std::string actual, std::string remedy) {
  auto finding = passed(std::move(message));
  finding.status = Status::fail;
  finding.expected = std::move(expected);
  finding.actual = std::move(actual);
  finding.remedy = std::move(remedy);
  return finding;
}

}  // namespace goldseal

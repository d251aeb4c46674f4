// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/detections/detections.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/golden/detections/detection_rows.hpp>
#include <goldseal/golden/tensors/constants.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace goldseal::golden {
namespace {

constexpr std::array<std::string_view, 3> k_box_names = {"boxes", "bboxes", "pred_boxes"};

std::pair<std::string_view, std::string_view> split_name(std::string_view name) {
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos ? std::pair(std::string_view(), name)
                                       : std::pair(name.substr(0, dot + 1), name.substr(dot + 1));
}

bool is_boxes(const HostTensor& output) {
  return is_floating(output.dtype) && output.shape.size() == 2 && (output.shape[1] == 4 || output.shape[1] == 5) &&
         std::ranges::find(k_box_names, split_name(output.name).second) != k_box_names.end();
}

}  // namespace

std::vector<std::vector<std::string>> find_detections(std::span<const HostTensor> outputs) {
  std::vector<std::vector<std::string>> groups;
  for (const auto& boxes : outputs) {
    if (!is_boxes(boxes) || boxes.shape[0] < 1 || boxes.shape[0] > k_most_rows) continue;
    const auto holds = [&](const auto& group) { return std::ranges::find(group, boxes.name) != group.end(); };
    if (std::ranges::any_of(groups, holds)) continue;
    const auto prefix = split_name(boxes.name).first;
    std::vector<std::string> group;
    bool scored = false;
    for (const auto& output : outputs) {
      const auto [place, name] = split_name(output.name);
      if (place != prefix || output.shape.empty() || output.shape[0] != boxes.shape[0]) continue;
      if (!converts_to_double(output.dtype)) continue;
      group.push_back(output.name);
      scored = scored || (name == "scores" && output.shape.size() == 1);
    }
    if (scored) groups.push_back(std::move(group));
  }
  return groups;
}

void require_detections(std::span<const std::string> names, std::span<const HostTensor> outputs) {
  const auto members = select(outputs, names);
  const auto told = fmt::format("{}", fmt::join(names, ", "));
  if (!members) {
    std::vector<std::string> known;
    for (const auto& output : outputs) known.push_back(output.name);
    throw Error(ErrorKind::usage, told,
                fmt::format("expected outputs of the network, which are {}", fmt::join(known, ", ")),
                "name those that hold one row for each object found");
  }
  const auto rows = rows_of(members->front());
  for (const auto& member : *members) {
    if (rows_of(member) == rows && rows > 0 && rows <= k_most_rows && converts_to_double(member.dtype)) continue;
    throw Error(ErrorKind::usage, member.name,
                fmt::format("expected {} rows as {} has, 1 to {}, found {} {}", rows, members->front().name,
                            k_most_rows, to_string(member.dtype), format_shape(member.shape)),
                "name outputs that hold one row for each object, and an input on which something is found");
  }
}

}  // namespace goldseal::golden

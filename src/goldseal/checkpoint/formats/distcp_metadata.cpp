// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/distcp_metadata.hpp>
#include <goldseal/checkpoint/state_dict/extra_state.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal::distcp {
namespace {

using pickle::Kind;

pickle::Document read_document(const std::string& path, const MappedFile& file) {
  ByteReader reader(path, file.bytes());
  auto document = pickle::read(path, reader, {.distributed = true});
  if (!reader.at_end()) reader.fail("bytes follow the end of the pickle");
  return document;
}

}  // namespace

std::size_t extra_state_in(std::span<const Step> path) {
  const auto found = std::ranges::find_if(path, [](const Step& step) { return pickle::is_extra_state(step.name); });
  return static_cast<std::size_t>(found - path.begin());
}

Metadata::Metadata(const MappedFile& file) : m_path(file.path().string()), m_document(read_document(m_path, file)) {
  if (m_document.kind(m_document.root()) != Kind::call) fail("the metadata must be a Metadata object");
  read_places(require(m_document.root(), "storage_data"));
  read_paths(field(m_document.root(), "planner_data"));
  const auto items = pairs(require(m_document.root(), "state_dict_metadata"));
  for (std::size_t i = 0; i < items.size(); i += 2) m_described.emplace_back(text(items[i]), items[i + 1]);
}

// An attribute of an object: dataclasses are pickled as what is in their __dict__.
std::optional<Metadata::Id> Metadata::field(Id object, std::string_view name) const {
  const auto state = m_document.kind(object) == Kind::call ? m_document.state(object) : std::nullopt;
  if (!state || m_document.kind(*state) != Kind::dict) return std::nullopt;
  const auto items = m_document.items(*state);
  for (std::size_t i = 0; i < items.size(); i += 2) {
    if (m_document.kind(items[i]) == Kind::text && m_document.text(items[i]) == name) return items[i + 1];
  }
  return std::nullopt;
}

Metadata::Id Metadata::require(Id object, std::string_view name) const {
  const auto found = field(object, name);
  if (!found) fail(fmt::format("the metadata lacks {}", name));
  return *found;
}

std::string Metadata::text(Id id) const {
  if (m_document.kind(id) != Kind::text || !is_utf8(m_document.text(id)))
    fail("a name in the metadata must be UTF-8 text");
  return std::string(m_document.text(id));
}

std::uint64_t Metadata::number(Id id) const {
  if (m_document.kind(id) != Kind::integer || m_document.integer(id) < 0)
    fail("a number in the metadata must be an integer of 0 or more");
  return static_cast<std::uint64_t>(m_document.integer(id));
}

std::span<const Metadata::Id> Metadata::pairs(Id id) const {
  if (!m_document.is_mapping(id)) fail("expected a dict in the metadata, found another value");
  return m_document.items(id);
}

// torch.Size((2, 3))
Sizes Metadata::size(Id id) const {
  if (m_document.kind(id) != Kind::call || m_document.items(m_document.arguments(id)).size() != 1)
    fail("a size in the metadata must be a torch.Size");
  const auto tuple = m_document.items(m_document.arguments(id))[0];
  if (m_document.kind(tuple) != Kind::tuple) fail("a torch.Size in the metadata must hold a tuple");
  Sizes result;
  for (const auto item : m_document.items(tuple)) result.push_back(static_cast<std::int64_t>(number(item)));
  return result;
}

void Metadata::read_places(Id places) {
  const auto items = pairs(places);
  for (std::size_t i = 0; i < items.size(); i += 2) {
    const auto info = items[i + 1];
    const auto transform = field(info, "transform_descriptors");
    if (transform && m_document.kind(*transform) != Kind::none) {
      throw Error(ErrorKind::unsupported, m_path, "the files are compressed or transformed",
                  "save them without transforms, or convert them with dcp_to_torch_save (below torch.distributed."
                  "checkpoint.format_utils)");
    }
    const auto name = text(require(items[i], "fqn"));
    const auto offset = field(items[i], "offset");
    const bool of_tensor = offset && m_document.kind(*offset) != Kind::none;
    Place place{text(require(info, "relative_path")), number(require(info, "offset")), number(require(info, "length"))};
    if (!m_places[name].emplace(of_tensor ? size(*offset) : Sizes{}, std::move(place)).second)
      fail(fmt::format("two files hold the same piece of '{}'", escape_unprintable(name)));
  }
}

void Metadata::read_paths(std::optional<Id> paths) {
  if (!paths || !m_document.is_mapping(*paths)) return;
  const auto items = pairs(*paths);
  for (std::size_t i = 0; i < items.size(); i += 2) {
    if (m_document.kind(items[i + 1]) != Kind::tuple) continue;
    std::vector<Step> parts;
    for (const auto part : m_document.items(items[i + 1])) {
      const bool index = m_document.kind(part) == Kind::integer;
      parts.push_back({index ? std::to_string(number(part)) : text(part), index});
    }
    m_paths.emplace(text(items[i]), std::move(parts));
  }
}

std::span<const Step> Metadata::path_of(const std::string& fqn) const {
  const auto path = m_paths.find(fqn);
  return path == m_paths.end() ? std::span<const Step>() : std::span<const Step>(path->second);
}

std::string Metadata::group_of(const std::string& fqn) const {
  const auto path = path_of(fqn);
  return std::min(path.size(), extra_state_in(path) + 1) < 2 ? "." : path.front().name;
}

bool Metadata::lies_in_extra_state(const std::string& fqn) const {
  const auto path = path_of(fqn);
  return extra_state_in(path) + 1 < path.size();
}

std::vector<Box> Metadata::boxes(const std::string& fqn, const Sizes& whole, Id tensor) const {
  const auto chunks = require(tensor, "chunks");
  if (m_document.kind(chunks) != Kind::list) fail("the pieces in the metadata must be a list");
  std::vector<Box> found;
  for (const auto item : m_document.items(chunks)) {
    Box box{size(require(item, "offsets")), size(require(item, "sizes"))};
    bool inside = box.at.size() == whole.size() && box.shape.size() == whole.size();
    bool empty = false;
    for (std::size_t i = 0; inside && i < whole.size(); ++i) {
      inside = box.at[i] <= whole[i] && box.shape[i] <= whole[i] - box.at[i];
      empty = empty || box.shape[i] == 0;
    }
    if (!inside) fail(fmt::format("a piece of '{}' lies outside of it", escape_unprintable(fqn)));
    if (!empty || found.empty()) found.push_back(std::move(box));
  }
  if (found.size() > 1 && std::ranges::find(found.front().shape, 0) != found.front().shape.end())
    found.erase(found.begin());
  if (found.empty()) fail(fmt::format("'{}' has no piece", escape_unprintable(fqn)));
  return found;
}

const Place& Metadata::place_of(const std::string& fqn, const Sizes& at) const {
  const auto places = m_places.find(fqn);
  if (places == m_places.end()) fail(fmt::format("no file holds '{}'", escape_unprintable(fqn)));
  const auto found = places->second.find(at);
  if (found != places->second.end()) return found->second;
  fail(fmt::format("no file holds the piece of '{}' that begins at {}", escape_unprintable(fqn), format_shape(at)));
}

void Metadata::fail(std::string message) const {
  throw Error(ErrorKind::malformed, m_path, std::move(message), "take the directory from its source again");
}

}  // namespace goldseal::distcp

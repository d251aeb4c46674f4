// SPDX-License-Identifier: Apache-2.0
// The metadata of torch.distributed.checkpoint: which tensors a checkpoint has, of which pieces, and where each piece lies.
// distcp.cpp has the format; the pieces' files are read there.
#pragma once

#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/checkpoint/pickle/pickle.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal::distcp {

using Sizes = std::vector<std::int64_t>;

/// Where a chunk is.
struct Place {
  std::string file;
  std::uint64_t begin = 0;
  std::uint64_t bytes = 0;
};

/// A step of the way to a value in the object that was saved: the planner takes dicts and lists apart.
struct Step {
  std::string name;
  bool index = false;  ///< of a list
};

/// What a chunk is.
struct Box {
  Sizes at;
  Sizes shape;
};

/// The first step that is a module's extra state; the number of steps where none is.
[[nodiscard]] std::size_t extra_state_in(std::span<const Step> path);

class Metadata {
 public:
  using Id = pickle::Id;

  /// Throws Error{malformed} for what is no Metadata object, and Error{unsupported} for files that are compressed.
  explicit Metadata(const MappedFile& file);

  /// The names and what is said of each.
  [[nodiscard]] const std::vector<std::pair<std::string, Id>>& described() const { return m_described; }
  [[nodiscard]] bool is_tensor(Id described) const { return field(described, "chunks").has_value(); }
  [[nodiscard]] Sizes shape(Id tensor) const { return size(require(tensor, "size")); }
  /// The chunks that hold elements; of a tensor without any, the first. They lie within `whole`.
  [[nodiscard]] std::vector<Box> boxes(const std::string& fqn, const Sizes& whole, Id tensor) const;

  /// Throws Error{malformed} where no file holds the piece that begins at `at`; a value that is no tensor begins at {}.
  [[nodiscard]] const Place& place_of(const std::string& fqn, const Sizes& at) const;

  /// Where the name was in the object that was saved: ('model', '0.weight'); empty where the metadata do not say.
  [[nodiscard]] std::span<const Step> path_of(const std::string& fqn) const;
  /// The first part of the way there, of which each is a state dict of its own; `.` where there is no such part.
  [[nodiscard]] std::string group_of(const std::string& fqn) const;
  /// A part of what a module's get_extra_state() gave, which was a dict or a list.
  [[nodiscard]] bool lies_in_extra_state(const std::string& fqn) const;

  /// Throws Error{malformed}.
  [[noreturn]] void fail(std::string message) const;

 private:
  std::optional<Id> field(Id object, std::string_view name) const;
  Id require(Id object, std::string_view name) const;
  std::string text(Id id) const;
  std::uint64_t number(Id id) const;
  std::span<const Id> pairs(Id id) const;
  Sizes size(Id id) const;
  void read_places(Id places);
  void read_paths(std::optional<Id> paths);

  std::string m_path;
  pickle::Document m_document;
  std::map<std::string, std::map<Sizes, Place>> m_places;  // by the name, and where in the tensor
  std::map<std::string, std::vector<Step>> m_paths;
  std::vector<std::pair<std::string, Id>> m_described;
};

}  // namespace goldseal::distcp

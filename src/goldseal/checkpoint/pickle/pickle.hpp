// SPDX-License-Identifier: Apache-2.0
// Python's unpickler runs code that the file names. This reader runs none. It turns a pickle into a
// tree of symbols that others inspect. What the symbols mean as tensors is left to
// checkpoint/state_dict.
#pragma once

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/checkpoint/pickle/pickle_globals.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace goldseal::pickle {

/// A value of a document, by its number.
using Id = std::uint32_t;

enum class Kind : std::uint8_t {
  none,
  boolean,
  integer,
  large_integer,  ///< beyond 64 bits; its value is not kept
  real,
  text,  ///< also the byte strings of Python 2
  tuple,
  list,
  dict,
  global,      ///< a class or function, by module and name
  persistent,  ///< a persistent id, which torch uses for storages
  /// Of a global with arguments, perhaps with a state and items set afterwards; nothing was called. Where a pickle calls
  /// what another call returned, its global has no name.
  call,
};

/// A pickle as a tree of symbols. Nothing in it was called, imported or built. Text is borrowed from the pickle.
class Document {
 public:
  [[nodiscard]] Id root() const { return m_root; }
  [[nodiscard]] std::size_t size() const { return m_values.size(); }
  [[nodiscard]] Kind kind(Id id) const { return m_values[id].kind; }
  [[nodiscard]] std::int64_t integer(Id id) const { return static_cast<std::int64_t>(m_values[id].payload); }
  [[nodiscard]] bool boolean(Id id) const { return m_values[id].payload != 0; }
  [[nodiscard]] double real(Id id) const;
  [[nodiscard]] std::string_view text(Id id) const;
  /// Elements of a tuple or list; of a dict, key and value in turn; of a call, what was appended or set on it.
  [[nodiscard]] std::span<const Id> items(Id id) const;
  [[nodiscard]] const Global& global(Id id) const { return m_globals[m_values[id].payload]; }
  /// The parts of a call: its global, its arguments (a tuple), and the state that BUILD gave it.
  [[nodiscard]] Id callee(Id call) const { return m_containers[m_values[call].payload].callee; }
  [[nodiscard]] Id arguments(Id call) const { return m_containers[m_values[call].payload].arguments; }
  [[nodiscard]] std::optional<Id> state(Id call) const;
  /// The value that a persistent id was made of.
  [[nodiscard]] Id persistent(Id id) const { return static_cast<Id>(m_values[id].payload); }
  /// Every persistent id, in the order of the file.
  [[nodiscard]] std::span<const Id> persistents() const { return m_persistents; }
  [[nodiscard]] std::span<const Global> globals() const { return m_globals; }
  /// True where it holds a byte string of Python 2 that is not ASCII.
  [[nodiscard]] bool has_python2_text() const { return m_python2_text; }
  /// True where the value is a call of a global in that role.
  [[nodiscard]] bool is_call(Id id, Role role) const {
    return kind(id) == Kind::call && global(callee(id)).known != nullptr && global(callee(id)).known->role == role;
  }
  /// True for a dict and for the calls that stand for one.
  [[nodiscard]] bool is_mapping(Id id) const {
    return kind(id) == Kind::dict || is_call(id, Role::ordered_dict) || is_call(id, Role::dictionary);
  }

 private:
  friend class Machine;
  static constexpr Id k_no_id = 0xffffffff;
  struct Value {
    Kind kind = Kind::none;
    std::uint32_t size = 0;
    std::uint64_t payload = 0;
  };
  struct Container {
    std::vector<Id> items;
    Id callee = k_no_id;
    Id arguments = k_no_id;
    Id state = k_no_id;
  };
  std::vector<Value> m_values;
  std::vector<Id> m_tuple_items;
  std::vector<Container> m_containers;
  std::vector<Global> m_globals;
  std::vector<Id> m_persistents;
  Id m_root = 0;
  bool m_python2_text = false;
};

/// What a reader admits beyond tensors.
struct Rules {
  bool torchscript = false;  ///< classes under `__torch__`, built by NEWOBJ, as TorchScript archives hold
  /// Protocol 4, and classes of torch.distributed with the members of its enums, as its checkpoints' metadata holds.
  bool distributed = false;
  /// Classes and functions that are on no list stay symbols, for whoever says what the file is; those that would run
  /// code are refused all the same.
  bool foreign = false;
};

/// Reads one pickle up to its STOP and leaves the reader behind it. Throws Error{malformed} where it breaks the format
/// or uses an opcode outside the list, and for functions that run code; Error{unsupported}, which lists them, where it
/// needs other classes or functions that are neither on the list of pickle_globals.hpp nor admitted by the rules.
[[nodiscard]] Document read(std::string_view file, ByteReader& reader, const Rules& rules = {});

}  // namespace goldseal::pickle

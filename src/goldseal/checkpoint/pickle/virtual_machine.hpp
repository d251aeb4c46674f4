// SPDX-License-Identifier: Apache-2.0
// Unpickling is a stack machine, and this one builds symbols in the place of objects. Limits on
// stack, memo and values bound what a hostile file can cost. pickle.cpp decodes the opcodes and
// calls it.
#pragma once

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/checkpoint/pickle/pickle.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::pickle {

/// The unpickler's machine: a stack with marks, a memo, and the document that grows from them. Each function is what
/// one kind of opcode does; nothing is called or imported. All throw Error{malformed} with the reader's place where the
/// values at hand do not suit.
class Machine {
 public:
  // The values without content exist once; small integers too, for they are most of a checkpoint's values.
  static constexpr Id k_none = 0;
  static constexpr Id k_false = 1;
  static constexpr Id k_true = 2;
  static constexpr Id k_empty_tuple = 3;

  /// `reader` gives the places for messages, and the text of values; it is borrowed.
  Machine(std::string_view file, ByteReader& reader);

  void mark();
  void push(Id id) { m_stack.push_back(id); }
  void push_integer(std::int64_t value);
  /// Two's complement, little-endian, of any length; the value of one beyond 64 bits is not kept.
  void push_large_integer(std::size_t size);
  void push_real(std::uint64_t bits);
  void push_text(std::size_t size);
  void push_python2_text(std::size_t size);
  void push_global(const Global& global);
  void push_persistent();
  void push_tuple(std::size_t count);
  void push_marked_tuple();
  void push_list();
  void push_dict();
  /// Calls the global below the arguments. `construct`: as NEWOBJ does.
  void push_call(bool construct);
  void build();
  void append_top();
  void append_marked();
  void set_top();
  void set_marked();
  /// Takes the top value off, or all above the last mark and the mark: how Python's pickler backs out of a tuple or call
  /// that contains itself.
  void drop_top();
  void drop_group();
  void put(std::size_t index);
  void memoize() { put(m_memo.size()); }
  void get(std::size_t index);
  /// The text on top, which leaves the stack.
  std::string_view pop_text();
  /// The document, whose root is the one value that is left.
  Document finish();

 private:
  using Value = Document::Value;
  using Container = Document::Container;
  static constexpr Id k_small_integers = 4;

  Id add(Kind kind, std::uint64_t payload, std::uint32_t size = 0);
  Id add_container(Kind kind, Container container);
  Id add_tuple(std::span<const Id> items);
  Id pop();
  Id top();
  std::span<const Id> marked();
  void drop_marked();
  void set_items(Id target, std::span<const Id> pairs);
  void append(Id target, std::span<const Id> values);
  void require_enum_member(std::uint64_t at, Id arguments) const;
  [[noreturn]] void fail_at(std::uint64_t offset, std::string message) const;

  /// True for a call of what is on no list.
  [[nodiscard]] bool is_foreign_call(Id id) const;
  /// True for a class of a TorchScript archive.
  [[nodiscard]] bool is_script_class(Id id) const;

  std::string_view m_file;
  ByteReader& m_reader;
  Document m_document;
  std::vector<Id> m_stack;
  std::vector<std::size_t> m_marks;
  std::vector<Id> m_memo;
};

}  // namespace goldseal::pickle

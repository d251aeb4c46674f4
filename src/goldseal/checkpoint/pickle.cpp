// SPDX-License-Identifier: Apache-2.0
// The pickle format is defined by Python's Lib/pickletools.py. The opcodes admitted here are those that torch.save's
// own objects need at protocol 2 (NEWOBJ only for TorchScript's classes and for records beside the weights).
#include <goldseal/checkpoint/pickle.hpp>

#include <goldseal/base/error.hpp>
#include <goldseal/base/text.hpp>
#include <goldseal/checkpoint/pickle_opcodes.hpp>
#include <goldseal/checkpoint/pickle_refusal.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace goldseal::pickle {

double Document::real(Id id) const { return std::bit_cast<double>(m_values[id].payload); }

std::string_view Document::text(Id id) const {
  return {std::bit_cast<const char*>(m_values[id].payload), m_values[id].size};
}

std::span<const Id> Document::items(Id id) const {
  const auto& value = m_values[id];
  if (value.kind == Kind::tuple) return std::span(m_tuple_items).subspan(value.payload, value.size);
  return m_containers[value.payload].items;
}

std::optional<Id> Document::state(Id call) const {
  const auto state = m_containers[m_values[call].payload].state;
  if (state == k_no_id) return std::nullopt;
  return state;
}

namespace {

// A checkpoint of two million tensors stays below these. They bound the memory that a hostile file can take to about
// a gigabyte, whatever it claims.
constexpr std::size_t k_value_limit = std::size_t{1} << 25;
constexpr std::size_t k_container_limit = std::size_t{1} << 22;
constexpr std::size_t k_mark_limit = 1000;
constexpr std::size_t k_line_limit = 1024;

bool may_be_called(Role role) {
  switch (role) {
    case Role::storage_class:
    case Role::untyped_storage:
    case Role::dtype:
    case Role::quantizer_scheme:
    case Role::tensor_class:
      return false;
    default:
      return true;
  }
}

}  // namespace

class Interpreter {
 public:
  Interpreter(std::string_view file, ByteReader& reader, const Rules& rules)
      : m_file(file), m_reader(reader), m_rules(rules), m_begin(reader.position()) {}

  Document run() {
    push_singletons();
    const auto protocol_at = m_reader.offset();
    if (m_reader.little<std::uint8_t>() != op::proto) fail_at(protocol_at, "expected a pickle of protocol 2 or 3");
    check_protocol(m_reader.little<std::uint8_t>());
    while (step()) {
    }
    if (m_stack.size() != 1 || !m_marks.empty()) m_reader.fail("the pickle ends with more or less than one value");
    m_document.m_root = m_stack.front();
    return std::move(m_document);
  }

 private:
  using Value = Document::Value;
  using Container = Document::Container;

  // The values without content exist once; small integers too, for they are most of a checkpoint's values.
  static constexpr Id k_none = 0;
  static constexpr Id k_false = 1;
  static constexpr Id k_true = 2;
  static constexpr Id k_empty_tuple = 3;
  static constexpr Id k_small_integers = 4;

  void push_singletons() {
    m_document.m_values.push_back({Kind::none, 0, 0});
    m_document.m_values.push_back({Kind::boolean, 0, 0});
    m_document.m_values.push_back({Kind::boolean, 0, 1});
    m_document.m_values.push_back({Kind::tuple, 0, 0});
    for (std::uint64_t i = 0; i < 256; ++i) m_document.m_values.push_back({Kind::integer, 0, i});
  }

  bool step();
  bool step_protocol4(std::uint8_t opcode);
  void check_protocol(unsigned protocol);
  void push_large_integer(std::size_t size);
  void push_global();
  void push_global(std::uint64_t at, std::string_view module, std::string_view name);
  void push_stack_global();
  void push_python2_text(std::size_t size);
  void push_text(std::size_t size);
  void push_persistent();
  void push_call(bool construct);
  void build();
  void set_items(Id target, std::span<const Id> pairs);
  void append(Id target, std::span<const Id> values);
  void set_marked();
  void append_marked();
  void put(std::size_t index);
  void get(std::size_t index);

  [[noreturn]] void fail_at(std::uint64_t offset, std::string message, std::string remedy = {}) const {
    throw Error(ErrorKind::malformed, at_byte(m_file, offset), std::move(message), std::move(remedy));
  }
  [[noreturn]] void refuse_opcode(std::uint8_t opcode) const;
  [[noreturn]] void refuse_globals(std::uint64_t offset);

  Id add(Kind kind, std::uint64_t payload, std::uint32_t size = 0) {
    auto& values = m_document.m_values;
    if (values.size() >= k_value_limit) m_reader.fail("the pickle holds more values than any checkpoint");
    values.push_back({kind, size, payload});
    return static_cast<Id>(values.size() - 1);
  }
  Id add_container(Kind kind, Container container) {
    auto& containers = m_document.m_containers;
    if (containers.size() >= k_container_limit)
      m_reader.fail("the pickle holds more lists and dicts than any checkpoint");
    containers.push_back(std::move(container));
    return add(kind, containers.size() - 1);
  }
  Id add_tuple(std::span<const Id> items) {
    if (items.empty()) return k_empty_tuple;
    auto& all = m_document.m_tuple_items;
    const auto begin = all.size();
    all.insert(all.end(), items.begin(), items.end());
    return add(Kind::tuple, begin, static_cast<std::uint32_t>(items.size()));
  }
  void push(Id id) { m_stack.push_back(id); }
  void push_integer(std::int64_t value) {
    push(value >= 0 && value < 256 ? k_small_integers + static_cast<Id>(value)
                                   : add(Kind::integer, static_cast<std::uint64_t>(value)));
  }
  Id pop() {
    // What lies below the last mark belongs to an enclosing list or tuple.
    const auto floor = m_marks.empty() ? 0 : m_marks.back();
    if (m_stack.size() <= floor) m_reader.fail("the pickle takes a value from an empty stack");
    const auto id = m_stack.back();
    m_stack.pop_back();
    return id;
  }
  Id top() {
    const auto floor = m_marks.empty() ? 0 : m_marks.back();
    if (m_stack.size() <= floor) m_reader.fail("the pickle uses a value of an empty stack");
    return m_stack.back();
  }
  /// The values above the last mark; they stay on the stack until `drop_marked`.
  std::span<const Id> marked() {
    if (m_marks.empty()) m_reader.fail("the pickle closes a group that it never opened");
    return std::span(m_stack).subspan(m_marks.back());
  }
  void drop_marked() {
    m_stack.resize(m_marks.back());
    m_marks.pop_back();
  }
  void push_tuple(std::size_t count) {
    std::array<Id, 3> items{};
    for (auto i = count; i > 0; --i) items[i - 1] = pop();
    push(add_tuple(std::span(items).first(count)));
  }

  std::string_view m_file;
  ByteReader& m_reader;
  const Rules& m_rules;
  std::size_t m_begin;
  Document m_document;
  std::vector<Id> m_stack;
  std::vector<std::size_t> m_marks;
  std::vector<Id> m_memo;
};

void Interpreter::check_protocol(unsigned protocol) {
  if (protocol == 2 || protocol == 3 || (protocol == 4 && m_rules.distributed)) return;
  throw Error(
      ErrorKind::unsupported, at_byte(m_file, m_reader.offset() - 1),
      fmt::format("pickle protocol {}: torch.save writes 2, and torch.load(weights_only=True) reads 2 and 3", protocol),
      "save it again with torch.save, without pickle_protocol (to read it at all, protocol 4 needs Python 3.4, 5 needs "
      "Python 3.8)");
}

// One case an opcode: the list of what is admitted is this switch.
bool Interpreter::step() {
  const auto opcode = m_reader.little<std::uint8_t>();
  switch (opcode) {
    case op::stop:
      return false;
    case op::mark:
      if (m_marks.size() >= k_mark_limit) m_reader.fail("the pickle is nested deeper than any checkpoint");
      m_marks.push_back(m_stack.size());
      break;
    case op::none:
      push(k_none);
      break;
    case op::new_true:
      push(k_true);
      break;
    case op::new_false:
      push(k_false);
      break;
    case op::bin_int:
      push_integer(m_reader.little<std::int32_t>());
      break;
    case op::bin_int1:
      push_integer(m_reader.little<std::uint8_t>());
      break;
    case op::bin_int2:
      push_integer(m_reader.little<std::uint16_t>());
      break;
    case op::long1:
      push_large_integer(m_reader.little<std::uint8_t>());
      break;
    case op::bin_float: {
      // The one big-endian field of the format.
      const auto raw = m_reader.little<std::uint64_t>();
      push(add(Kind::real, __builtin_bswap64(raw)));
      break;
    }
    case op::bin_unicode:
      push_text(m_reader.little<std::uint32_t>());
      break;
    case op::short_bin_string:
      push_python2_text(m_reader.little<std::uint8_t>());
      break;
    case op::empty_tuple:
      push(k_empty_tuple);
      break;
    case op::tuple1:
      push_tuple(1);
      break;
    case op::tuple2:
      push_tuple(2);
      break;
    case op::tuple3:
      push_tuple(3);
      break;
    case op::tuple: {
      const auto id = add_tuple(marked());
      drop_marked();
      push(id);
      break;
    }
    case op::empty_list:
      push(add_container(Kind::list, {}));
      break;
    case op::empty_dict:
      push(add_container(Kind::dict, {}));
      break;
    case op::append: {
      const auto value = pop();
      append(top(), {&value, 1});
      break;
    }
    case op::appends:
      append_marked();
      break;
    case op::set_item: {
      std::array<Id, 2> pair{};
      pair[1] = pop();
      pair[0] = pop();
      set_items(top(), pair);
      break;
    }
    case op::set_items:
      set_marked();
      break;
    case op::global:
      push_global();
      break;
    case op::bin_persid:
      push_persistent();
      break;
    case op::reduce:
      push_call(false);
      break;
    case op::new_object:
      push_call(true);
      break;
    case op::build:
      build();
      break;
    case op::bin_put:
      put(m_reader.little<std::uint8_t>());
      break;
    case op::long_bin_put:
      put(m_reader.little<std::uint32_t>());
      break;
    case op::bin_get:
      get(m_reader.little<std::uint8_t>());
      break;
    case op::long_bin_get:
      get(m_reader.little<std::uint32_t>());
      break;
    default:
      if (!m_rules.distributed || !step_protocol4(opcode)) refuse_opcode(opcode);
  }
  return true;
}

bool Interpreter::step_protocol4(std::uint8_t opcode) {
  switch (opcode) {
    case op::frame:
      (void)m_reader.little<std::uint64_t>();  // how much a stream reads ahead; nothing to a file in memory
      return true;
    case op::memoize:
      put(m_memo.size());
      return true;
    case op::short_bin_unicode:
      push_text(m_reader.little<std::uint8_t>());
      return true;
    case op::stack_global:
      push_stack_global();
      return true;
    default:
      return false;
  }
}

void Interpreter::refuse_opcode(std::uint8_t opcode) const {
  const auto name = opcode_name(opcode);
  const auto what = name.empty() ? fmt::format("{:#04x}, which is none", opcode)
                                 : fmt::format("{}, which torch.save does not write", name);
  fail_at(m_reader.offset() - 1, fmt::format("pickle opcode {}", what),
          "take the file from its source again; do not load it");
}

void Interpreter::refuse_globals(std::uint64_t offset) {
  m_reader.seek(m_begin);
  throw refusal(at_byte(m_file, offset), list_globals(m_reader.take(m_reader.remaining())));
}

void Interpreter::push_large_integer(std::size_t size) {
  const auto bytes = m_reader.take(size);
  if (size > 8) {
    push(add(Kind::large_integer, 0));
    return;
  }
  // Two's complement, little-endian, of any length.
  const bool negative = size > 0 && (std::to_integer<unsigned>(bytes.back()) & 0x80U) != 0;
  std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
  std::memcpy(&value, bytes.data(), size);
  push_integer(static_cast<std::int64_t>(value));
}

void Interpreter::push_text(std::size_t size) {
  const auto text = m_reader.text(size);
  push(add(Kind::text, std::bit_cast<std::uint64_t>(text.data()), static_cast<std::uint32_t>(text.size())));
}

void Interpreter::push_python2_text(std::size_t size) {
  push_text(size);
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (!std::ranges::all_of(m_document.text(m_stack.back()), is_ascii)) m_document.m_python2_text = true;
}

void Interpreter::push_global() {
  const auto at = m_reader.offset();
  const auto module = m_reader.line(k_line_limit);
  push_global(at - 1, module, m_reader.line(k_line_limit));
}

void Interpreter::push_stack_global() {
  const auto at = m_reader.offset() - 1;
  const auto name = pop();
  const auto module = pop();
  if (m_document.kind(name) != Kind::text || m_document.kind(module) != Kind::text)
    fail_at(at, "the pickle names a class by values that are no text");
  push_global(at, m_document.text(module), m_document.text(name));
}

void Interpreter::push_global(std::uint64_t at, std::string_view module, std::string_view name) {
  Global global{module, name, find_global(module, name)};
  const bool admitted =
      (m_rules.torchscript && (module == "__torch__" || module.starts_with("__torch__."))) ||
      (m_rules.distributed && module.starts_with("torch.distributed.") && name.find('.') == std::string_view::npos);
  if (global.known == nullptr && !admitted) refuse_globals(at);
  auto& globals = m_document.m_globals;
  globals.push_back(global);
  push(add(Kind::global, globals.size() - 1));
}

void Interpreter::push_persistent() {
  const auto id = add(Kind::persistent, pop());
  m_document.m_persistents.push_back(id);
  push(id);
}

void Interpreter::push_call(bool construct) {
  const auto at = m_reader.offset() - 1;
  const auto arguments = pop();
  const auto callee = pop();
  if (m_document.kind(callee) != Kind::global) fail_at(at, "the pickle calls a value that is no class or function");
  if (m_document.kind(arguments) != Kind::tuple) fail_at(at, "the pickle calls with arguments that are no tuple");
  const auto& global = m_document.global(callee);
  const bool allowed =
      global.known == nullptr || (construct ? global.known->role == Role::record : may_be_called(global.known->role));
  if (!allowed) {
    fail_at(at, fmt::format("the pickle calls {}.{}, which torch.save never does", escape_unprintable(global.module),
                            escape_unprintable(global.name)));
  }
  push(add_container(Kind::call, {{}, callee, arguments, Document::k_no_id}));
}

void Interpreter::build() {
  const auto at = m_reader.offset() - 1;
  const auto state = pop();
  const auto target = top();
  const bool call = m_document.kind(target) == Kind::call;
  const auto* const known = call ? m_document.global(m_document.callee(target)).known : nullptr;
  const bool allowed = call && (known == nullptr || known->role == Role::ordered_dict || known->role == Role::record);
  if (!allowed) fail_at(at, "the pickle sets attributes on a value that has none in a checkpoint");
  auto& container = m_document.m_containers[m_document.m_values[target].payload];
  if (container.state != Document::k_no_id) fail_at(at, "the pickle sets the attributes of a value twice");
  container.state = state;
}

void Interpreter::set_items(Id target, std::span<const Id> pairs) {
  const bool plain_record = m_document.is_call(target, Role::record);
  if (!m_document.is_mapping(target) && !plain_record)
    m_reader.fail("the pickle sets an item on a value that is no dict");
  if (pairs.size() % 2 != 0) m_reader.fail("the pickle sets a key without a value");
  auto& items = m_document.m_containers[m_document.m_values[target].payload].items;
  items.insert(items.end(), pairs.begin(), pairs.end());
}

void Interpreter::append(Id target, std::span<const Id> values) {
  if (m_document.kind(target) != Kind::list && !m_document.is_call(target, Role::record)) {
    m_reader.fail("the pickle appends to a value that is no list");
  }
  auto& items = m_document.m_containers[m_document.m_values[target].payload].items;
  items.insert(items.end(), values.begin(), values.end());
}

void Interpreter::set_marked() {
  const std::vector<Id> values(marked().begin(), marked().end());
  drop_marked();
  set_items(top(), values);
}

void Interpreter::append_marked() {
  const std::vector<Id> values(marked().begin(), marked().end());
  drop_marked();
  append(top(), values);
}

void Interpreter::put(std::size_t index) {
  const auto value = top();
  // Picklers number their memo from 0 without gaps, so that an index beyond it is an attempt at its memory.
  if (index > m_memo.size()) m_reader.fail(fmt::format("the pickle stores value {} before {}", index, m_memo.size()));
  if (index == m_memo.size()) {
    m_memo.push_back(value);
  } else {
    m_memo[index] = value;
  }
}

void Interpreter::get(std::size_t index) {
  if (index >= m_memo.size()) m_reader.fail(fmt::format("the pickle recalls value {} of {}", index, m_memo.size()));
  push(m_memo[index]);
}

Document read(std::string_view file, ByteReader& reader, const Rules& rules) {
  return Interpreter(file, reader, rules).run();
}

}  // namespace goldseal::pickle

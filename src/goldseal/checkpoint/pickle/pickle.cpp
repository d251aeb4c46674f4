// SPDX-License-Identifier: Apache-2.0
// The pickle format is defined by Python's Lib/pickletools.py. The opcodes admitted here are those that torch.save's
// own objects need at protocol 2 (NEWOBJ only for TorchScript's classes and for records beside the weights).
#include <goldseal/checkpoint/pickle/pickle.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/pickle/pickle_opcodes.hpp>
#include <goldseal/checkpoint/pickle/pickle_refusal.hpp>
#include <goldseal/checkpoint/pickle/virtual_machine.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

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

constexpr std::size_t k_line_limit = 1024;

class Interpreter {
 public:
  Interpreter(std::string_view file, ByteReader& reader, const Rules& rules)
      : m_file(file), m_reader(reader), m_rules(rules), m_begin(reader.position()), m_machine(file, reader) {}

  Document run() {
    const auto protocol_at = m_reader.offset();
    const auto first = m_reader.little<std::uint8_t>();
    if (first != op::proto) refuse_unmarked(protocol_at, first);
    check_protocol(m_reader.little<std::uint8_t>());
    while (step()) {
    }
    return m_machine.finish();
  }

 private:
  bool step();
  bool step_protocol4(std::uint8_t opcode);
  bool step_foreign(std::uint8_t opcode);
  void check_protocol(unsigned protocol);
  [[noreturn]] void refuse_unmarked(std::uint64_t at, std::uint8_t first) const;
  void push_global();
  void push_global(std::uint64_t at, std::string_view module, std::string_view name);
  void push_stack_global();
  [[noreturn]] void fail_at(std::uint64_t offset, std::string message, std::string remedy = {}) const {
    throw Error(ErrorKind::malformed, at_byte(m_file, offset), std::move(message), std::move(remedy));
  }
  [[noreturn]] void refuse_opcode(std::uint8_t opcode) const;
  [[noreturn]] void refuse_globals(std::uint64_t offset);

  bool admits_foreign();

  std::string_view m_file;
  ByteReader& m_reader;
  const Rules& m_rules;
  std::size_t m_begin;
  bool m_foreign = false;  // the whole pickle was looked through for code, and has none
  Machine m_machine;
};

/// Protocols 0 and 1 do not say which they are: they begin with the object.
void Interpreter::refuse_unmarked(std::uint64_t at, std::uint8_t first) const {
  const bool object = first == op::mark || first == op::empty_dict || first == op::empty_list || first == op::global;
  if (!object) fail_at(at, "expected a pickle of protocol 2 or 3");
  throw Error(ErrorKind::unsupported, at_byte(m_file, at),
              "a pickle of protocol 0 or 1: torch.save writes 2, and torch.load(weights_only=True) reads 2 and 3",
              "save it again with torch.save, without pickle_protocol");
}

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
      m_machine.mark();
      break;
    case op::none:
      m_machine.push(Machine::k_none);
      break;
    case op::new_true:
      m_machine.push(Machine::k_true);
      break;
    case op::new_false:
      m_machine.push(Machine::k_false);
      break;
    case op::bin_int:
      m_machine.push_integer(m_reader.little<std::int32_t>());
      break;
    case op::bin_int1:
      m_machine.push_integer(m_reader.little<std::uint8_t>());
      break;
    case op::bin_int2:
      m_machine.push_integer(m_reader.little<std::uint16_t>());
      break;
    case op::long1:
      m_machine.push_large_integer(m_reader.little<std::uint8_t>());
      break;
    case op::bin_float:
      // The one big-endian field of the format.
      m_machine.push_real(__builtin_bswap64(m_reader.little<std::uint64_t>()));
      break;
    case op::bin_unicode:
      m_machine.push_text(m_reader.little<std::uint32_t>());
      break;
    case op::short_bin_string:
      m_machine.push_python2_text(m_reader.little<std::uint8_t>());
      break;
    case op::empty_tuple:
      m_machine.push(Machine::k_empty_tuple);
      break;
    case op::tuple1:
      m_machine.push_tuple(1);
      break;
    case op::tuple2:
      m_machine.push_tuple(2);
      break;
    case op::tuple3:
      m_machine.push_tuple(3);
      break;
    case op::tuple:
      m_machine.push_marked_tuple();
      break;
    case op::empty_list:
      m_machine.push_list();
      break;
    case op::empty_dict:
      m_machine.push_dict();
      break;
    case op::append:
      m_machine.append_top();
      break;
    case op::appends:
      m_machine.append_marked();
      break;
    case op::set_item:
      m_machine.set_top();
      break;
    case op::set_items:
      m_machine.set_marked();
      break;
    case op::global:
      push_global();
      break;
    case op::bin_persid:
      m_machine.push_persistent();
      break;
    case op::reduce:
      m_machine.push_call(false);
      break;
    case op::new_object:
      m_machine.push_call(true);
      break;
    case op::build:
      m_machine.build();
      break;
    case op::bin_put:
      m_machine.put(m_reader.little<std::uint8_t>());
      break;
    case op::long_bin_put:
      m_machine.put(m_reader.little<std::uint32_t>());
      break;
    case op::bin_get:
      m_machine.get(m_reader.little<std::uint8_t>());
      break;
    case op::long_bin_get:
      m_machine.get(m_reader.little<std::uint32_t>());
      break;
    default:
      if (m_rules.distributed && step_protocol4(opcode)) break;
      if (!m_rules.foreign || !step_foreign(opcode)) refuse_opcode(opcode);
  }
  return true;
}

bool Interpreter::step_protocol4(std::uint8_t opcode) {
  switch (opcode) {
    case op::frame:
      (void)m_reader.little<std::uint64_t>();  // how much a stream reads ahead; nothing to a file in memory
      return true;
    case op::memoize:
      m_machine.memoize();
      return true;
    case op::short_bin_unicode:
      m_machine.push_text(m_reader.little<std::uint8_t>());
      return true;
    case op::stack_global:
      push_stack_global();
      return true;
    default:
      return false;
  }
}

/// What Python writes for objects and texts that no state dict holds, at protocols 2 and 3.
bool Interpreter::step_foreign(std::uint8_t opcode) {
  switch (opcode) {
    case op::pop:
      m_machine.drop_top();
      return true;
    case op::pop_mark:
      m_machine.drop_group();
      return true;
    case op::long4:
      m_machine.push_large_integer(m_reader.little<std::uint32_t>());
      return true;
    case op::bin_bytes:
      m_machine.push_text(m_reader.little<std::uint32_t>());
      return true;
    case op::short_bin_bytes:
      m_machine.push_text(m_reader.little<std::uint8_t>());
      return true;
    case op::bin_string:
      m_machine.push_python2_text(m_reader.little<std::uint32_t>());
      return true;
    default:
      return false;
  }
}

void Interpreter::refuse_opcode(std::uint8_t opcode) const {
  const auto name = opcode_name(opcode);
  const auto what = name.empty() ? fmt::format("{:#04x}, which Python does not define", opcode)
                                 : fmt::format("{}, which torch.save does not write", name);
  fail_at(m_reader.offset() - 1, fmt::format("pickle opcode {}", what),
          "take the file from its source again; do not load it");
}

void Interpreter::refuse_globals(std::uint64_t offset) {
  m_reader.seek(m_begin);
  throw refusal(at_byte(m_file, offset), list_globals(m_reader.take(m_reader.remaining())));
}

/// Once for a pickle: one function that runs code, wherever it is, and nothing of it is taken.
bool Interpreter::admits_foreign() {
  if (!m_rules.foreign || m_foreign) return m_foreign;
  const auto position = m_reader.position();
  m_reader.seek(m_begin);
  const auto globals = list_globals(m_reader.take(m_reader.remaining()));
  m_reader.seek(position);
  const auto is_code = [](const auto& global) {
    const auto& [module, name] = global;
    const bool known = find_global(module, name) != nullptr || find_enum_member(module, name) != nullptr;
    return !known && runs_code(module, name);
  };
  m_foreign = std::ranges::none_of(globals, is_code);
  return m_foreign;
}

void Interpreter::push_global() {
  const auto at = m_reader.offset();
  const auto module = m_reader.line(k_line_limit);
  push_global(at - 1, module, m_reader.line(k_line_limit));
}

void Interpreter::push_stack_global() {
  const auto at = m_reader.offset() - 1;
  const auto name = m_machine.pop_text();
  push_global(at, m_machine.pop_text(), name);
}

void Interpreter::push_global(std::uint64_t at, std::string_view module, std::string_view name) {
  Global global{module, name, find_global(module, name)};
  if (global.known == nullptr && (m_rules.distributed || (m_rules.foreign && admits_foreign())))
    global.known = find_enum_member(module, name);
  const bool admitted =
      (m_rules.torchscript && (module == "__torch__" || module.starts_with("__torch__."))) ||
      (m_rules.distributed && module.starts_with("torch.distributed.") && name.find('.') == std::string_view::npos);
  if (global.known == nullptr && !admitted && (!admits_foreign() || runs_code(module, name))) refuse_globals(at);
  m_machine.push_global(global);
}

}  // namespace

Document read(std::string_view file, ByteReader& reader, const Rules& rules) {
  return Interpreter(file, reader, rules).run();
}

}  // namespace goldseal::pickle

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/pickle/pickle_opcodes.hpp>

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/messages/error.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <string>

namespace goldseal::pickle {
namespace {

/// How an opcode's argument is laid out: a fixed number of bytes, a length of so many bytes with what it counts, or
/// text up to the next newline.
enum class Argument : std::uint8_t { none, bytes1, bytes2, bytes4, bytes8, sized1, sized4, sized8, line, lines2 };

struct Opcode {
  std::uint8_t code;
  std::string_view name;
  Argument argument;
};

// All opcodes up to protocol 5, by code (Python's Lib/pickletools.py).
constexpr std::array k_opcodes{
    Opcode{0x28, "MARK", Argument::none},          Opcode{0x29, "EMPTY_TUPLE", Argument::none},
    Opcode{0x2e, "STOP", Argument::none},          Opcode{0x30, "POP", Argument::none},
    Opcode{0x31, "POP_MARK", Argument::none},      Opcode{0x32, "DUP", Argument::none},
    Opcode{0x42, "BINBYTES", Argument::sized4},    Opcode{0x43, "SHORT_BINBYTES", Argument::sized1},
    Opcode{0x46, "FLOAT", Argument::line},         Opcode{0x47, "BINFLOAT", Argument::bytes8},
    Opcode{0x49, "INT", Argument::line},           Opcode{0x4a, "BININT", Argument::bytes4},
    Opcode{0x4b, "BININT1", Argument::bytes1},     Opcode{0x4c, "LONG", Argument::line},
    Opcode{0x4d, "BININT2", Argument::bytes2},     Opcode{0x4e, "NONE", Argument::none},
    Opcode{0x50, "PERSID", Argument::line},        Opcode{0x51, "BINPERSID", Argument::none},
    Opcode{0x52, "REDUCE", Argument::none},        Opcode{0x53, "STRING", Argument::line},
    Opcode{0x54, "BINSTRING", Argument::sized4},   Opcode{0x55, "SHORT_BINSTRING", Argument::sized1},
    Opcode{0x56, "UNICODE", Argument::line},       Opcode{0x58, "BINUNICODE", Argument::sized4},
    Opcode{0x5d, "EMPTY_LIST", Argument::none},    Opcode{0x61, "APPEND", Argument::none},
    Opcode{0x62, "BUILD", Argument::none},         Opcode{0x63, "GLOBAL", Argument::lines2},
    Opcode{0x64, "DICT", Argument::none},          Opcode{0x65, "APPENDS", Argument::none},
    Opcode{0x67, "GET", Argument::line},           Opcode{0x68, "BINGET", Argument::bytes1},
    Opcode{0x69, "INST", Argument::lines2},        Opcode{0x6a, "LONG_BINGET", Argument::bytes4},
    Opcode{0x6c, "LIST", Argument::none},          Opcode{0x6f, "OBJ", Argument::none},
    Opcode{0x70, "PUT", Argument::line},           Opcode{0x71, "BINPUT", Argument::bytes1},
    Opcode{0x72, "LONG_BINPUT", Argument::bytes4}, Opcode{0x73, "SETITEM", Argument::none},
    Opcode{0x74, "TUPLE", Argument::none},         Opcode{0x75, "SETITEMS", Argument::none},
    Opcode{0x7d, "EMPTY_DICT", Argument::none},    Opcode{0x80, "PROTO", Argument::bytes1},
    Opcode{0x81, "NEWOBJ", Argument::none},        Opcode{0x82, "EXT1", Argument::bytes1},
    Opcode{0x83, "EXT2", Argument::bytes2},        Opcode{0x84, "EXT4", Argument::bytes4},
    Opcode{0x85, "TUPLE1", Argument::none},        Opcode{0x86, "TUPLE2", Argument::none},
    Opcode{0x87, "TUPLE3", Argument::none},        Opcode{0x88, "NEWTRUE", Argument::none},
    Opcode{0x89, "NEWFALSE", Argument::none},      Opcode{0x8a, "LONG1", Argument::sized1},
    Opcode{0x8b, "LONG4", Argument::sized4},       Opcode{0x8c, "SHORT_BINUNICODE", Argument::sized1},
    Opcode{0x8d, "BINUNICODE8", Argument::sized8}, Opcode{0x8e, "BINBYTES8", Argument::sized8},
    Opcode{0x8f, "EMPTY_SET", Argument::none},     Opcode{0x90, "ADDITEMS", Argument::none},
    Opcode{0x91, "FROZENSET", Argument::none},     Opcode{0x92, "NEWOBJ_EX", Argument::none},
    Opcode{0x93, "STACK_GLOBAL", Argument::none},  Opcode{0x94, "MEMOIZE", Argument::none},
    Opcode{0x95, "FRAME", Argument::bytes8},       Opcode{0x96, "BYTEARRAY8", Argument::sized8},
    Opcode{0x97, "NEXT_BUFFER", Argument::none},   Opcode{0x98, "READONLY_BUFFER", Argument::none},
};

const Opcode* find_opcode(std::uint8_t code) {
  const auto* const found = std::ranges::lower_bound(k_opcodes, code, {}, &Opcode::code);
  return found != k_opcodes.end() && found->code == code ? found : nullptr;
}

std::string_view read_argument(ByteReader& reader, Argument argument) {
  constexpr std::size_t k_no_limit = static_cast<std::size_t>(-1);
  switch (argument) {
    case Argument::none:
      return {};
    case Argument::bytes1:
      return reader.text(1);
    case Argument::bytes2:
      return reader.text(2);
    case Argument::bytes4:
      return reader.text(4);
    case Argument::bytes8:
      return reader.text(8);
    case Argument::sized1:
      return reader.text(reader.little<std::uint8_t>());
    case Argument::sized4:
      return reader.text(reader.little<std::uint32_t>());
    case Argument::sized8:
      return reader.text(reader.little<std::uint64_t>());
    case Argument::line:
    case Argument::lines2:
      return reader.line(k_no_limit);
  }
  return {};
}

/// Walks the opcodes and remembers what STACK_GLOBAL would take: the last two texts.
class GlobalLister {
 public:
  explicit GlobalLister(std::span<const std::byte> bytes) : m_reader("", bytes) {}

  std::vector<std::pair<std::string, std::string>> run() {
    try {
      while (!m_reader.at_end() && step()) {
      }
    } catch (const Error&) {  // cut short or damaged: what was found so far is the answer
    }
    return std::move(m_found);
  }

 private:
  bool step() {
    const auto* const opcode = find_opcode(m_reader.little<std::uint8_t>());
    if (opcode == nullptr) return false;
    const auto argument = read_argument(m_reader, opcode->argument);
    const bool text = opcode->argument == Argument::sized1 || opcode->argument == Argument::sized4;
    if (text) {
      m_before = m_last;
      m_last = argument;
    }
    if (opcode->argument == Argument::lines2) add(argument, read_argument(m_reader, Argument::line));
    if (opcode->name == "STACK_GLOBAL") add(m_before, m_last);
    return opcode->code != op::stop;
  }

  void add(std::string_view module, std::string_view name) {
    std::pair<std::string, std::string> global(module, name);
    if (m_seen.insert(global).second) m_found.push_back(std::move(global));
  }

  ByteReader m_reader;
  std::string_view m_before;
  std::string_view m_last;
  std::set<std::pair<std::string, std::string>> m_seen;
  std::vector<std::pair<std::string, std::string>> m_found;
};

}  // namespace

std::string_view opcode_name(std::uint8_t code) {
  const auto* const opcode = find_opcode(code);
  return opcode == nullptr ? std::string_view{} : opcode->name;
}

std::vector<std::pair<std::string, std::string>> list_globals(std::span<const std::byte> bytes) {
  return GlobalLister(bytes).run();
}

}  // namespace goldseal::pickle

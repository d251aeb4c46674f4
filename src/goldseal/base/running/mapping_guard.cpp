// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/running/mapping_guard.hpp>

#include <goldseal/base/messages/error.hpp>

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

// A distributed checkpoint has up to 100,000 files. The table takes memory only as far as it is used.
constexpr std::size_t k_most_mappings = std::size_t{1} << 17U;
constexpr auto k_no_slot = std::numeric_limits<std::size_t>::max();

struct Slot {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};  // 0: not in use
  std::atomic<bool> cut{false};
};

// A signal handler can reach nothing but statics.
std::array<Slot, k_most_mappings> g_slots;
std::atomic<std::size_t> g_used{0};
std::atomic<bool> g_cut{false};
std::uintptr_t g_page = 4096;

// Not for the handler.
std::mutex g_lock;
std::vector<std::size_t>& free_slots() {
  static std::vector<std::size_t> slots;
  return slots;
}
std::string& cut_path() {
  static std::string path;
  return path;
}
std::vector<const std::string*>& slot_paths() {
  static std::vector<const std::string*> paths;
  return paths;
}

// Of the bytes from `address` on to the end of the mapping nothing is left, or nothing can be read.
bool put_zeros(Slot& slot, std::uintptr_t address) {
  const auto begin = address / g_page * g_page;
  const auto end = (slot.end + g_page - 1) / g_page * g_page;
  void* const made = ::mmap(reinterpret_cast<void*>(begin), end - begin, PROT_READ,
                            MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return made != MAP_FAILED;
}

extern "C" void goldseal_note_cut(int signal, siginfo_t* info, void*) {
  const int saved = errno;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const auto used = info->si_code > 0 ? g_used.load() : 0;  // else somebody sent it
  for (std::size_t i = 0; i < used; ++i) {
    auto& slot = g_slots[i];
    if (address < slot.begin || address >= slot.end) continue;
    if (!put_zeros(slot, address)) break;
    slot.cut = true;
    g_cut = true;
    errno = saved;
    return;
  }
  ::signal(signal, SIG_DFL);
  if (info->si_code <= 0) ::raise(signal);
}

std::size_t take_slot() {
  auto& free = free_slots();
  if (!free.empty()) {
    const auto slot = free.back();
    free.pop_back();
    return slot;
  }
  const auto slot = g_used.load();
  if (slot == k_most_mappings) return k_no_slot;  // what is not in the table ends the process, as ever
  slot_paths().push_back(nullptr);
  ++g_used;
  return slot;
}

std::string first_cut_path() {
  const std::scoped_lock guard(g_lock);
  if (!cut_path().empty()) return cut_path();
  for (std::size_t i = 0; i < g_used; ++i) {
    if (g_slots[i].cut && slot_paths()[i] != nullptr) return *slot_paths()[i];
  }
  return {};
}

}  // namespace

void catch_cut_mappings() {
  g_page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = goldseal_note_cut;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, nullptr);
}

void throw_if_cut() {
  if (!g_cut) return;
  throw Error(ErrorKind::changed, first_cut_path(),
              "the file was cut short while it was read, or the disk cannot read it",
              "run again when nothing writes to it; if it stays, look at the disk");
}

MappingGuard::MappingGuard(const void* begin, std::size_t bytes, std::string path) : m_path(std::move(path)) {
  const std::scoped_lock guard(g_lock);
  m_slot = take_slot();
  if (m_slot == k_no_slot) return;
  slot_paths()[m_slot] = &m_path;
  auto& slot = g_slots[m_slot];
  slot.cut = false;
  slot.begin = reinterpret_cast<std::uintptr_t>(begin);
  slot.end = slot.begin + bytes;
}

MappingGuard::~MappingGuard() {
  if (m_slot == k_no_slot) return;
  const std::scoped_lock guard(g_lock);
  auto& slot = g_slots[m_slot];
  slot.end = 0;
  if (slot.cut && cut_path().empty()) cut_path() = m_path;
  slot.cut = false;
  slot_paths()[m_slot] = nullptr;
  free_slots().push_back(m_slot);
}

}  // namespace goldseal

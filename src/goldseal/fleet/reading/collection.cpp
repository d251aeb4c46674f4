// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/reading/collection.hpp>

#include <goldseal/base/files/descriptor.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/running/interrupt.hpp>
#include <goldseal/base/running/parallel.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

namespace goldseal::fleet {
namespace {

namespace fs = std::filesystem;

constexpr int k_deepest = 8;
constexpr std::size_t k_most_files = 4'000'000;

struct Found {
  std::string path;
  bool named = false;   // by the user: whatever it is, it is to be a report
  bool nested = false;  // in a directory below one that the user named
};

class Search {
 public:
  explicit Search(Collection& collection) : m_bad(collection.bad), m_silent(collection.silent), m_links(collection.links) {}

  void add(const fs::path& path) {
    std::error_code error;
    const auto status = fs::status(path, error);
    if (!fs::exists(status)) {
      throw Error(ErrorKind::usage, path.string(), "expected a report, or a directory of reports, found nothing there",
                  "name what the nodes wrote with --report-dir");
    }
    if (fs::is_directory(status)) {
      walk(path, 0);
    } else {
      m_found.push_back({path.string(), true, true});
    }
  }

  std::vector<Found> take() {
    std::ranges::sort(m_found, {}, &Found::path);
    const auto same = [](const Found& a, const Found& b) { return a.path == b.path; };
    m_found.erase(std::unique(m_found.begin(), m_found.end(), same), m_found.end());
    return std::move(m_found);
  }

 private:
  void walk(const fs::path& directory, int depth) {
    throw_if_interrupted();
    std::error_code error;
    fs::directory_iterator entries(directory, error);
    for (const fs::directory_iterator end; !error && entries != end; entries.increment(error)) look_at(*entries, depth);
    if (error) m_bad.push_back({directory.string(), directory.filename().string(), Defect::unreadable, error.message()});
  }

  void look_at(const fs::directory_entry& entry, int depth) {
    const auto name = entry.path().filename().string();
    if (name.starts_with('.')) return;
    std::error_code error;
    const auto status = entry.symlink_status(error);
    if (error) {  // whatever it is, a node's reports may lie there
      if (error != std::errc::no_such_file_or_directory) m_bad.push_back({entry.path().string(), name, Defect::unreadable, error.message()});
    } else if (fs::is_directory(status)) {
      const auto known = m_found.size() + m_bad.size();
      if (depth < k_deepest) walk(entry.path(), depth + 1);
      if (depth == 0 && m_found.size() + m_bad.size() == known) m_silent.push_back(name);
    } else if (depth == 0 && fs::is_symlink(status) && !name.ends_with(".json") && fs::is_directory(entry.path(), error)) {
      m_links.push_back(name);
    } else if (name.ends_with(".json")) {
      if (m_found.size() == k_most_files) {
        throw Error(ErrorKind::usage, entry.path().string(), fmt::format("expected at most {} reports", k_most_files),
                    "merge a part of the directory");
      }
      m_found.push_back({entry.path().string(), false, depth > 0});
    }
  }

  std::vector<BadFile>& m_bad;
  std::vector<std::string>& m_silent;
  std::vector<std::string>& m_links;
  std::vector<Found> m_found;
};

// The whole of a file in `buffer`, which only grows; why it cannot be read otherwise.
std::optional<std::string> read_whole(const Found& file, std::string& buffer, std::size_t& size) {
  const int links = file.named ? 0 : O_NOFOLLOW;
  Descriptor descriptor(retried([&] { return ::open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | links); }));
  if (descriptor.get() < 0)
    return errno == ELOOP ? "it is a link, and links are not followed" : std::generic_category().message(errno);
  struct ::stat info {};
  if (::fstat(descriptor.get(), &info) != 0) return std::generic_category().message(errno);
  if (!S_ISREG(info.st_mode)) return "it must be a regular file";
  if (static_cast<std::uint64_t>(info.st_size) > k_max_report_bytes)
    return fmt::format("it has {}, a report at most {}", format_bytes(static_cast<std::uint64_t>(info.st_size)),
                       format_bytes(k_max_report_bytes));
  // One byte more than there should be tells that it grew.
  const auto wanted = static_cast<std::size_t>(info.st_size) + 1;
  if (buffer.size() < wanted) buffer.resize(wanted);
  size = 0;
  while (size < wanted) {
    const auto got = retried([&] { return ::read(descriptor.get(), buffer.data() + size, wanted - size); });
    if (got < 0) return std::generic_category().message(errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size == wanted) return "it grew while it was read";
  return std::nullopt;
}

std::string folder_of(const Found& file) {
  return file.nested ? fs::path(file.path).parent_path().filename().string() : std::string();
}

// What one thread read, with the place of each among the files.
struct Part {
  std::vector<std::pair<std::size_t, NodeReport>> reports;
  std::vector<BadFile> bad;
};

void read_some(const std::vector<Found>& files, std::atomic<std::size_t>& next, Names& names, Part& part) {
  ReportReader reader(names);
  std::string buffer;
  for (auto i = next++; i < files.size(); i = next++) {
    if (i % 256 == 0) throw_if_interrupted();
    std::size_t size = 0;
    const auto& file = files[i];
    if (auto refused = read_whole(file, buffer, size)) {
      part.bad.push_back({file.path, folder_of(file), Defect::unreadable, std::move(*refused)});
      continue;
    }
    NodeReport report;
    auto bad = reader.read(std::string_view(buffer).substr(0, size), file.path, folder_of(file), report);
    if (!bad) {
      part.reports.emplace_back(i, std::move(report));
      continue;
    }
    // What the user named is no stray file.
    if (bad->defect == Defect::foreign && file.named) bad->defect = Defect::unreadable;
    part.bad.push_back(std::move(*bad));
  }
}

}  // namespace

Collection collect(std::span<const fs::path> paths, Names& names) {
  Collection collection;
  Search search(collection);
  for (const auto& path : paths) search.add(path);
  const auto files = search.take();
  collection.files = files.size();
  std::vector<Part> parts(std::min<std::size_t>(available_processors(), std::max<std::size_t>(files.size(), 1)));
  std::atomic<std::size_t> next{0};
  parallel_for(parts.size(), [&](std::size_t i) { read_some(files, next, names, parts[i]); });
  std::vector<std::pair<std::size_t, NodeReport>> reports;
  for (auto& part : parts) {
    std::ranges::move(part.reports, std::back_inserter(reports));
    part.reports = {};
    for (auto& bad : part.bad) {
      if (bad.defect == Defect::foreign) {
        ++collection.foreign;
      } else {
        collection.bad.push_back(std::move(bad));
      }
    }
  }
  std::ranges::sort(reports, {}, &std::pair<std::size_t, NodeReport>::first);
  collection.reports.reserve(reports.size());
  for (auto& [place, report] : reports) collection.reports.push_back(std::move(report));
  std::ranges::sort(collection.bad, {}, &BadFile::path);
  return collection;
}

}  // namespace goldseal::fleet

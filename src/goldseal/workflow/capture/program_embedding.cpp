// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/capture/program_embedding.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/workflow/answers/case_runner.hpp>
#include <goldseal/workflow/capture/architecture_embedding.hpp>
#include <goldseal/workflow/capture/batches.hpp>
#include <goldseal/workflow/loading/architecture.hpp>
#include <goldseal/workflow/loading/loading.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

struct Form {
  ProgramForm form;
  std::string_view label;
  std::string_view what;
};

// In this order: a program of torch.export runs on every LibTorch, an archive keeps branches on data, and a trace keeps
// the branches that the golden inputs took.
constexpr std::array k_forms{Form{ProgramForm::exported, "torch.export", "a program of torch.export"},
                             Form{ProgramForm::script, "TorchScript", "TorchScript"},
                             Form{ProgramForm::trace, "a trace", "a trace of the golden inputs in TorchScript"}};

// How the checkpoint maps onto the program's network; nothing where that takes other weights than the code. What was
// admitted besides is that which the code leaves out, not what a pattern would name: a weight of the code that a program
// has frozen is none of it.
std::optional<KeyMatch> match_program(const Checkpoint& checkpoint, const BuiltNetwork& code, const KeyMatch& of_code,
                                      BuiltNetwork& program) {
  add_held_by_program(checkpoint, program);
  const auto have = keys_of(checkpoint, code.renames);
  settle_ties(have, program.state_entries);
  auto match = match_keys(have, program.state_entries);
  std::erase_if(match.unexpected, [&](std::size_t i) { return std::ranges::count(of_code.left_out, i) > 0; });
  if (!match.complete()) return std::nullopt;
  return match;
}

// Two names that are one tensor in the program and two in the code: a program from before may be of a model that had
// them tied, and keys.tied would judge by it.
std::optional<std::string> find_tie_of_its_own(const std::vector<Key>& code, const std::vector<Key>& program) {
  std::map<std::string_view, std::string_view> group;
  for (const auto& key : code) group.emplace(key.name, key.tied_to());
  const auto in_code = [&](const std::string& name) {
    const auto found = group.find(name);
    return found == group.end() ? std::string_view(name) : found->second;
  };
  for (const auto& key : program)
    if (!key.alias_of.empty() && in_code(key.name) != in_code(key.alias_of))
      return fmt::format("it makes {} and {} one tensor, which are two in the code", key.alias_of, key.name);
  return std::nullopt;
}

// A program may have frozen the batch size that it was written down with.
bool answers_in_batches(Worker& worker, const SealedAnswers& sealed) {
  return sealed.batch == nullptr || takes_batches(worker, *sealed.batch, sealed.records, sealed.tensors);
}

// Nothing where the other worker's network, built from the file, gives the sealed answers too.
std::optional<std::string> find_deviation_of(Worker& judge, const ModelSpec& embedded, const Checkpoint& checkpoint,
                                             const BuiltNetwork& code, const KeyMatch& of_code,
                                             const SealedAnswers& sealed, bool kept, bool& in_batches) {
  auto network = build_network(judge, embedded);
  const auto match = match_program(checkpoint, code, of_code, network);
  if (!match) return "it takes other weights than the code";
  if (auto tie = kept ? find_tie_of_its_own(code.state_entries, network.state_entries) : std::nullopt) return tie;
  judge.load(checkpoint, assignments_of(*match, network.state_entries));
  const auto deviation = find_deviation(judge, sealed);
  in_batches = in_batches && !deviation && answers_in_batches(judge, sealed);
  judge.finish();
  if (deviation) return fmt::format("{}: {}", judge.hello().runtime, *deviation);
  return std::nullopt;
}

class Embedding {
 public:
  Embedding(Worker& worker, const Checkpoint& checkpoint, const BuiltNetwork& code, const KeyMatch& match,
            const SealedAnswers& sealed, fs::path directory, const std::function<std::unique_ptr<Worker>()>& judge)
      : m_worker(worker),
        m_checkpoint(checkpoint),
        m_code(code),
        m_match(match),
        m_sealed(sealed),
        m_directory(std::move(directory)),
        m_judge(judge) {}

  EmbeddedCode run() {
    std::string reasons;
    const Form* of_one_size = nullptr;  // gives the sealed answers, and takes no batch of the sealed size
    for (const auto& form : k_forms) {
      const auto reason = try_form(form);
      if (!reason && m_embedded.takes_batches) return std::move(m_embedded);
      if (reason) reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", form.label, *reason);
      if (!reason && of_one_size == nullptr) of_one_size = &form;
      discard();
    }
    if (of_one_size != nullptr) {
      const auto reason = try_form(*of_one_size);
      if (!reason) return std::move(m_embedded);
      reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", of_one_size->label, *reason);
    }
    throw Error(ErrorKind::unsupported, "the network's code", reasons,
                "seal without the architecture: a target then needs the code that builds the network, as --model says");
  }

 private:
  // Why the form does not do; nothing where it does. What was kept from earlier seals may have frozen what the weights
  // then were: it is written once more.
  std::optional<std::string> try_form(const Form& form) {
    bool kept = false;
    auto reason = try_program(form, false, kept);
    if (reason && kept) {
      discard();
      reason = try_program(form, true, kept);
    }
    return reason;
  }

  std::optional<std::string> try_program(const Form& form, bool anew, bool& kept) {
    try {
      const CaseRunner inputs(m_worker, m_sealed.tensors.front().inputs, "program-inputs");
      const auto written = m_worker.write_program({form.form, inputs.inputs(), m_worker.run_directory() / "program",
                                                   k_program_limit, k_most_program_bytes, anew});
      kept = written.kept;
      return embed_as(form, written);
    } catch (const Error& error) {
      // These end the capture too.
      if (error.kind() == ErrorKind::interrupted || !m_worker.is_well()) throw;
      return error.message();
    }
  }

  std::optional<std::string> embed_as(const Form& form, const WrittenProgram& written) {
    auto network = written.network;
    if (!match_program(m_checkpoint, m_code, m_match, network)) return "it takes other weights than the code";
    if (auto deviation = find_deviation(m_worker, m_sealed)) return deviation;
    const ModelSpec spec{written.builder, written.file.string(), written.options};
    m_embedded = {{written.builder, written.options},
                  embed(spec, written.network, m_directory),
                  std::string(form.what),
                  answers_in_batches(m_worker, m_sealed)};
    if (m_embedded.file.bytes > k_most_program_bytes) return "it is too large";
    return ask_judge({written.builder, (m_directory / m_embedded.file.path).string(), written.options}, written.kept);
  }

  std::optional<std::string> ask_judge(const ModelSpec& embedded, bool kept) {
    const auto judge = m_judge();
    if (!judge) return std::nullopt;
    return find_deviation_of(*judge, embedded, m_checkpoint, m_code, m_match, m_sealed, kept, m_embedded.takes_batches);
  }

  void discard() {
    std::error_code ignored;
    if (!m_embedded.file.path.empty()) fs::remove(m_directory / m_embedded.file.path, ignored);
    m_embedded = {};
  }

  Worker& m_worker;
  const Checkpoint& m_checkpoint;
  const BuiltNetwork& m_code;
  const KeyMatch& m_match;
  const SealedAnswers& m_sealed;
  fs::path m_directory;
  const std::function<std::unique_ptr<Worker>()>& m_judge;
  EmbeddedCode m_embedded;
};

}  // namespace

EmbeddedCode embed_code(Worker& worker, const Checkpoint& checkpoint, const BuiltNetwork& code, const KeyMatch& match,
                        const SealedAnswers& sealed, const fs::path& directory,
                        const std::function<std::unique_ptr<Worker>()>& judge) {
  return Embedding(worker, checkpoint, code, match, sealed, directory, judge).run();
}

}  // namespace goldseal

// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/verb.hpp>

#include <array>
#include <string>

namespace goldseal::cli {
namespace {

constexpr std::array k_verbs{
    Verb{"capture", "Seal a checkpoint: its tensors, this machine, and golden inputs with their outputs", add_capture,
         true},
    Verb{"seal", "Seal a directory of transformers, diffusers, timm or sentence-transformers", add_seal},
    Verb{"verify", "Judge everything here: files, machine, and the model run on the golden inputs", add_verify, true},
    Verb{"check", "Judge what can be known without running the model; needs no PyTorch", add_check, true},
    Verb{"doctor", "Show what this machine can run, what is missing, and the command that mends it", add_doctor},
    Verb{"probe", "Show this machine as goldseal sees it", add_probe},
    Verb{"diff", "Show how two machines, seals or checkpoints differ, the most important difference first", add_diff},
    Verb{"inspect", "Show what is in a checkpoint, without executing anything in it", add_inspect},
    Verb{"convert", "Rewrite a checkpoint: as safetensors or .pth, without wrapper prefixes", add_convert},
    Verb{"sign", "Sign a seal, so that whoever judges it knows who made it", add_sign},
    Verb{"attest", "Attest a verdict, so that other machines can rely on it", add_attest},
    Verb{"bom", "Write the bill of materials of a seal (CycloneDX)", add_bom},
    Verb{"explain", "Explain a check", add_explain},
    Verb{"merge", "Judge many machines by their reports: which are missing, which fail, which differ from their equals",
         add_merge, true},
    Verb{"report", "Show a saved JSON report again, in another format", add_report, true},
    Verb{"schema", "Print the JSON Schema of reports", add_schema},
    Verb{"config", "Show every setting with its value, and where that comes from", add_config},
    Verb{"runtime", "List PyTorch runtimes and their workers, or build a worker", add_runtime},
    Verb{"completion", "Print the completions of a shell, for packages", add_completion},
    Verb{"manual", "Write the manual pages, for packages", add_manual},
};

}  // namespace

std::span<const Verb> verbs() { return k_verbs; }

DeclaredVerb::DeclaredVerb(const Verb& verb)
    : app(std::string(verb.summary), std::string(verb.name)), action(verb.add(app, common)) {
  add_common(app, common, verb.judges);
}

}  // namespace goldseal::cli

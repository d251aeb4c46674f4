// SPDX-License-Identifier: Apache-2.0
#include <goldseal/hook.hpp>

#include "darknet/files.hpp"
#include "facts/libraries.hpp"
#include "hook/command.hpp"
#include "hook/module_network.hpp"
#include "protocol/channel.hpp"
#include "protocol/tensor_file.hpp"
#include "session.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <system_error>

namespace goldseal {
namespace {

using worker::ModuleNetwork;

// Gives the session a network that lives on after it.
class Borrowed final : public worker::Network {
 public:
  explicit Borrowed(ModuleNetwork& network) : m_network(network) {}
  const std::vector<worker::StateEntry>& state_entries() const override { return m_network.state_entries(); }
  const std::vector<worker::InputSpec>& inputs() const override { return m_network.inputs(); }
  const std::map<std::string, std::string>& configuration() const override { return m_network.configuration(); }
  void set(std::size_t index, const at::Tensor& tensor) override { m_network.set(index, tensor); }
  at::Tensor get(std::size_t index) const override { return m_network.get(index); }
  NamedTensors run(NamedTensors inputs, const worker::Transform& transform, const worker::LayerTap& tap) override {
    return m_network.run(std::move(inputs), transform, tap);
  }
  void release() override { m_network.release(); }

 private:
  ModuleNetwork& m_network;
};

// Whatever the command asks to build is the live module.
worker::Builders builders_of(ModuleNetwork& network) {
  worker::Builders builders;
  for (const char* form : {"aoti", "darknet", "export", "plugin", "program", "python", "torchscript"})
    builders[form] = [&network](const std::string&, const worker::BuildOptions&) -> std::unique_ptr<worker::Network> {
      return std::make_unique<Borrowed>(network);
    };
  return builders;
}

// The directory that holds include/ and lib/ of the LibTorch in this process; empty where it cannot be told.
std::string torch_prefix() {
  Dl_info info;
  const auto* const function = reinterpret_cast<const void*>(&at::detail::getDefaultCPUGenerator);
  if (::dladdr(function, &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code ignored;
  auto place = std::filesystem::canonical(info.dli_fname, ignored).parent_path();
  while (place.has_relative_path() && place.filename() != "lib" && place.filename() != "lib64")
    place = place.parent_path();
  return place.parent_path().string();
}

std::vector<HookFinding> findings_of(const std::string& json) {
  const auto report = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  std::vector<HookFinding> findings;
  if (!report.is_object()) return findings;
  const auto text = [](const nlohmann::json& finding, const char* key) {
    const auto found = finding.find(key);
    return found != finding.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  for (const auto& finding : report.value("findings", nlohmann::json::array()))
    findings.push_back(
        {text(finding, "id"), text(finding, "status"), text(finding, "message"), text(finding, "remedy")});
  return findings;
}

HookReport judge(std::vector<std::string> arguments, ModuleNetwork& network, torch::nn::Module& module,
                 const std::filesystem::path& directory) {
  const auto text = (directory / "report.txt").string();
  const auto prefix = torch_prefix();
  for (const auto& argument : {std::string("--runtime"), "attached=3" + (prefix.empty() ? "" : ":" + prefix),
                               std::string("--format"), std::string("json"), std::string("--report"), "text=" + text})
    arguments.push_back(argument);
  const worker::Preserved preserved(module);
  const auto result = worker::run_command(arguments, directory, [&](int descriptor) {
    worker::Channel channel(descriptor);
    worker::Session(channel, worker::open_gpu_library(), builders_of(network)).serve();
  });
  HookReport report{result.exit_code, result.errors, findings_of(result.output)};
  if (!report.findings.empty() && std::filesystem::exists(text)) report.text = worker::read_text_file(text, 64 << 20);
  return report;
}

HookReport without_verdict(const std::exception& error) { return {2, error.what(), {}}; }

std::vector<std::string> verify_arguments(const std::filesystem::path& seal, const VerifyOptions& options) {
  std::vector<std::string> arguments{"verify", seal.string(), "--timeout", std::to_string(options.timeout)};
  if (!options.checkpoint.empty()) arguments.insert(arguments.end(), {"--checkpoint", options.checkpoint.string()});
  if (!options.policy.empty()) arguments.insert(arguments.end(), {"--policy", options.policy});
  for (const auto& file : options.signed_by) arguments.insert(arguments.end(), {"--signed-by", std::filesystem::absolute(file).string()});
  for (const auto& name : options.identities) arguments.insert(arguments.end(), {"--identity", name});
  if (options.quick) arguments.insert(arguments.end(), {"--depth", "quick"});
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  return arguments;
}

HookReport judge_seal(const std::filesystem::path& seal, const LiveModule& module, const VerifyOptions& options,
                      bool replace) {
  try {
    const worker::PrivateDirectory directory;
    ModuleNetwork network(module, replace);
    auto report = judge(verify_arguments(seal, options), network, *module.module, directory.path());
    if (replace && report) network.adopt();
    return report;
  } catch (const std::exception& error) {
    return without_verdict(error);
  }
}

std::filesystem::path seal_of(const std::filesystem::path& checkpoint, const SealOptions& options) {
  return options.seal.empty() ? std::filesystem::path(checkpoint).replace_extension(".seal") : options.seal;
}

// A directory with a manifest of goldseal's and, beside it, nothing that a seal does not hold: nobody else's files are moved
// or lost.
bool is_seal(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  constexpr std::array<std::string_view, 6> own{"manifest.toml", "golden.safetensors", "model.sig", "architecture.cfg",
                                                "architecture.pt", "architecture.pt2"};
  std::error_code error;
  if (fs::is_symlink(path, error) || !fs::is_regular_file(path / "manifest.toml", error)) return false;
  std::ifstream file(path / "manifest.toml", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.find("\ngolden_sha256 = ") == std::string::npos) return false;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    const auto name = entry->path().filename().string();
    const bool known = std::find(own.begin(), own.end(), name) != own.end() || name.rfind("manifest.toml.", 0) == 0;
    if (!known || !fs::is_regular_file(entry->symlink_status(error))) return false;
  }
  return !error;
}

// The seal of the checkpoint that is written over does not stay beside the new one as if it were its own. Empty where
// there is none.
std::filesystem::path set_aside(const std::filesystem::path& seal) {
  if (!is_seal(seal)) return {};
  auto aside = seal;
  aside += ".before";
  std::error_code error;
  if (is_seal(aside)) std::filesystem::remove_all(aside, error);
  std::filesystem::rename(seal, aside, error);
  return error ? std::filesystem::path() : aside;
}

HookReport seal_checkpoint(ModuleNetwork& network, const LiveModule& module, const std::filesystem::path& checkpoint,
                           const NamedTensors& inputs, const SealOptions& options) {
  const worker::PrivateDirectory directory;
  const auto file = directory.path() / "inputs.safetensors";
  NamedTensors plain;
  for (const auto& [name, tensor] : inputs) plain.emplace_back(name, tensor.detach().to(at::kCPU).contiguous());
  worker::write_tensor_file(file.string(), plain);
  const auto seal = seal_of(checkpoint, options);
  std::vector<std::string> arguments{"capture",
                                     checkpoint.string(),
                                     "--model",
                                     options.model.empty() ? "program:" + module.name : options.model,
                                     "--output",
                                     seal.string(),
                                     "--force",
                                     "--timeout",
                                     std::to_string(options.timeout)};
  for (const auto& [name, tensor] : inputs) arguments.insert(arguments.end(), {"--input", name + "=" + file.string()});
  if (options.anonymous) arguments.emplace_back("--anonymous");
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  return judge(std::move(arguments), network, *module.module, directory.path());
}

// A name that is nobody's, beside the file whose place it takes.
std::filesystem::path staging_of(const std::filesystem::path& path) {
  std::random_device random;
  return path.parent_path() / ("." + path.filename().string() + "." + std::to_string(random()) + std::to_string(random()) + ".partial");
}

// Old or new, never torn.
void write_checkpoint(const ModuleNetwork& network, const std::filesystem::path& path) {
  std::error_code ignored;
  const auto resolved = std::filesystem::canonical(path, ignored);
  const auto target = ignored ? path : resolved;
  const auto temporary = staging_of(target);
  try {
    worker::write_tensor_file(temporary.string(), network.state());
    std::filesystem::rename(temporary, target);
  } catch (...) {
    std::filesystem::remove(temporary, ignored);
    throw;
  }
}

// A seal that was to be signed and is not is told as a failure; it lies there, unsigned.
void sign_seal(const std::filesystem::path& seal, const SealOptions& options, HookReport& report) {
  const worker::PrivateDirectory directory;
  std::vector<std::string> arguments{"sign", std::filesystem::absolute(seal).string(), "--key",
                                     std::filesystem::absolute(options.sign_key).string()};
  if (!options.sign_passphrase_file.empty())
    arguments.insert(arguments.end(), {"--passphrase-file", std::filesystem::absolute(options.sign_passphrase_file).string()});
  const auto result = worker::run_command(arguments, directory.path(), [](int) {});
  if (result.exit_code == 0) return;
  report.exit_code = result.exit_code;
  report.text = seal.string() + " was sealed and not signed: " + result.errors;
}

}  // namespace

HookReport save(const LiveModule& module, const std::filesystem::path& checkpoint, const NamedTensors& inputs,
                const SealOptions& options) {
  auto named = module;
  named.inputs.clear();
  for (const auto& [name, tensor] : inputs) named.inputs.push_back(name);
  ModuleNetwork network(named, false);
  const auto earlier = set_aside(seal_of(checkpoint, options));
  write_checkpoint(network, checkpoint);
  HookReport report;
  try {
    report = seal_checkpoint(network, module, checkpoint, inputs, options);
    if (report && !options.sign_key.empty()) sign_seal(seal_of(checkpoint, options), options, report);
  } catch (const std::exception& error) {
    report = without_verdict(error);
  }
  std::error_code ignored;
  if (report && !earlier.empty()) std::filesystem::remove_all(earlier, ignored);
  if (!report) std::cerr << "goldseal: " << checkpoint.string() << " was saved and not sealed\n" << report.text << '\n';
  return report;
}

HookReport verify(const std::filesystem::path& seal, const LiveModule& module, const VerifyOptions& options) {
  return judge_seal(seal, module, options, false);
}

HookReport load(const std::filesystem::path& seal, const LiveModule& module, const VerifyOptions& options) {
  return judge_seal(seal, module, options, true);
}

}  // namespace goldseal

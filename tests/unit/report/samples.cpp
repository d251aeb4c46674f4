// SPDX-License-Identifier: Apache-2.0
#include "report/samples.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

namespace goldseal::test {
namespace {

Finding pass(std::string id, std::string message) {
  Finding finding;
  finding.id = std::move(id);
  finding.message = std::move(message);
  finding.seconds = 0.0004;
  return finding;
}

// The 438 entries of YOLOv3's state dict: 75 convolutions, 72 of them with BatchNorm.
std::vector<TensorRow> yolov3_tensors() {
  std::vector<TensorRow> rows;
  std::int64_t channels = 3;
  for (int i = 0; i < 75; ++i) {
    const bool head = i == 58 || i == 66 || i == 74;
    const std::int64_t out =
        head ? 255 : std::array<std::int64_t, 5>{64, 128, 256, 512, 1024}[static_cast<std::size_t>(i / 15)];
    const std::int64_t kernel = i % 2 == 0 && !head ? 3 : 1;
    const auto prefix = fmt::format("module_list.{}", i + i / 3);
    rows.push_back({fmt::format("{}.conv_{}.weight", prefix, i + i / 3),
                    "float32",
                    {out, channels, kernel, kernel},
                    TensorState::verified,
                    ""});
    if (head) {
      rows.push_back({fmt::format("{}.conv_{}.bias", prefix, i + i / 3), "float32", {out}, TensorState::verified, ""});
    } else {
      for (const auto* name : {"weight", "bias", "running_mean", "running_var"})
        rows.push_back(
            {fmt::format("{}.batch_norm_{}.{}", prefix, i + i / 3, name), "float32", {out}, TensorState::verified, ""});
      rows.push_back({fmt::format("{}.batch_norm_{}.num_batches_tracked", prefix, i + i / 3),
                      "int64",
                      {},
                      TensorState::verified,
                      ""});
    }
    channels = out;
  }
  return rows;
}

std::vector<EnvironmentRow> environment() {
  return {{"torch.version", "2.13.0", "2.13.0", Status::pass},
          {"torch.cuda", "13.0", "13.0", Status::pass},
          {"cuda.driver", "580.82.07", "580.82.07", Status::pass},
          {"cudnn.version", "9.12.0", "9.10.2", Status::warn},
          {"gpu.0.name", "NVIDIA A100-SXM4-80GB", "NVIDIA A100-SXM4-80GB", Status::pass},
          {"gpu.0.capability", "8.0", "8.0", Status::pass},
          {"cpu.model", "AMD EPYC 7763", "Intel Xeon Platinum 8480+", Status::pass},
          {"cpu.isa", "avx2", "avx2, avx512f, amx", Status::pass},
          {"host.kernel", "5.15.0", "6.8.0", Status::skipped},
          {"numerics.threads", "64", "64", Status::pass},
          {"numerics.tf32.matmul", "false", "false", Status::pass},
          {"variables.OMP_NUM_THREADS", "", "8", Status::skipped}};
}

// Noise that grows slowly with depth; from layer `bad` on, unless that is negative, an error of about `ratio`.
std::vector<LayerError> layers(int bad, double ratio) {
  std::vector<LayerError> rows;
  std::uint32_t state = 1;
  for (int i = 0; i < 107; ++i) {
    state = state * 1664525U + 1013904223U;
    const double scatter = std::exp2(static_cast<double>(state >> 16U) / 65536.0 - 0.5);
    const bool over = bad >= 0 && i >= bad;
    rows.push_back({"street", fmt::format("module_list.{}", i), scatter * (over ? ratio : 1.6 + 0.03 * i), 256});
  }
  return rows;
}

// 48 by 32 pixels, and the same with red and blue changed round.
constexpr std::string_view k_picture =
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8"
    "ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAAR"
    "CAAgADADASIAAhEBAxEB/8QAFwABAQEBAAAAAAAAAAAAAAAAAwECBP/EABUQAQEAAAAAAAAAAAAAAAAAAAEA/8QAFwEBAAMAAAAAAAAAAAAA"
    "AAAAAwECBP/EABYRAQEBAAAAAAAAAAAAAAAAAAABEf/aAAwDAQACEQMRAD8ARKJIlEs2tFokokiUSto7RpZSRKJTorXUllJUspDpbRpRJEsp"
    "W0do0okiUSnRWv/Z";
constexpr std::string_view k_recoloured =
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8"
    "ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAAR"
    "CAAgADADASIAAhEBAxEB/8QAFwABAQEBAAAAAAAAAAAAAAAAAgABA//EABUQAQEAAAAAAAAAAAAAAAAAAAAR/8QAFwEBAQEBAAAAAAAAAAAA"
    "AAAAAwEEAP/EABYRAQEBAAAAAAAAAAAAAAAAAAABEf/aAAwDAQACEQMRAD8AyMhxRptZ9CMhxQdq65xQ4oK1ddYocZDWi0IocZB2u0IocZBW"
    "rr//2Q==";

std::vector<OutputError> outputs(double native, std::string remark) {
  std::vector<OutputError> rows;
  const double scale = native / 6.2;
  for (const auto* output : {"boxes_13", "boxes_26", "boxes_52"}) {
    const double spread = output[6] == '1' ? 1 : output[6] == '2' ? 0.8 : 0.6;
    rows.push_back({"street",
                    output,
                    "float64",
                    1.1e-8 * spread,
                    4.8e-7,
                    "",
                    {{k_first_decade, 15}, {-10, 3100}, {-9, 31200}, {-8, 8800}},
                    9.2e-8 * spread,
                    7.6e-6});
    const auto shift = static_cast<std::int64_t>(scale > 10 ? 3 : 0);
    rows.push_back({"street",
                    output,
                    "native",
                    native * spread,
                    68.8,
                    remark,
                    {{-2 + shift, 420}, {-1 + shift, 11400}, {0 + shift, 30150}, {1 + shift, 1100}},
                    4.2 * native * spread,
                    1101});
  }
  return rows;
}

Report base() {
  Report report;
  report.verb = "verify";
  report.subject = "yolov3.seal";
  report.target = "gpu-node-7";
  report.policy = "deploy";
  report.version = "0.1.0";
  report.started = "2026-03-14T09:26:53Z";
  report.stages = {{"read the seal", 0.003},          {"check the environment", 0.009},
                   {"read the checkpoint", 0.161},    {"load into libtorch 2.13.0", 0.42},
                   {"golden: street, float64", 1.31}, {"golden: street, native", 0.7}};
  report.facts = {{"checkpoint", "yolov3.pth, torch-zip, 438 tensors, 236.5 MiB"}, {"runtime", "libtorch 2.13.0"}};
  report.evidence.environment = environment();
  report.evidence.tensors = yolov3_tensors();
  report.findings = {pass("seal.digest", "the seal is as it was written"),
                     pass("environment.torch", "PyTorch 2.13.0, as sealed"),
                     pass("environment.driver", "driver 580.82.07 runs CUDA 13.0"),
                     pass("checkpoint.digest", "all 438 tensors have the digests that were sealed"),
                     pass("keys.match", "438 tensors map one to one onto the network's; `module.` was removed"),
                     pass("golden.loaded", "438 tensors in the network have the digests that were sealed")};
  Finding cudnn = pass("environment.cudnn", "cuDNN 9.10.2 is older than the sealed 9.12.0, of the same major version");
  cudnn.status = Status::warn;
  cudnn.severity = Severity::warn;
  cudnn.expected = "9.12.0, or any 9.x";
  cudnn.actual = "9.10.2 (/usr/lib/x86_64-linux-gnu/libcudnn.so.9)";
  cudnn.remedy = "install cuDNN 9.12 where bit-for-bit convolution algorithms matter";
  cudnn.origin = "yolov3.seal/manifest.toml:31";
  report.findings.push_back(cudnn);
  Finding python = pass("environment.python", "the runtime is libtorch, which needs no Python");
  python.status = Status::skipped;
  report.findings.push_back(python);
  Finding threads = pass("environment.threads", "Threads: not known of this machine");
  threads.status = Status::unknown;
  threads.expected = "64";
  report.findings.push_back(threads);
  return report;
}

Finding failure(std::string id, std::string message, std::string expected, std::string actual, std::string remedy,
                std::string origin) {
  Finding finding;
  finding.id = std::move(id);
  finding.status = Status::fail;
  finding.message = std::move(message);
  finding.expected = std::move(expected);
  finding.actual = std::move(actual);
  finding.remedy = std::move(remedy);
  finding.origin = std::move(origin);
  finding.seconds = 0.002;
  return finding;
}

void add_golden_passes(Report& report) {
  auto shadow = pass("golden.float64", "the float64 outputs agree with the sealed ones");
  shadow.measurements = {{"largest error over noise", 11.0, 256, ""}};
  auto native = pass("golden.native", "the outputs lie within the noise of float32");
  native.measurements = {{"largest error over noise", 6.2, 68.8, ""}, {"largest difference", 0.61, std::nullopt, ""}};
  report.findings.push_back(shadow);
  report.findings.push_back(native);
  report.findings.push_back(pass("golden.repeat", "two runs agree in every bit"));
}

}  // namespace

Report passing_report() {
  auto report = base();
  add_golden_passes(report);
  report.evidence.layers = layers(-1, 0);
  report.evidence.outputs = outputs(6.2, "");
  return report;
}

Report environment_failure() {
  auto report = base();
  report.verb = "check";
  report.target = "prod-t4.toml";
  report.stages.resize(2);
  report.evidence.tensors.clear();
  auto& rows = report.evidence.environment;
  rows[2].found = "535.161.08";
  rows[2].status = Status::fail;
  rows[4].found = "Tesla T4";
  rows[5].found = "7.5";
  rows[5].status = Status::fail;
  report.findings.resize(2);
  report.findings.push_back(
      failure("environment.driver", "the NVIDIA driver is too old for the CUDA runtime of this PyTorch",
              "driver 580.65.06 or newer (CUDA 13.0)", "driver 535.161.08 (CUDA 12.2)",
              "upgrade the driver, or install a PyTorch built for CUDA 12 (cu128)", "yolov3.seal/manifest.toml:14"));
  auto architecture = failure("environment.gpu-architecture", "this PyTorch holds no code for the GPU of the target",
                              "one of sm_80, sm_86, sm_90, sm_100, or PTX of 7.5 or older", "sm_75 (Tesla T4)",
                              "install a build whose arch list holds sm_75, or choose a GPU of Ampere or later",
                              "yolov3.seal/manifest.toml:22");
  architecture.tables = {{"GPUs of the target",
                          {"gpu", "name", "architecture", "memory (GiB)"},
                          {{"0", "Tesla T4", "sm_75", "15.0"}, {"1", "Tesla T4", "sm_75", "15.0"}}}};
  report.findings.push_back(architecture);
  report.next = "goldseal explain environment.driver";
  return report;
}

Report key_failure() {
  auto report = base();
  report.findings.resize(4);
  report.evidence.layers.clear();
  auto keys = failure(
      "keys.match", "the checkpoint's keys do not map one to one onto the network's",
      "438 tensors, all named and shaped as the network's", "3 of another shape, 2 missing, 2 unexpected",
      "the head is for 1 class, 3*(5+1) = 18 channels; give the cfg with classes=1, not 80", "yolov3.pth:/model");
  auto& tensors = report.evidence.tensors;
  Table shapes{"Shapes that differ", {"tensor", "checkpoint", "network"}, {}};
  for (auto& row : tensors) {
    if (row.shape.empty() || row.shape[0] != 255) continue;
    row.state = TensorState::mismatched;
    const auto rest = row.shape.size() == 4 ? fmt::format(", {}, 1, 1", row.shape[1]) : std::string{};
    row.note = fmt::format("checkpoint [18{0}], network [255{0}]", rest);
    shapes.rows.push_back({row.name, fmt::format("[18{}]", rest), fmt::format("[255{}]", rest)});
  }
  tensors[1].state = TensorState::missing;
  tensors[2].state = TensorState::missing;
  tensors.push_back({"module_list.0.bn_0.weight",
                     "float32",
                     {64},
                     TensorState::unexpected,
                     "did you mean module_list.0.batch_norm_0.weight?"});
  tensors.push_back({"module_list.0.bn_0.bias",
                     "float32",
                     {64},
                     TensorState::unexpected,
                     "did you mean module_list.0.batch_norm_0.bias?"});
  keys.tables = {shapes,
                 {"Missing",
                  {"tensor", "did you mean"},
                  {{tensors[1].name, "module_list.0.bn_0.weight"}, {tensors[2].name, "module_list.0.bn_0.bias"}}}};
  keys.measurements = {{"tensors that match", 430, 438, ""}};
  report.findings.push_back(keys);
  Finding golden = pass("golden.float64", "not run: the network could not be loaded");
  golden.status = Status::unknown;
  golden.severity = Severity::required;
  report.findings.push_back(golden);
  report.next = "goldseal explain keys.match";
  return report;
}

Report numeric_failure() {
  auto report = base();
  add_golden_passes(report);
  auto& native = report.findings[report.findings.size() - 2];
  native = failure("golden.native", "the outputs differ by more than the noise of float32; TF32 is at work",
                   "error over noise at most 68.8", "6340, which is typical of TF32 or float16",
                   "set torch.backends.cudnn.allow_tf32 = False, or allow TF32 with policy `deploy-tf32`",
                   "yolov3.seal/golden.safetensors: street/output");
  native.severity = Severity::required;
  native.measurements.clear();
  for (const auto* output : {"boxes_13", "boxes_26", "boxes_52"}) {
    const std::string name = fmt::format("street/{}", output);
    const std::vector<Measurement> measured{{name + ".diffuse", 6340.5, 16, "noise"},
                                            {name + ".local", 190, 256, "noise"},
                                            {name + ".rms", 0.0625, std::nullopt, ""},
                                            {name + ".psnr", 61.25, std::nullopt, "dB"}};
    native.measurements.insert(native.measurements.end(), measured.begin(), measured.end());
  }
  native.tables = {{"outputs",
                    {"output", "error/noise", "limit", "worst element", "expected", "found", "ulp", "cosine",
                     "PSNR (dB)", "top 1", "top 5"},
                    {{"street/boxes_13", "6.34e+03", "16", "(0, 412, 5)", "-1.58372", "-1.57991", "3.2e+04", "0.999998",
                      "61.2", "100%", "98.62%"},
                     {"street/boxes_26", "5.07e+03", "16", "(0, 1801, 84)", "0.000129041", "0.000114", "1.03e+06",
                      "0.999999", "63.9", "100%", "99.75%"},
                     {"street/boxes_52", "3.8e+03", "16", "(0, 9, 2)", "113.25", "113.291", "5.37e+03", "0.999999",
                      "64.1", "99.98%", "99.31%"}}}};
  auto& rows = report.evidence.environment;
  rows[10].found = "true";
  rows[10].status = Status::warn;
  report.evidence.layers = layers(4, 3000);
  report.evidence.outputs = outputs(6340, "TF32 or float16");
  for (const auto* output : {"boxes_13", "boxes_26", "boxes_52"})
    report.evidence.outputs.push_back({"street", output, "native, TF32 off", 6.4, 68.8, "float32", {}, 27, 1101});
  report.evidence.pictures = {{"street/image: the sealed picture", "image/jpeg", std::string(k_picture)},
                              {"street/image: what the network was given", "image/jpeg", std::string(k_picture)},
                              {"street/image: made here from made.npy", "image/jpeg", std::string(k_recoloured)}};
  report.next = "goldseal verify yolov3.seal --tf32 off";
  report.evidence.runs = {{"street", "cuda:0", "GPU-7d01", "native", "44be", {{"boxes_13", "a01c", "a01c"}}}};
  report.identity = {"gpu-node-7", "9c41f0", "b17a52", "cuda:0", "threads=64", "slurm 17.0", "6f0d-2", "/scratch", 3, 8};
  report.subjects = {{"checkpoint", "yolov3.pth", "5f1c90"}};
  return report;
}

Report inconclusive_report() {
  auto report = base();
  report.findings.resize(4);
  Finding finding = pass("golden.native", "the worker did not answer within 120 s");
  finding.status = Status::unknown;
  finding.severity = Severity::required;
  finding.expected = "a reply to `run`";
  finding.actual = "none; last lines: \"Loading weights\"";
  finding.remedy = "raise --timeout, or see whether the GPU is busy";
  report.findings.push_back(finding);
  report.identity.device = "cuda:0";
  return report;
}

Report damaged_report() {
  auto report = base();
  auto finding = failure("checkpoint.digest", "one tensor is not what was sealed", "sha256 5f1c…", "sha256 90aa…",
                         "copy the checkpoint again", "yolov3.pth at byte 4096");
  finding.severity = Severity::integrity;
  report.findings[3] = finding;
  report.evidence.tensors[0].state = TensorState::changed;
  return report;
}

Report hostile_report() {
  auto report = base();
  report.subject = "a\x1b[31m</script><img src=x onerror=alert(1)>|`\n::error::x";
  report.target =
      "\xe2\x80\xae"
      "gpj.tset";
  auto finding = failure("keys.match", "a | b <b>\x07 \"q\" 'p' & ]]> %0A::warning::", "\xff\xfe", "C1 \xc2\x9b",
                         "line\nline", "x\ty:1");
  finding.tables = {{"t|\n", {"c|", "d"}, {{"|", "\x1b]0;x\x07"}, {"```", "<!--"}}}};
  finding.measurements = {{"nan", std::numeric_limits<double>::quiet_NaN(), 1.0, ""},
                          {"inf", std::numeric_limits<double>::infinity(), std::nullopt, "\x01"}};
  report.findings = {finding};
  report.facts = {{"k\r", "v\b"}};
  report.next = "rm\n-rf";
  report.identity.node = "<i>\x1b[31m";
  report.evidence.environment = {{"</td>", "<script>", "\x1b", Status::fail}};
  report.evidence.tensors = {{"<i>.\xff", "float32", {1}, TensorState::changed, "\"'>"}};
  report.evidence.outputs = {{"</svg>",
                              "&",
                              "\x02",
                              std::numeric_limits<double>::infinity(),
                              16,
                              "<",
                              {{-9'000'000'000, 7}, {9'000'000'000, 7}},
                              std::numeric_limits<double>::quiet_NaN(),
                              1e300}};
  report.evidence.layers = {{"g", "</text>", std::numeric_limits<double>::quiet_NaN(), 256}};
  report.evidence.pictures = {{"\"", "text/html", "PHNjcmlwdD4="}};
  return report;
}

Report large_report(std::size_t count) {
  auto report = numeric_failure();
  report.findings.clear();
  for (std::size_t i = 0; i < count; ++i) {
    auto finding =
        failure(fmt::format("keys.match-{}", i), fmt::format("module_list.{}.conv_{}.weight has another shape", i, i),
                "[255, 1024, 1, 1]", "[18, 1024, 1, 1]", "give the cfg with classes=1", "yolov3.seal/manifest.toml:77");
    finding.status = std::array{Status::pass, Status::warn, Status::fail, Status::unknown, Status::skipped}[i % 5];
    finding.measurements = {{"error over noise", 1.5 * static_cast<double>(i), 16, ""}};
    if (i % 100 == 0) finding.tables = {{"Outputs", {"output", "ratio"}, {{"boxes_13", "6340"}, {"boxes_26", "5072"}}}};
    report.findings.push_back(std::move(finding));
  }
  return report;
}

std::vector<Sample> samples() {
  return {{"pass", passing_report()},     {"environment", environment_failure()},  {"keys", key_failure()},
          {"numeric", numeric_failure()}, {"inconclusive", inconclusive_report()}, {"damaged", damaged_report()}};
}

}  // namespace goldseal::test

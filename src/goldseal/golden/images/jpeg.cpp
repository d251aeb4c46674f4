// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/images/jpeg.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/golden/images/picture_limits.hpp>

#include <fmt/format.h>

#include <array>
#include <csetjmp>
#include <cstdio>
#include <string>

#include <jpeglib.h>

namespace goldseal::golden {
namespace {

constexpr unsigned k_largest_side = 32768;
// A block of 8 x 8 samples takes a bit at least where it is coded by Huffman's method; a colour's block covers at most
// 4 x 4 times as many pixels. Arithmetic coding can go below that, for pictures of one colour.
constexpr std::uint64_t k_most_pixels_a_byte = std::uint64_t{8} * 64 * 16;
// Each pass of a progressive picture goes over all of it; cameras and libraries write about ten.
constexpr int k_most_scans = 100;

// libjpeg ends an error by longjmp, so everything with a destructor lives in the frame above the one with setjmp.
struct Failure {
  jpeg_error_mgr manager{};  // first: libjpeg hands back a pointer to it
  std::jmp_buf back{};
  std::array<char, JMSG_LENGTH_MAX> message{};
  long warnings = 0;
};

void on_error(j_common_ptr info) {
  auto* const failure = reinterpret_cast<Failure*>(info->err);
  info->err->format_message(info, failure->message.data());
  std::longjmp(failure->back, 1);
}

// A warning means damaged data that libjpeg papers over with grey: for a golden input that is an error.
void on_message(j_common_ptr info, int level) {
  if (level < 0) on_error(info);
}

struct Decoder {
  jpeg_decompress_struct info{};
  Failure failure;
  jpeg_progress_mgr progress{};
  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { jpeg_destroy_decompress(&info); }
};

bool read_header(Decoder& decoder, std::span<const std::byte> bytes) {
  if (setjmp(decoder.failure.back) != 0) return false;
  jpeg_create_decompress(&decoder.info);
  jpeg_mem_src(&decoder.info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&decoder.info, TRUE);
  return true;
}

void on_progress(j_common_ptr info) {
  const auto* const decoder = reinterpret_cast<jpeg_decompress_struct*>(info);
  if (decoder->input_scan_number <= k_most_scans) return;
  auto* const failure = reinterpret_cast<Failure*>(info->err);
  std::snprintf(failure->message.data(), failure->message.size(), "more than %d scans", k_most_scans);
  std::longjmp(failure->back, 1);
}

bool read_pixels(Decoder& decoder, Picture& picture) {
  if (setjmp(decoder.failure.back) != 0) return false;
  decoder.progress.progress_monitor = on_progress;
  decoder.info.progress = &decoder.progress;
  decoder.info.out_color_space = JCS_RGB;
  decoder.info.dct_method = JDCT_ISLOW;
  jpeg_start_decompress(&decoder.info);
  while (decoder.info.output_scanline < decoder.info.output_height) {
    JSAMPROW row = &picture.pixels[std::size_t{3} * picture.width * decoder.info.output_scanline];
    jpeg_read_scanlines(&decoder.info, &row, 1);
  }
  jpeg_finish_decompress(&decoder.info);
  return true;
}

}  // namespace

bool is_jpeg(std::span<const std::byte> bytes) {
  return bytes.size() >= 3 && bytes[0] == std::byte{0xFF} && bytes[1] == std::byte{0xD8} && bytes[2] == std::byte{0xFF};
}

Picture decode_jpeg(const std::string& file, std::span<const std::byte> bytes) {
  Decoder decoder;
  decoder.info.err = jpeg_std_error(&decoder.failure.manager);
  decoder.failure.manager.error_exit = on_error;
  decoder.failure.manager.emit_message = on_message;
  const auto damaged = [&] {
    return Error(ErrorKind::malformed, file,
                 fmt::format("expected a JPEG picture, found a damaged one: {}", decoder.failure.message.data()),
                 "save the picture again");
  };
  if (!read_header(decoder, bytes)) throw damaged();
  if (decoder.info.num_components != 1 && decoder.info.num_components != 3) {
    throw Error(ErrorKind::unsupported, file,
                fmt::format("expected an RGB or grey JPEG, found {} components", decoder.info.num_components),
                "convert it to RGB");
  }
  if (decoder.info.image_width > k_largest_side || decoder.info.image_height > k_largest_side) {
    throw Error(ErrorKind::malformed, file, fmt::format("expected at most {} pixels a side", k_largest_side), "");
  }
  require_picture_fits(
      file, decoder.info.image_width, decoder.info.image_height,
      std::uint64_t{decoder.info.image_width} * decoder.info.image_height / k_most_pixels_a_byte, bytes.size());
  Picture picture{decoder.info.image_width, decoder.info.image_height, {}};
  picture.pixels.resize(std::size_t{3} * picture.width * picture.height);
  if (!read_pixels(decoder, picture)) throw damaged();
  return picture;
}

}  // namespace goldseal::golden

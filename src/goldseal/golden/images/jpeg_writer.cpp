// SPDX-License-Identifier: Apache-2.0
// Reports show pictures, and a JPEG keeps the page small. Decoding is left to jpeg.cpp and shares
// no code with it.
#include <goldseal/golden/images/jpeg.hpp>

#include <goldseal/base/messages/error.hpp>

#include <csetjmp>
#include <cstdio>
#include <cstdlib>

#include <jpeglib.h>

namespace goldseal::golden {
namespace {

// libjpeg ends an error by longjmp, so everything with a destructor lives in the frame above the one with setjmp.
struct Encoder {
  jpeg_error_mgr manager{};  // first: libjpeg hands back a pointer to it
  std::jmp_buf back{};
  jpeg_compress_struct info{};
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  Encoder() = default;
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  ~Encoder() {
    jpeg_destroy_compress(&info);
    std::free(bytes);  // jpeg_mem_dest takes it from malloc
  }
};

void on_error(j_common_ptr info) { std::longjmp(reinterpret_cast<Encoder*>(info->err)->back, 1); }

bool write(Encoder& encoder, const Picture& picture, int quality) {
  if (setjmp(encoder.back) != 0) return false;
  auto& info = encoder.info;
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, &encoder.bytes, &encoder.size);
  info.image_width = picture.width;
  info.image_height = picture.height;
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    // libjpeg takes rows that may be written to, and does not write to them.
    auto* row = const_cast<JSAMPROW>(&picture.pixels[std::size_t{3} * picture.width * info.next_scanline]);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  return true;
}

}  // namespace

std::vector<std::uint8_t> encode_jpeg(const Picture& picture, int quality) {
  Encoder encoder;
  encoder.info.err = jpeg_std_error(&encoder.manager);
  encoder.manager.error_exit = on_error;
  if (!write(encoder, picture, quality)) throw Error(ErrorKind::unsupported, "", "libjpeg cannot write a picture", "");
  return {encoder.bytes, encoder.bytes + encoder.size};
}

}  // namespace goldseal::golden

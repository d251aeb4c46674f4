# SPDX-License-Identifier: Apache-2.0
"""Flips the lowest bit of one weight, as bad memory or a bad disk does.

    flip_bit.py IN OUT TENSOR            in the file's bytes: the zip archive's checksum gives it away, though PyTorch ignores it
    flip_bit.py --resave IN OUT TENSOR   and saves it again: a sound file, in which only that weight differs
"""

import argparse
import shutil
import zipfile

import torch


def flip_in_file(source, target, name):
    """Storages lie in the archive uncompressed, under the key that the tensor's storage had when it was saved."""
    tensor = torch.load(source, mmap=True)[name]
    shutil.copyfile(source, target)
    with zipfile.ZipFile(source) as archive, open(target, "r+b") as file:
        wanted = bytes(tensor.untyped_storage())
        for record in archive.infolist():
            if "/data/" in record.filename and record.file_size == len(wanted) and archive.read(record) == wanted:
                break
        else:
            raise SystemExit(f"{source}: no record holds {name}")
        file.seek(record.header_offset + 26)  # of a local file header: the lengths of name and extra field, which follow at 30
        begin = record.header_offset + 30 + sum(int.from_bytes(file.read(2), "little") for _ in range(2))
        file.seek(begin)
        first = file.read(1)[0]
        file.seek(begin)
        file.write(bytes([first ^ 1]))
        print(f"{target}: bit 0 of byte {begin} flipped, the first of {name}")


def flip_and_save(source, target, name):
    state = torch.load(source)
    state[name].view(torch.int32).view(-1)[0] ^= 1
    torch.save(state, target)
    print(f"{target}: bit 0 of the first element of {name} flipped, saved again")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resave", action="store_true")
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("tensor")
    arguments = parser.parse_args()
    flip = flip_and_save if arguments.resave else flip_in_file
    flip(arguments.source, arguments.target, arguments.tensor)


if __name__ == "__main__":
    main()

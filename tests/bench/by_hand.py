# SPDX-License-Identifier: Apache-2.0
"""What a careful engineer writes by hand to check a checkpoint on another machine: strict load without a copy, a digest of each
tensor, two native runs and one in float64, compared with what was saved. bench `python_worker.py` times it beside goldseal.

    by_hand.py write|check
"""
import concurrent.futures
import hashlib
import sys

import torch
from training_network import Net


def digest(tensor):
    return hashlib.sha256(tensor.detach().contiguous().numpy()).hexdigest()


def digests(model):
    state = model.state_dict()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return dict(zip(state, pool.map(digest, state.values())))


def answers(model, image):
    with torch.no_grad():
        return [model(image), model(image), model.double()(image.double())]


def main():
    with torch.device("meta"):
        model = Net().eval()
    model.load_state_dict(torch.load("net.pth", mmap=True, weights_only=True), strict=True, assign=True)
    image = torch.load("image.pt", weights_only=True)
    found = {"digests": digests(model), "answers": answers(model, image)}
    if sys.argv[1] == "write":
        torch.save(found, "expected.pt")
        return
    expected = torch.load("expected.pt", weights_only=True)
    assert found["digests"] == expected["digests"]
    for one, other in zip(found["answers"], expected["answers"]):
        torch.testing.assert_close(one, other)


main()

# SPDX-License-Identifier: Apache-2.0
"""Forms of public repositories, written by hand: spectra, complex numbers, flows, spikes, capsules, splines, filters, rays."""

import torch
from torch import nn
from torch.nn import functional


class Spectral(nn.Module):
    """A layer of a Fourier neural operator: complex weights on the lowest frequencies."""

    def __init__(self, size=8, modes=4):
        super().__init__()
        self.modes = modes
        self.enter, self.beside, self.leave = nn.Conv2d(3, size, 1), nn.Conv2d(size, size, 1), nn.Conv2d(size, 2, 1)
        self.weight = nn.Parameter(torch.randn(size, size, modes, modes, dtype=torch.cfloat) / size)

    def forward(self, x):
        x = self.enter(x)
        spectrum = torch.fft.rfft2(x)
        kept = torch.zeros_like(spectrum)
        m = self.modes
        kept[:, :, :m, :m] = torch.einsum("bixy,ioxy->boxy", spectrum[:, :, :m, :m], self.weight)
        return self.leave(functional.gelu(torch.fft.irfft2(kept, s=x.shape[-2:]) + self.beside(x)))


class Complex(nn.Module):
    """Complex layers as two real ones would be; magnitude and angle are told."""

    def __init__(self, size=6):
        super().__init__()
        self.enter = nn.Linear(size, size, dtype=torch.cfloat)
        self.phase = nn.Parameter(torch.rand(size))

    def forward(self, x):
        y = self.enter(torch.view_as_complex(x)) * torch.polar(torch.ones_like(self.phase), self.phase)
        y = torch.complex(functional.relu(y.real), functional.relu(y.imag))
        return y.abs(), torch.view_as_real(y @ y.mH)


class Coupling(nn.Module):
    def __init__(self, size, turned):
        super().__init__()
        self.turned = turned
        self.net = nn.Sequential(nn.Linear(size // 2, 16), nn.Tanh(), nn.Linear(16, size))

    def forward(self, x):
        a, b = x.chunk(2, -1)
        if self.turned:
            a, b = b, a
        scale, shift = self.net(a).chunk(2, -1)
        scale = torch.tanh(scale)
        return torch.cat([a, b * scale.exp() + shift], -1), scale.sum(-1)


class Mixing(nn.Module):
    """Glow's invertible matrix, from its LU factors."""

    def __init__(self, size):
        super().__init__()
        q = torch.linalg.qr(torch.randn(size, size))[0]
        p, lower, upper = torch.linalg.lu(q)
        self.register_buffer("p", p)
        self.lower, self.upper, self.log_s = nn.Parameter(lower), nn.Parameter(upper.triu(1)), nn.Parameter(upper.diag().abs().log())
        self.register_buffer("sign", upper.diag().sign())
        self.register_buffer("eye", torch.eye(size))

    def forward(self, x):
        lower = self.lower.tril(-1) + self.eye
        weight = self.p @ lower @ (self.upper.triu(1) + torch.diag(self.sign * self.log_s.exp()))
        return x @ weight, self.log_s.sum()


class Flow(nn.Module):
    """A normalizing flow with the density of its answer under a distribution of torch."""

    def __init__(self, size=6):
        super().__init__()
        self.layers = nn.ModuleList([Coupling(size, False), Mixing(size), Coupling(size, True)])

    def forward(self, x):
        total = torch.zeros(x.shape[0], dtype=x.dtype, device=x.device)
        for layer in self.layers:
            x, log = layer(x)
            total = total + log
        return x, torch.distributions.Normal(0.0, 1.0).log_prob(x).sum(-1) + total


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad / (1 + 10 * x.abs()) ** 2


class Spiking(nn.Module):
    """Leaky neurons over time with a state in the module, and a function of autograd of one's own."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(6, 16), nn.Linear(16, 3)
        self.register_buffer("beta", torch.tensor(0.9))

    def forward(self, x):
        self.held = torch.zeros(x.shape[0], 16, dtype=x.dtype)
        out, told = torch.zeros(x.shape[0], 3, dtype=x.dtype), []
        for step in x.unbind(1):
            self.held = self.beta * self.held + self.one(step)
            spikes = Spike.apply(self.held - 1.0)
            self.held = self.held - spikes
            out = self.beta * out + self.two(spikes)
            told.append(out)
        return torch.stack(told, 1)


class Hyper(nn.Module):
    """A network makes another's weights, a set for each example, by functional_call and vmap."""

    def __init__(self):
        super().__init__()
        self.small = [("weight", (4, 5)), ("bias", (4,))]
        self.make = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 24))

    def forward(self, context, x):
        made = self.make(context)
        weight, bias = made[:, :20].view(-1, 4, 5), made[:, 20:]
        return torch.vmap(functional.linear)(x, weight, bias)


class Stacked(nn.Module):
    """An ensemble whose weights are stacked and run by vmap over functional_call."""

    def __init__(self):
        super().__init__()
        nets = [nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 2)) for _ in range(3)]
        self.base = [nets[0]]
        held, _ = torch.func.stack_module_state(nets)
        self.weights = nn.ParameterDict({name.replace(".", "_"): nn.Parameter(value.detach()) for name, value in held.items()})

    def forward(self, x):
        names = {name.replace(".", "_"): name for name, _ in self.base[0].named_parameters()}
        given = {names[key]: value for key, value in self.weights.items()}
        return torch.vmap(lambda held, y: torch.func.functional_call(self.base[0], held, (y,)), in_dims=(0, None))(given, x)


class Capsules(nn.Module):
    """Routing by agreement."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 5, stride=2)
        self.weight = nn.Parameter(torch.randn(3, 4 * 36, 6, 4) * 0.1)

    @staticmethod
    def squash(x):
        size = x.pow(2).sum(-1, keepdim=True)
        return size / (1 + size) * x / (size + 1e-8).sqrt()

    def forward(self, x):
        u = self.squash(self.conv(x).unflatten(1, (4, 4)).flatten(3).permute(0, 1, 3, 2).flatten(1, 2))
        hat = torch.einsum("jiod,bid->bjio", self.weight, u)
        logits = torch.zeros(hat.shape[:3], dtype=hat.dtype, device=hat.device)
        for _ in range(3):
            v = self.squash((logits.softmax(1)[..., None] * hat).sum(2))
            logits = logits + (hat * v[:, :, None]).sum(-1)
        return v.norm(dim=-1)


class Splines(nn.Module):
    """A layer of a Kolmogorov-Arnold network: B-splines of the recursion, on a grid in a buffer."""

    def __init__(self, given=4, size=3, grid=5, order=3):
        super().__init__()
        self.order = order
        self.register_buffer("grid", ((torch.arange(-order, grid + order + 1) * (2 / grid)) - 1).expand(given, -1).contiguous())
        self.base, self.spline = nn.Parameter(torch.randn(size, given)), nn.Parameter(torch.randn(size, given, grid + order) * 0.3)

    def forward(self, x):
        grid, y = self.grid, x[..., None]
        bases = ((y >= grid[:, :-1]) & (y < grid[:, 1:])).to(x.dtype)
        for k in range(1, self.order + 1):
            bases = (y - grid[:, : -(k + 1)]) / (grid[:, k:-1] - grid[:, : -(k + 1)]) * bases[..., :-1] + (grid[:, k + 1 :] - y) / (
                grid[:, k + 1 :] - grid[:, 1:-k]
            ) * bases[..., 1:]
        return functional.linear(functional.silu(x), self.base) + functional.linear(bases.flatten(1), self.spline.flatten(1))


class Filter(nn.Module):
    """A Kalman filter: solves, inverses and Cholesky factors by step."""

    def __init__(self, state=4, seen=2):
        super().__init__()
        self.move = nn.Parameter(torch.eye(state) * 0.9 + torch.randn(state, state) * 0.05)
        self.look = nn.Parameter(torch.randn(seen, state))
        self.noise_state, self.noise_seen = nn.Parameter(torch.randn(state, state) * 0.1), nn.Parameter(torch.randn(seen, seen) * 0.1)

    def forward(self, seen):
        state = self.move.shape[0]
        eye = torch.eye(state, dtype=seen.dtype, device=seen.device)
        q = self.noise_state @ self.noise_state.T + 0.1 * eye
        r = self.noise_seen @ self.noise_seen.T + 0.1 * torch.eye(self.look.shape[0], dtype=seen.dtype)
        mean, spread, told = torch.zeros(seen.shape[0], state, dtype=seen.dtype), eye.expand(seen.shape[0], -1, -1), []
        for z in seen.unbind(1):
            mean, spread = mean @ self.move.T, self.move @ spread @ self.move.T + q
            s = self.look @ spread @ self.look.T + r
            gain = torch.linalg.solve(s, self.look @ spread).mT
            mean = mean + (gain @ (z - mean @ self.look.T)[..., None])[..., 0]
            spread = (eye - gain @ self.look) @ spread
            told.append(mean)
        return torch.stack(told, 1), torch.linalg.cholesky(spread).diagonal(dim1=-2, dim2=-1).log().sum(-1)


class Radiance(nn.Module):
    """NeRF: encoded positions, densities along rays, products of what is let through."""

    def __init__(self, bands=4, size=32):
        super().__init__()
        self.bands = bands
        self.net = nn.Sequential(nn.Linear(3 + 6 * bands, size), nn.ReLU(), nn.Linear(size, size), nn.ReLU())
        self.density, self.colour = nn.Linear(size, 1), nn.Linear(size, 3)

    def forward(self, origin, direction):
        depth = torch.linspace(0.1, 2, 12, dtype=origin.dtype, device=origin.device)
        points = origin[:, None] + direction[:, None] * depth[:, None]
        bands = points[..., None] * 2.0 ** torch.arange(self.bands, device=origin.device)
        encoded = torch.cat([points, bands.sin().flatten(2), bands.cos().flatten(2)], -1)
        held = self.net(encoded)
        gaps = functional.pad(depth.diff(), (0, 1), value=1e10)
        alpha = 1 - torch.exp(-functional.softplus(self.density(held))[..., 0] * gaps)
        through = torch.cumprod(torch.cat([torch.ones_like(alpha[:, :1]), 1 - alpha + 1e-10], 1), 1)[:, :-1]
        weight = alpha * through
        return (weight[..., None] * self.colour(held).sigmoid()).sum(1), (weight * depth).sum(1)

"""A hierarchy of L levels on one rung, from the HVAE to the diffusion, and its bound.

p(z_{l-1} | z_l) = N(back_l z_l + out_l F(z_l, l), sigma_l^2 I), for x = z_0 up to its bins;
p(z_L) = N(m, diag s^2). q(z_l | z_{l-1}) = N(keep_l z_{l-1} + E_l(z_{l-1}), diag std_l^2).
-log p(x) <= -E log p(x | z_1) + sum_{l<L} E[log q(z_l | z_{l-1}) - log p(z_l | z_{l+1})]
+ E KL(q(z_L | z_{L-1}) || p(z_L)). (003, "Hierarchical VAE"; 000, "Hierarchical autoencoders".)

A fixed encoder is that of a diffusion: E = 0, and back and out read F as v, so that the mean is
A x0^ + B z_l. F is then the denoiser of a noise level, whatever L. A learned encoder begins there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.schedule import Table
from threetargets.diffusion.target import TARGETS
from threetargets.experiments.deeper_hierarchy.spec import LEARNED, PARTS, RUNGS, Model
from threetargets.experiments.digit_sizes import LEVELS, PIXELS
from threetargets.experiments.linear_chain import of_table
from threetargets.experiments.no_label import NOBODY
from threetargets.levels import centres
from threetargets.likelihood.decoders import gaussian_log_mass
from threetargets.likelihood.gaussian import kl_isotropic, log_density, total
from threetargets.networks.mlp import Denoiser, Perceptron

TARGET = TARGETS["v"]

Read = Callable[[Tensor, Tensor, Tensor], Tensor]
"""The network F: (z (B, 1, 8, 8), level's name (B,) or (1,), labels (1,)) -> (B, 1, 8, 8)."""
Parts = dict[str, Tensor]
"""The parts of a bound by name, nats, each (N,)."""


class Rung(nn.Module):
    """`rung` of RUNGS; `table`: the noise levels of a fixed encoder with as many steps as there are
    levels, whose log-SNRs also name the levels to the network; `std`: of the data's pixels. The
    network, which may be another's as well, is not one of its modules."""

    back: Tensor
    out: Tensor
    keep: Tensor
    noise: Tensor
    clock: Tensor

    def __init__(self, rung: str, table: Table, chosen: Model, std: float, read: Read):
        super().__init__()
        self.read = read
        self.table, self.chain, self.learned = table, of_table(table), rung in LEARNED
        self.dims = chosen.latent if rung == RUNGS[0] else PIXELS
        self._generative(std)
        self.prior_mean = nn.Parameter(torch.zeros(self.dims))
        self.prior_log_std = nn.Parameter(torch.zeros(self.dims))
        if rung == RUNGS[-1]:
            self.prior_mean.requires_grad_(False)
            self.prior_log_std.requires_grad_(False)
        self._place("keep", self.chain.weights)
        self._place("noise", 0.5 * self.chain.variances.log())
        self.encoders = nn.ModuleList()
        if self.learned:
            below = [PIXELS, *[self.dims] * (self.levels - 1)]
            self.encoders.extend(_encoder(n, self.dims, chosen.width) for n in below)
        if self.dims < PIXELS:
            self.down = nn.Linear(PIXELS, self.dims, bias=False)
            self.up = nn.Linear(self.dims, PIXELS, bias=False)
            nn.init.orthogonal_(self.down.weight)
            self.up.weight.data.copy_(self.down.weight.T)

    def _place(self, name: str, values: Tensor) -> None:
        """Numbers of the levels: learned where the encoder is, else constants in float64."""
        if self.learned:
            setattr(self, name, nn.Parameter(values.float()))
        else:
            self.register_buffer(name, values)

    def _generative(self, std: float) -> None:
        """back = A a + B and out = -A s make A x0^ + B z of x0^ = a z - s F; sigma^2 = C + A^2 mse
        with the mse of Gaussian data of that standard deviation."""
        log_snr = self.table.log_snr[1:]
        a, s = signal_noise(log_snr)
        q = self.chain.posterior
        self._place("back", q.A * a + q.B)
        self._place("out", -q.A * s)
        error = std**2 * s**2 / (a**2 * std**2 + s**2)
        self.log_std = nn.Parameter(0.5 * (q.C + q.A**2 * error).log().float())
        self.register_buffer("clock", log_snr.float(), persistent=False)

    @property
    def levels(self) -> int:
        """L."""
        return self.table.steps

    def _raised(self, z: Tensor) -> Tensor:
        return self.up(z.float()).to(z) if z.shape[-1] < PIXELS else z

    def _lowered(self, x: Tensor) -> Tensor:
        return self.down(x.float()).to(x) if self.dims < PIXELS else x

    def encode(self, level: int, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation (N, d) of q(z_l | z_{l-1}), l = level + 1."""
        mean = self.keep[level].to(z) * (self._lowered(z) if level == 0 else z)
        log_std = self.noise[level].to(z).expand_as(mean)
        if not self.learned:
            return mean, log_std
        shift, wider = self.encoders[level](z.float()).to(z).chunk(2, 1)
        return mean + shift, log_std + wider

    def raw(self, z: Tensor) -> Tensor:
        """F at every level, z (L, N, d): (L, N, D), in the dtype of z; the network is float32."""
        rows, clock = self._raised(z), self.clock
        if self.training:
            made = self.read(_image(rows), clock.repeat_interleave(z.shape[1]), NOBODY)
            return made.view(*z.shape[:2], PIXELS).to(z)
        # Level by level, as likelihood.denoised calls a network: larger products round otherwise.
        each = [self.read(_image(x), clock[k : k + 1], NOBODY) for k, x in enumerate(rows)]
        return torch.stack(each).flatten(2).to(z)

    def decode(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Means of p(x | z_1) (N, D) and of p(z_{l-1} | z_l), l = 2 .. L, (L - 1, N, d)."""
        back, out = (v.to(z).view(-1, 1, 1) for v in (self.back, self.out))
        made, raised = self.raw(z), self._raised(z[:1])
        image = (back[:1] * raised + out[:1] * made[:1])[0]
        return image, back[1:] * z[1:] + out[1:] * self._lowered(made[1:])

    def _reconstruction(self, grey: Tensor, mean: Tensor) -> Tensor:
        """-log p(x | z_1) of grey levels (N, D)."""
        std = self.log_std[0].to(mean).exp()
        return -total(gaussian_log_mass(grey, mean, std, LEVELS))

    def _top(self, mean: Tensor, log_std: Tensor) -> Tensor:
        """KL(q(z_L | ..) || p(z_L))."""
        m, log_s = self.prior_mean.to(mean), self.prior_log_std.to(mean)
        squares = torch.exp(2 * (log_std - log_s)) + ((mean - m) * torch.exp(-log_s)) ** 2
        return total(0.5 * (squares - 1) - (log_std - log_s))

    def walked(self, grey: Tensor, noise: Tensor) -> Parts:
        """The parts for grey levels (N, D) along one draw of the chain z_1 .. z_L by noise (L, N,
        d), the last level in closed form: whatever the encoder."""
        z, means, log_stds = [_clean(grey, noise)], list[Tensor](), list[Tensor]()
        for level in range(self.levels):
            mean, log_std = self.encode(level, z[-1])
            z.append(mean + log_std.exp() * noise[level])
            means.append(mean)
            log_stds.append(log_std)
        drawn = torch.stack(z[1:])
        image, guesses = self.decode(drawn)
        own = self.log_std[1:].to(drawn).view(-1, 1, 1).expand_as(guesses)
        q = (torch.stack(means[:-1]), torch.stack(log_stds[:-1]))
        between = (_log_density(drawn[:-1], *q) - _log_density(drawn[:-1], guesses, own)).sum(0)
        made = (self._reconstruction(grey, image), between, self._top(means[-1], log_stds[-1]))
        return dict(zip(PARTS, made, strict=True))

    def noised(self, grey: Tensor, noise: Tensor) -> Parts:
        """The same bound of a fixed encoder, each z_l drawn on its own: q(z_{l-1} | x, z_l) is
        known, and its KL from p(z_{l-1} | z_l) takes the place of the log ratios."""
        x = _clean(grey, noise)
        z, (a, spread) = self.chain.noised(x, noise), self.chain.marginal
        image, means = self.decode(z)
        A, B, C = (v[1:].view(-1, 1, 1).to(z) for v in self.chain.posterior)
        squared = (A * x + B * z[1:] - means).square().sum(-1)
        own = torch.exp(2 * self.log_std[1:].to(z)).view(-1, 1)
        between = kl_isotropic(squared, C[..., 0], own, PIXELS).sum(0)
        last = (0.5 * spread[-1].log()).to(x).expand_as(x)
        made = (self._reconstruction(grey, image), between, self._top(a[-1].to(x) * x, last))
        return dict(zip(PARTS, made, strict=True))

    @property
    def parts(self) -> Callable[[Tensor, Tensor], Parts]:
        """(grey (N, D), noise (L, N, d)) -> its bound, by draws that vary least."""
        return self.walked if self.learned else self.noised


def _log_density(z: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """Of each level and example: (L, N, d) -> (L, N)."""
    rows = (one.flatten(0, 1) for one in (z, mean, log_std))
    return log_density(*rows).view(z.shape[:2])


def _encoder(inputs: int, latent: int, width: int) -> Perceptron:
    """z -> what is added to mean and log standard deviation (2 d); nothing at the start."""
    made = Perceptron(inputs, 2 * latent, width, 1)
    last = made.net[-1]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return made


def _image(x: Tensor) -> Tensor:
    """As the networks, which are float32, take it."""
    return x.float().view(-1, 1, 8, 8)


def _clean(grey: Tensor, like: Tensor) -> Tensor:
    return centres(grey, LEVELS).to(like)


class Ladder(nn.Module):
    """A network and the hierarchies that read it, each by a rung and its table."""

    def __init__(self, chosen: Model, std: float, tables: Sequence[tuple[str, Table]]):
        super().__init__()
        self.net = Denoiser((1, 8, 8), 1, chosen.width, chosen.depth)
        read = self.net.__call__
        made = [Rung(rung, table, chosen, std, read) for rung, table in tables]
        self.rungs = nn.ModuleList(made)

    def __getitem__(self, place: int) -> Rung:
        made = self.rungs[place]
        assert isinstance(made, Rung)
        return made

    def size(self, place: int) -> int:
        """How many numbers of that hierarchy are trained, its network's included."""
        every = [*self.net.parameters(), *self[place].parameters()]
        return sum(p.numel() for p in every if p.requires_grad)

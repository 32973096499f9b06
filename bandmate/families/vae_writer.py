"""How the family `vae` writes: block after block, from latent to latent."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from bandmate.codecs.roll import OFF, ONSET, PARTS
from bandmate.codecs.roll_grammar import RollGrammar
from bandmate.families import roll_blocks, vae_manner
from bandmate.families.roll_blocks import Moment
from bandmate.families.vae_manner import Randoms
from bandmate.families.vae_part import Onward

HALF = 0.5


class Writer:
    """Proposes blocks for some streams, from latents."""

    def __init__(self, model: Any, options: Any, grammar: RollGrammar) -> None:
        self.model, self.options = model, options
        self.device = next(model.parameters()).device
        self.randoms: Randoms = [np.random.default_rng(options.seed + n) for n in range(grammar.rows)]
        self.doubt = np.zeros(grammar.rows)
        """How undecided the keys of each stream were, all together."""
        self.before: Tensor | None = None
        """The latents that were foretold last."""
        kept = model.bank.ids()
        moved = any(getattr(options, attribute) for attribute in vae_manner.ATTRIBUTES)
        self.shift = vae_manner.shift(kept, model.latents(kept), options) if moved else 0.0
        manner = kept[vae_manner.of_bank(model.bank, options)]
        if options.like:
            manner = torch.cat([manner, vae_manner.of_files(model.codec, options.like).to(self.device)])
        self.source = vae_manner.unique(manner, model.latents(manner)) if len(manner) else None
        self.ends = [model.latents(vae_manner.of_files(model.codec, [path]).to(self.device)) for path in options.between]
        self.named = torch.from_numpy(grammar.required).to(self.device)
        self.start = self._start(kept, self.named)

    def _start(self, kept: Tensor, required: Tensor) -> Tensor:
        """Choose a block to go on from for each stream, one in which those who were named play, if there is one."""
        if not len(kept):
            shape = (len(self.randoms), len(PARTS), self.model.config.latent)
            latents = vae_manner.noise(torch.zeros(shape, device=self.device), 1.0, self.randoms)
            return keys(self.model, latents, roll_blocks.empty(len(latents), self.device), self.options.threshold)[0]
        able = ((kept >= ONSET).any(-1).any(-1) & required).sum(-1)
        able = torch.nonzero(able == able.max())[:, 0]
        return kept[able[torch.tensor([int(random.integers(len(able))) for random in self.randoms], device=able.device)]]

    def propose(self, moment: Moment) -> tuple[Tensor, Tensor]:
        """Propose the next block: see :data:`bandmate.families.roll_blocks.Propose`."""
        latents = self._between(moment) if self.ends else self._next(moment)
        known = torch.where(moment.played[:, None, None], moment.given, OFF)
        proposed, wishes = keys(self.model, latents + self.shift, moment.last, self.options.threshold, known, self.named)
        self.doubt += (HALF - (torch.sigmoid(wishes) - HALF).abs()).mean((1, 2, 3)).cpu().numpy()
        return proposed, wishes

    def _next(self, moment: Moment) -> Tensor:
        """Foretell the latents (B, 5, K) of the next block; parts that are given there are known.

        From the second block on, it goes on from what it foretold, not from what was made of it: a block that is a little
        unlike music would be heard as something else, and what follows on that flood or fall silent.
        """
        given = self.model.latents(moment.given[None])[0]
        before = self.model.latents(moment.last) if self.before is None else self.before
        self.before = foretold(self.model.onward, before, self.options, self.randoms, self.source, given, moment.played)
        return self.before

    def _between(self, moment: Moment) -> Tensor:
        """Return latents on the straight way from a block of one piece to one of the other."""
        first, second = (piece[moment.number % len(piece)] for piece in self.ends)
        share = moment.number / max(moment.total - 1, 1)
        return torch.lerp(first, second, share).expand(len(self.randoms), -1, -1)


def foretold(onward: Onward, latents: Tensor, options: Any, randoms: Randoms, source: list[Tensor] | None = None,
             given: Tensor | None = None, known: Tensor | None = None) -> Tensor:
    """Return the latents that follow on others (B, 5, K), in the manner of a source, with noise; ``known``, bool (5,), says
    which parts are ``given`` (5, K)."""
    if source:
        latents = vae_manner.mix(latents, source, options.alpha, randoms)
    spread = options.noise_sd * options.temperature
    before, after = (spread if options.noise_where in (where, "both") else 0.0 for where in ("pre", "post"))
    latents = vae_manner.noise(latents, before, randoms)
    piano = vae_manner.noise(onward.melody(latents[:, 0]), after, randoms)
    if given is not None and known is not None and known[0]:
        piano = given[:1].expand(len(latents), -1)
    rest = vae_manner.noise(torch.stack(onward.rest(latents, piano), 1), after, randoms)
    new = torch.cat([piano[:, None], rest], 1)
    return new if given is None or known is None else torch.where(known[:, None], given, new)


def keys(model: Any, latents: Tensor, last: Tensor, threshold: float, known: Tensor | None = None,
         named: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return which keys are struck and held after a block ``last``, ids (B, 5, 32, 128), and how much each wants to sound, for
    latents (B, 5, K); ``known`` and ``named`` as in the model's ``decode``."""
    sounds, strikes, chances = model.decode(latents, threshold, known, named)
    return roll_blocks.articulated(sounds, strikes, last), chances

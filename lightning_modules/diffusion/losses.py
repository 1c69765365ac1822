"""Denoising score matching."""

from collections.abc import Callable

from torch import Tensor

from lightning_modules.diffusion.sde import SDE

ScoreFn = Callable[[Tensor, Tensor], Tensor]
"""score(x, t) for states x (..., D) at times t (...), conditioned on whatever it closes over; returns (..., D)."""


def denoising_loss(score: ScoreFn, sde: SDE, state0: Tensor, *, t: Tensor, z: Tensor) -> Tensor:
    """Weighted denoising score-matching loss, one value per grasp (GraspGF eq. 8).

    std(t)^2 * || s(x_t, t) + z / std(t) ||^2  with  x_t = alpha(t) x_0 + std(t) z, summed over the state and averaged
    over the draws. Several draws of (t, z) for one grasp share its cloud feature, which makes them nearly free.
    t and z are arguments so that tests and ranks control them.

    Args:
        score: conditioned score function; gets x_t and t with the shape of z and t below.
        sde: noising process.
        state0: clean states, (B, D).
        t: diffusion time in (0, 1], (B,) or (B, K) for K draws per grasp.
        z: standard normal noise, (B, D) or (B, K, D).
    Returns:
        (B,) losses; the caller takes the mean.
    Raises:
        ValueError: t outside (0, 1], naming the value; shapes that do not fit.
    """
    _check(state0, t, z)
    clean = state0 if t.ndim == 1 else state0[:, None]
    std = sde.std(t)[..., None]
    # std^2 |s + z/std|^2 = |std s + z|^2, which does not divide by a small std.
    residual = std * score(sde.perturb(clean, t, z), t) + z
    per_draw = residual.square().sum(-1)
    return per_draw if t.ndim == 1 else per_draw.mean(1)


def _check(state0: Tensor, t: Tensor, z: Tensor) -> None:
    if state0.ndim != 2 or t.ndim not in (1, 2) or t.shape[0] != state0.shape[0]:
        raise ValueError(
            f"state0 {tuple(state0.shape)} and t {tuple(t.shape)} do not fit; expected (B, D) with (B,) or (B, K)."
        )
    if z.shape != (*t.shape, state0.shape[-1]):
        raise ValueError(f"z has shape {tuple(z.shape)}; expected {(*t.shape, state0.shape[-1])} to go with t.")
    outside = ~((t > 0.0) & (t <= 1.0))
    if bool(outside.any()):
        raise ValueError(f"diffusion time t contains {t[outside][0].item()}; allowed is (0, 1]. Draw t in (eps, 1].")

"""AdamW, and its variant for weights stored in bf16 whose rounding errors are carried to the next step."""

import math
from collections.abc import Iterable
from typing import Any

from candlewick.train._torch import torch
from candlewick.train.recipe import Recipe


def optimiser(weights: Iterable[torch.nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW over every parameter; only matrices decay, biases and norm gains (one dimension) do not."""
    parameters = [p for p in weights if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if recipe.kahan:
        return CompensatedAdamW(groups, lr=recipe.learning_rate, betas=recipe.betas)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas, fused=True)


def clip_gradients(weights: Iterable[torch.nn.Parameter], limit: float | None) -> float:
    """Scale all gradients together so that their whole norm is at most `limit`; gives the norm before."""
    gradients = [p.grad for p in weights if p.grad is not None]
    norm = float(torch.nn.utils.get_total_norm(gradients))
    if limit is not None and limit < norm < math.inf:
        torch._foreach_mul_(gradients, limit / norm)
    return norm


class CompensatedAdamW(torch.optim.Optimizer):
    """AdamW on bf16 weights with a bf16 buffer that holds what rounding took off.

    A bf16 weight has 8 significant bits: an update below 1/512 of it vanishes. Kahan's sum keeps the lost part
    and adds it to the next update, so that many small updates move the weight as far as they should.
    Moments stay in fp32. With `compensate=False` the lost part is dropped, which is only good for comparison.

    Reference: Zamirai et al., Revisiting BFloat16 Training, 2020.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        *,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        compensate: bool = True,
    ) -> None:
        self.compensate = compensate
        super().__init__(groups, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad.float(), group)

    def _update(self, parameter: torch.Tensor, gradient: torch.Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"] = torch.zeros_like(parameter, dtype=torch.float32)
            state["exp_avg_sq"] = torch.zeros_like(parameter, dtype=torch.float32)
            state["compensation"] = torch.zeros_like(parameter)
        state["step"] += 1
        steps, (first, second) = state["step"].item(), group["betas"]
        mean = state["exp_avg"].lerp_(gradient, 1 - first)
        square = state["exp_avg_sq"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
        deviation = (square / (1 - second**steps)).sqrt_().add_(group["eps"])
        exact = parameter.float().add_(state["compensation"].float())
        exact.mul_(1 - group["lr"] * group["weight_decay"])
        exact.addcdiv_(mean, deviation, value=-group["lr"] / (1 - first**steps))
        parameter.copy_(exact)
        if self.compensate:
            state["compensation"].copy_(exact.sub_(parameter.float()))

# Copyright (c) mmeo contributors. All rights reserved.
"""Sigmoid and softmax focal loss (Lin et al. 2017, eq. 5)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmeo.ops.nms import working_dtype


def _class_weight(target: Tensor, weight: Tensor) -> Tensor:
    """Weight of each sample's class; 1 for background, which has none."""
    known = (target >= 0) & (target < weight.numel())
    picked = weight[torch.where(known, target, 0)]
    return torch.where(known, picked, 1)


def _is_class(input: Tensor, target: Tensor) -> Tensor:
    """``(N, C)`` mask of the target class; all False for background."""
    classes = torch.arange(input.size(1), device=input.device)
    return target[:, None] == classes


@torch.no_grad()
def sigmoid_focal_loss_forward(input: Tensor, target: Tensor, weight: Tensor,
                               output: Tensor, gamma: float,
                               alpha: float) -> None:
    """Loss of every class of every sample.

    Args:
        input (Tensor): ``(N, C)`` logits.
        target (Tensor): ``(N,)`` classes; C or more, or less than 0, is
            background.
        weight (Tensor): ``(C,)`` class weights, or empty.
        output (Tensor): Output ``(N, C)``.
        gamma (float): Focusing exponent.
        alpha (float): Weight of positives; negatives have ``1 - alpha``.
    """
    logits = input.to(working_dtype(input))
    positive = _is_class(logits, target)
    # sigmoid of the signed logit is p for positives, 1 - p for negatives
    signed = torch.where(positive, logits, -logits)
    log_prob = F.logsigmoid(signed)
    loss = (1 - log_prob.exp()).pow_(gamma) * log_prob
    loss *= torch.where(positive, -alpha, alpha - 1)
    if weight.numel():
        loss *= _class_weight(target, weight)[:, None]
    output.copy_(loss)


@torch.no_grad()
def sigmoid_focal_loss_backward(input: Tensor, target: Tensor, weight: Tensor,
                                grad_input: Tensor, gamma: float,
                                alpha: float) -> None:
    """Derivative of the loss by the logits.

    Args:
        input (Tensor): See the forward op, as those that follow.
        target (Tensor): ``(N,)``.
        weight (Tensor): ``(C,)`` or empty.
        grad_input (Tensor): Output ``(N, C)``.
        gamma (float): Focusing exponent.
        alpha (float): Weight of positives.
    """
    logits = input.to(working_dtype(input))
    positive = _is_class(logits, target)
    signed = torch.where(positive, logits, -logits)
    log_prob = F.logsigmoid(signed)
    prob = log_prob.exp()
    rest = 1 - prob
    # d/ds of (1-p)^gamma log p, with dp/ds = p (1-p)
    grad = rest.pow(gamma) * (rest - gamma * prob * log_prob)
    # the sign of the logit turns that of the derivative for negatives
    grad *= torch.where(positive, -alpha, 1 - alpha)
    if weight.numel():
        grad *= _class_weight(target, weight)[:, None]
    grad_input.copy_(grad)


def _target_prob(probs: Tensor, target: Tensor) -> Tensor:
    picked = probs.gather(1, target.clamp(min=0)[:, None]).squeeze(1)
    return picked.to(working_dtype(probs))


@torch.no_grad()
def softmax_focal_loss_forward(input: Tensor, target: Tensor, weight: Tensor,
                               output: Tensor, gamma: float,
                               alpha: float) -> None:
    """Loss of every sample; 0 where the target is negative.

    Args:
        input (Tensor): ``(N, C)`` probabilities, softmax being applied.
        target (Tensor): ``(N,)`` classes.
        weight (Tensor): ``(C,)`` class weights, or empty.
        output (Tensor): Output ``(N,)``.
        gamma (float): Focusing exponent.
        alpha (float): Factor of the loss.
    """
    prob = _target_prob(input, target)
    tiny = torch.finfo(torch.float32).tiny
    loss = -alpha * (1 - prob).pow(gamma) * prob.clamp(min=tiny).log()
    if weight.numel():
        loss *= _class_weight(target, weight)
    output.copy_(torch.where(target >= 0, loss, 0))


@torch.no_grad()
def softmax_focal_loss_backward(input: Tensor, target: Tensor, weight: Tensor,
                                buff: Tensor, grad_input: Tensor,
                                gamma: float, alpha: float) -> None:
    """Derivative of the loss by the logits before the softmax.

    Args:
        input (Tensor): ``(N, C)`` probabilities.
        target (Tensor): ``(N,)``.
        weight (Tensor): ``(C,)`` or empty.
        buff (Tensor): Output ``(N,)``, factor of each sample.
        grad_input (Tensor): Output ``(N, C)``.
        gamma (float): Focusing exponent.
        alpha (float): Factor of the loss.
    """
    prob = _target_prob(input, target)
    tiny = torch.finfo(torch.float32).tiny
    log_prob = prob.clamp(min=tiny).log()
    rest = 1 - prob
    # 0 ** (gamma - 1) is infinite for gamma < 1 while its factor is 0
    slope = torch.where(rest > 0, rest.pow(gamma - 1), 0)
    factor = alpha * (gamma * slope * prob * log_prob - rest.pow(gamma))
    if weight.numel():
        factor *= _class_weight(target, weight)
    factor = torch.where(target >= 0, factor, 0)
    buff.copy_(factor)
    onehot = _is_class(input, target).to(factor.dtype)
    grad_input.copy_(factor[:, None] * (onehot - input))

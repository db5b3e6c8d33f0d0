# Copyright (c) mmeo contributors. All rights reserved.
"""Block-diagonal causal attention as an attention function of transformers.

Registered under the name ``mmeo_packed``. A call that brings cumulative
sequence lengths (``cu_seq_lens_q``) attends within each sample only; any other
call (padded training, generation with a cache) is transformers' own SDPA, but
for the steps of decoding, which do not repeat keys and values.
"""

import inspect
from typing import Any, Optional

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

PACKED_ATTENTION = 'mmeo_packed'

try:
    from torch.nn.attention.varlen import varlen_attn
except ImportError:  # before torch 2.10
    varlen_attn = None


def has_varlen(query: Tensor, dropout: float = 0.0) -> bool:
    """Whether one flash-attention call can serve all samples.

    It wants half precision, no dropout, compute capability 8.0, and the
    signature that torch has since 2.12 (causal by ``window_size``).
    """
    return (varlen_attn is not None and query.is_cuda and not dropout
            and query.dtype in (torch.float16, torch.bfloat16)
            and torch.cuda.get_device_capability(query.device) >= (8, 0)
            and 'window_size' in inspect.signature(varlen_attn).parameters)


def packed_kwargs(lengths: list[int],
                  device: Optional[torch.device] = None) -> dict[str, Any]:
    """Arguments that make a transformers decoder attend per sample.

    Args:
        lengths (list[int]): Tokens of each sample in the row.
        device (torch.device, optional): Device of the row.

    Returns:
        dict: Keyword arguments of the decoder's ``forward``. The 4-d mask of
        one element keeps transformers from building a dense ``(N, N)`` one:
        it hands 4-d masks to the attention function as they are.
    """
    ends = torch.tensor([0, *lengths]).cumsum(0)
    return dict(
        attention_mask=torch.ones(1, 1, 1, 1, dtype=torch.bool,
                                  device=device),
        cu_seq_lens_q=ends.to(device=device, dtype=torch.int32),
        max_length_q=max(lengths),
        sample_lengths=lengths)


def packed_attention(module: nn.Module,
                     query: Tensor,
                     key: Tensor,
                     value: Tensor,
                     attention_mask: Optional[Tensor],
                     dropout: float = 0.0,
                     scaling: Optional[float] = None,
                     **kwargs: Any) -> tuple[Tensor, None]:
    """Attend within samples.

    Args:
        module (nn.Module): The attention layer.
        query (Tensor): ``(1, heads, N, D)``.
        key (Tensor): ``(1, kv_heads, N, D)``.
        value (Tensor): ``(1, kv_heads, N, D)``.
        attention_mask (Tensor, optional): Used only where the call is not
            packed.
        dropout (float): Attention dropout. Defaults to 0.
        scaling (float, optional): Factor of the logits; ``D ** -0.5`` by
            default.
        **kwargs: :func:`packed_kwargs` in a packed call.

    Returns:
        tuple[Tensor, None]: ``(1, N, heads, D)`` and no attention weights.
    """
    lengths = kwargs.get('sample_lengths')
    if lengths is None and query.shape[2] == 1 and not dropout:
        return _one_token(query, key, value, attention_mask, scaling), None
    if lengths is None:
        return sdpa_attention_forward(module, query, key, value,
                                      attention_mask, dropout, scaling,
                                      **kwargs)
    query, key, value = _in_autocast(query, key, value)
    if has_varlen(query, dropout):
        return _varlen(query, key, value, scaling, kwargs), None
    grouped = query.shape[1] != key.shape[1]
    outs = [
        F.scaled_dot_product_attention(
            q, k, v, dropout_p=dropout, is_causal=True, scale=scaling,
            enable_gqa=grouped)
        for q, k, v in zip(*(x.split(lengths, 2) for x in (query, key, value)))
    ]
    return torch.cat(outs, 2).transpose(1, 2), None


def _one_token(query: Tensor, key: Tensor, value: Tensor,
               mask: Optional[Tensor], scaling: Optional[float]) -> Tensor:
    """Attention of one new token in each row, ``(B, 1, heads, D)``.

    Heads that share keys and values stand as the tokens of one query. SDPA
    with a mask would want a copy of the keys and values for each head, and
    in a batch these are most of what a step reads.
    """
    rows, heads, _, width = query.shape
    grouped = query.reshape(rows, key.shape[1], -1, width)  # (B, kv, G, D)
    if mask is not None:
        mask = mask[..., :key.shape[2]]  # (B, 1, 1, N)
    out = F.scaled_dot_product_attention(grouped, key, value, attn_mask=mask,
                                         scale=scaling)
    return out.reshape(rows, 1, heads, width)


def _in_autocast(*tensors: Tensor) -> tuple[Tensor, ...]:
    """As autocast would have them, which does not know flash attention.

    Rotary embeddings leave queries and keys in float32 and values in half
    precision.
    """
    kind = tensors[0].device.type
    if not torch.is_autocast_enabled(kind):
        return tensors
    return tuple(x.to(torch.get_autocast_dtype(kind)) for x in tensors)


def _varlen(query: Tensor, key: Tensor, value: Tensor,
            scaling: Optional[float], kwargs: dict[str, Any]) -> Tensor:
    """One flash-attention call for all samples."""
    ends, longest = kwargs['cu_seq_lens_q'], kwargs['max_length_q']
    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))  # (N, h, D)
    if q.shape[1] != k.shape[1]:
        groups = q.shape[1] // k.shape[1]
        k, v = (x.repeat_interleave(groups, 1) for x in (k, v))
    out = varlen_attn(q, k, v, ends, ends, longest, longest, scale=scaling,
                      window_size=(-1, 0))
    return out[None]


AttentionInterface.register(PACKED_ATTENTION, packed_attention)
AttentionMaskInterface.register(PACKED_ATTENTION, sdpa_mask)

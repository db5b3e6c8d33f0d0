# Copyright (c) mmeo contributors. All rights reserved.
import pytest
import torch

from mmeo.models.vlm.packing import (
    PackedSequence,
    pad,
    sample_positions,
    unpad,
)


def test_pad_round_trip():
    values, lengths = torch.arange(12).view(6, 2), [3, 1, 2]
    right = pad(values, lengths, -1)
    assert right.shape == (3, 3, 2) and (right[1, 1:] == -1).all()
    assert torch.equal(unpad(right, lengths), values)
    left = pad(values, lengths, -1, left=True)
    assert torch.equal(left[1, 2], values[3]) and (left[1, :2] == -1).all()


def test_keep_keeps_order_positions_and_labels():
    lengths = [4, 3]
    packed = PackedSequence(
        torch.arange(7.)[:, None], sample_positions(lengths),
        torch.tensor([-100, -100, 5, 6, -100, 7, 8]), lengths)
    kept = packed.keep(torch.tensor([1, 0, 1, 1, 0, 1, 1], dtype=torch.bool))
    assert kept.lengths == [3, 2]
    assert kept.embeds[:, 0].tolist() == [0, 2, 3, 5, 6]
    assert kept.positions.tolist() == [0, 2, 3, 1, 2]  # gaps stay
    assert kept.labels.tolist() == [-100, 5, 6, 7, 8]
    # The last token of a sample never learns the next sample's first.
    assert kept.targets().tolist() == [5, 6, -100, 8, -100]


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('lengths', [[5], [1, 6, 3], [4, 4]])
def test_packed_attention_equals_a_block_diagonal_mask(lengths, dtype):
    from torch.nn import functional as F

    from mmeo.models.vlm.packed_attention import (
        packed_attention,
        packed_kwargs,
    )
    n = sum(lengths)
    q = torch.randn(1, 4, n, 8, dtype=dtype)
    k, v = torch.randn(2, 1, 2, n, 8, dtype=dtype)
    kwargs = packed_kwargs(lengths)
    mask = kwargs.pop('attention_mask')
    out, _ = packed_attention(None, q, k, v, mask, scaling=0.3, **kwargs)
    blocks = [torch.ones(m, m, dtype=torch.bool).tril() for m in lengths]
    expected = F.scaled_dot_product_attention(
        q, k.repeat_interleave(2, 1), v.repeat_interleave(2, 1),
        attn_mask=torch.block_diag(*blocks).bool(), scale=0.3)
    torch.testing.assert_close(out, expected.transpose(1, 2))


def test_one_varlen_call_equals_the_loop(monkeypatch):
    """The CUDA path, with a stand-in that has varlen_attn's layout."""
    from torch.nn import functional as F

    from mmeo.models.vlm import packed_attention as module

    def stand_in(q, k, v, ends, ends_k, longest, longest_k, *, scale,
                 window_size):
        assert torch.equal(ends, ends_k) and ends.dtype == torch.int32
        assert longest == longest_k == 6 and window_size == (-1, 0)
        outs = [
            F.scaled_dot_product_attention(
                *(x[a:b].transpose(0, 1) for x in (q, k, v)), is_causal=True,
                scale=scale).transpose(0, 1)
            for a, b in zip(ends[:-1].tolist(), ends[1:].tolist())]
        return torch.cat(outs)  # (N, heads, D)

    q = torch.randn(1, 4, 10, 8)
    k, v = torch.randn(2, 1, 2, 10, 8)
    kwargs = module.packed_kwargs([1, 6, 3])
    mask = kwargs.pop('attention_mask')
    assert not module.has_varlen(q)
    loop, _ = module.packed_attention(None, q, k, v, mask, **kwargs)
    monkeypatch.setattr(module, 'varlen_attn', stand_in)
    monkeypatch.setattr(module, 'has_varlen', lambda *args: True)
    one, _ = module.packed_attention(None, q, k, v, mask, **kwargs)
    assert one.shape == (1, 10, 4, 8)
    torch.testing.assert_close(one, loop)


def test_under_autocast_all_of_attention_is_in_half_precision(monkeypatch):
    """Rotary embeddings give float32, which flash attention refuses."""
    from mmeo.models.vlm import HFLanguageModel
    from mmeo.models.vlm import packed_attention as module
    seen = []
    monkeypatch.setattr(module, 'has_varlen',
                        lambda query, dropout: seen.append(query.dtype))
    monkeypatch.setattr(
        module.F, 'scaled_dot_product_attention',
        lambda q, k, v, **kwargs: seen.extend(
            x.dtype for x in (q, k, v)) or torch.zeros_like(q))
    llm = HFLanguageModel(dict(
        model_type='qwen2', hidden_size=16, num_hidden_layers=1, vocab_size=9,
        num_attention_heads=2, num_key_value_heads=1, intermediate_size=16))
    packed = PackedSequence(torch.randn(5, 16), sample_positions([5]),
                            torch.zeros(5, dtype=torch.long), [5])
    for half in (True, False):
        seen.clear()
        with torch.autocast('cpu', torch.bfloat16, enabled=half):
            llm(packed)
        assert seen == [torch.bfloat16 if half else torch.float32] * 4


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
def test_varlen_on_cuda_equals_the_loop(monkeypatch):
    from mmeo.models.vlm import packed_attention as module
    q = torch.randn(1, 4, 40, 64, device='cuda', dtype=torch.bfloat16)
    k, v = torch.randn(2, 1, 2, 40, 64, device='cuda', dtype=torch.bfloat16)
    q.requires_grad_()
    kwargs = module.packed_kwargs([4, 25, 11], q.device)
    mask = kwargs.pop('attention_mask')
    outs = []
    for use in (module.has_varlen, lambda *args: False):
        monkeypatch.setattr(module, 'has_varlen', use)
        out, _ = module.packed_attention(None, q, k, v, mask, **kwargs)
        outs.append((out, torch.autograd.grad(out.float().sum(), q)[0]))
    for a, b in zip(*outs):
        torch.testing.assert_close(a, b, atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize('heads', [(14, 2), (4, 4), (6, 1)])
@pytest.mark.parametrize('masked', [True, False])
def test_a_step_of_decoding_equals_sdpa(heads, masked):
    """With keys and values of each head repeated, as transformers does."""
    from types import SimpleNamespace

    from transformers.integrations.sdpa_attention import (
        sdpa_attention_forward,
    )

    from mmeo.models.vlm.packed_attention import packed_attention
    own, shared = heads
    query = torch.randn(3, own, 1, 8)
    key, value = torch.randn(2, 3, shared, 20, 8)
    mask = None
    if masked:
        mask = torch.rand(3, 1, 1, 25) > 0.3  # longer, as of a static cache
        mask[..., 0] = True
    layer = SimpleNamespace(num_key_value_groups=own // shared)
    args = (layer, query, key, value, mask, 0., 0.4)
    torch.testing.assert_close(packed_attention(*args)[0],
                               sdpa_attention_forward(*args)[0])

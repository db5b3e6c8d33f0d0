# Copyright (c) mmeo contributors. All rights reserved.
import pytest
import torch
from torch import Tensor
from transformers import SiglipVisionConfig, SiglipVisionModel

import mmeo
from mmeo.errors import ConfigError

SIZES = dict(embed_dims=48, depth=3, num_heads=4, hidden_dims=90)


@pytest.fixture
def twins() -> tuple[torch.nn.Module, torch.nn.Module]:
    """Ours, and transformers' with one block more and a head."""
    torch.manual_seed(0)
    theirs = SiglipVisionModel(SiglipVisionConfig(
        hidden_size=48, intermediate_size=90, num_hidden_layers=4,
        num_attention_heads=4, image_size=62, patch_size=14)).eval()
    for param in theirs.parameters():
        torch.nn.init.normal_(param, std=.1)
    ours = mmeo.build('SigLIPViT', arch=SIZES, img_size=62).eval()
    ours.load_state_dict(by_hand(theirs.vision_model.state_dict()))
    return ours, theirs


def by_hand(state: dict[str, Tensor]) -> dict[str, Tensor]:
    out = {
        'patch_embed.weight': state['embeddings.patch_embedding.weight'],
        'patch_embed.bias': state['embeddings.patch_embedding.bias'],
        'pos_embed': state['embeddings.position_embedding.weight'][None]}
    for i in range(3):
        a, b = f'encoder.layers.{i}.', f'layers.{i}.'
        for kind in ('weight', 'bias'):
            out[b + f'norm1.{kind}'] = state[a + f'layer_norm1.{kind}']
            out[b + f'norm2.{kind}'] = state[a + f'layer_norm2.{kind}']
            out[b + f'attn.qkv.{kind}'] = torch.cat(
                [state[f'{a}self_attn.{n}_proj.{kind}'] for n in 'qkv'])
            out[b + f'attn.proj.{kind}'] = state[
                f'{a}self_attn.out_proj.{kind}']
            for fc in ('fc1', 'fc2'):
                out[b + f'mlp.{fc}.{kind}'] = state[f'{a}mlp.{fc}.{kind}']
    return out


def test_tokens_are_those_of_the_last_but_one_block_before_the_norm(twins):
    ours, theirs = twins
    x = torch.randn(2, 3, 62, 62)  # 62 = 4 * 14 + 6: the rest is not seen
    seen = []
    hook = theirs.vision_model.encoder.layers[2].register_forward_hook(
        lambda module, args, out: seen.append(
            out if isinstance(out, Tensor) else out[0]))
    with torch.no_grad():
        theirs(pixel_values=x)
        tokens = ours.forward_tokens(x)
    hook.remove()
    assert tokens.shape == (2, 16, 48)
    torch.testing.assert_close(tokens, seen[0], rtol=1e-5, atol=1e-5)
    changed = x.clone()
    changed[..., 56:] = 9
    assert torch.equal(ours.forward_tokens(changed), tokens)


def test_map_is_the_tokens_folded(twins):
    ours, _ = twins
    x = torch.randn(1, 3, 84, 56)  # another size than the table's
    tokens, (folded, ) = ours.forward_tokens(x), ours(x)
    assert folded.shape == (1, 48, 6, 4)
    assert torch.equal(folded[0, :, 2, 3], tokens[0, 2 * 4 + 3])
    assert ours.out_channels == [48]


def test_recomputed_activations_give_the_same_gradient():
    grads = []
    for with_cp in (False, True):
        torch.manual_seed(0)
        model = mmeo.build('SigLIPViT', arch='tiny', img_size=56,
                           with_cp=with_cp)
        model.forward_tokens(torch.ones(1, 3, 56, 56)).square().sum(
        ).backward()
        grads.append(model.patch_embed.weight.grad)
    assert torch.equal(*grads) and grads[0].abs().max() > 0


def test_bad_input_is_refused():
    with pytest.raises(ConfigError, match="'so500m' is none of so400m, tiny"):
        mmeo.build('SigLIPViT', arch='so500m')
    with pytest.raises(ConfigError, match='needs exactly'):
        mmeo.build('SigLIPViT', arch=dict(embed_dims=4))
    model = mmeo.build('SigLIPViT', arch='tiny', img_size=56)
    with pytest.raises(ConfigError, match='4 bands of 56 x 56'):
        model.forward_tokens(torch.zeros(1, 4, 56, 56))
    with pytest.raises(ConfigError, match='at least one patch'):
        model(torch.zeros(1, 3, 56, 9))


def test_full_size_has_the_parameters_of_26_blocks():
    with torch.device('meta'):
        model = mmeo.build('SigLIPViT')
    # 397.75 M with the norm behind the last block, which is not used.
    assert sum(p.numel() for p in model.parameters()) == 397_745_440

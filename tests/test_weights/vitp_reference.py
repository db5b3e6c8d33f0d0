# Copyright (c) mmeo contributors. All rights reserved.
"""ViTP's fine-tuned backbone written out plainly, under the authors' names.

From the description of the release, for tests only: square images, no
checkpointing, no drop path. ``family='compiled'`` is the adapter of their
detectors and segmentors, ``'mmcv'`` that of their change detectors.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

import mmeo  # noqa: F401  stands in for ops that are not compiled

from mmcv.ops import MultiScaleDeformableAttention  # isort: skip


class Norm2d(nn.Module):

    def __init__(self, dims):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dims))
        self.bias = nn.Parameter(torch.zeros(dims))

    def forward(self, x):
        centred = x - x.mean(1, keepdim=True)
        x = centred / (centred.square().mean(1, keepdim=True) + 1e-6).sqrt()
        return x * self.weight[:, None, None] + self.bias[:, None, None]


class Box(nn.Module):
    """A namespace."""

    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)


class Block(nn.Module):

    def __init__(self, dims, heads, hidden):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(dims, eps=1e-6)
        self.norm2 = nn.LayerNorm(dims, eps=1e-6)
        self.attn = Box(qkv=nn.Linear(dims, 3 * dims),
                        proj=nn.Linear(dims, dims))
        self.mlp = Box(fc1=nn.Linear(dims, hidden),
                       fc2=nn.Linear(hidden, dims))
        self.ls1 = nn.Parameter(torch.zeros(dims))
        self.ls2 = nn.Parameter(torch.zeros(dims))

    def forward(self, x):
        b, n, c = x.shape
        d = c // self.heads
        q, k, v = self.attn.qkv(self.norm1(x)).split(c, dim=-1)
        out = torch.empty_like(x)
        for h in range(self.heads):
            part = slice(h * d, (h + 1) * d)
            scores = q[..., part] @ k[..., part].mT / math.sqrt(d)
            out[..., part] = scores.softmax(-1) @ v[..., part]
        x = x + self.ls1 * self.attn.proj(out)
        hidden = F.gelu(self.mlp.fc1(self.norm2(x)))
        return x + self.ls2 * self.mlp.fc2(hidden)


class CompiledAttention(nn.Module):
    """The op's mathematics, one level and one head at a time."""

    def __init__(self, dims, heads, levels, points, values):
        super().__init__()
        self.grid = (heads, levels, points)
        count = heads * levels * points
        self.sampling_offsets = nn.Linear(dims, 2 * count)
        self.attention_weights = nn.Linear(dims, count)
        self.value_proj = nn.Linear(dims, values)
        self.output_proj = nn.Linear(values, dims)

    def forward(self, query, feat, ref, shapes):
        b, n, _ = query.shape
        heads, levels, points = self.grid
        offsets = self.sampling_offsets(query).view(b, n, *self.grid, 2)
        weights = self.attention_weights(query).view(b, n, heads, -1)
        weights = weights.softmax(-1).view(b, n, *self.grid)
        value = self.value_proj(feat)
        d = value.shape[-1] // heads
        out = value.new_zeros(b, n, value.shape[-1])
        start = 0
        for level, (h, w) in enumerate(shapes):
            maps = value[:, start:start + h * w].mT.reshape(b, -1, h, w)
            start += h * w
            where = ref[None, :, None, :] + offsets.new_tensor(
                [1 / w, 1 / h]) * offsets[:, :, :, level].flatten(2, 3)
            where = where.view(b, n, heads, points, 2) * 2 - 1
            for head in range(heads):
                part = slice(head * d, (head + 1) * d)
                seen = F.grid_sample(maps[:, part], where[:, :, head],
                                     align_corners=False)  # (B, d, N, P)
                out[..., part] += torch.einsum(
                    'bdnp,bnp->bnd', seen, weights[:, :, head, level])
        return self.output_proj(out)


class MMCVAttention(MultiScaleDeformableAttention):
    """mmcv's module, which adds ``identity`` (by default the query)."""

    def __init__(self, dims, heads, levels, points, values):
        super().__init__(dims, heads, levels, points, batch_first=True)

    def forward(self, query, feat, ref, shapes, identity):
        sizes = torch.tensor(shapes)
        start = torch.cat((sizes.new_zeros(1), sizes.prod(1).cumsum(0)[:-1]))
        points = ref[None, :, None].expand(
            len(query), -1, self.num_levels, -1)
        return super().forward(
            query, value=feat, identity=identity, reference_points=points,
            spatial_shapes=sizes, level_start_index=start)


def centres(shapes):
    rows = [((x + 0.5) / w, (y + 0.5) / h) for h, w in shapes
            for y in range(h) for x in range(w)]
    return torch.tensor(rows)


class Look(nn.Module):
    """What injector and extractor share."""

    def __init__(self, dims, levels, family, heads, points, values):
        super().__init__()
        self.family = family
        self.query_norm = nn.LayerNorm(dims)
        self.feat_norm = nn.LayerNorm(dims)
        kind = CompiledAttention if family == 'compiled' else MMCVAttention
        self.attn = kind(dims, heads, levels, points, values)


class Injector(Look):

    def __init__(self, dims, **kwargs):
        super().__init__(dims, 3, **kwargs)
        self.gamma = nn.Parameter(torch.zeros(dims))

    def forward(self, x, c, shapes):
        args = (self.query_norm(x), self.feat_norm(c), centres(shapes[1:2]),
                shapes)
        if self.family == 'mmcv':
            args += (torch.zeros_like(x), )
        return x + self.gamma * self.attn(*args)


class Extractor(Look):

    def __init__(self, dims, **kwargs):
        super().__init__(dims, 1, **kwargs)
        hidden = dims // 4
        conv = nn.Conv2d(hidden, hidden, 3, 1, 1, groups=hidden)
        self.ffn_norm = nn.LayerNorm(dims)
        self.ffn = Box(fc1=nn.Linear(dims, hidden), dwconv=Box(dwconv=conv),
                       fc2=nn.Linear(hidden, dims))

    def forward(self, c, x, shapes):
        args = (self.query_norm(c), self.feat_norm(x), centres(shapes),
                shapes[1:2])
        if self.family == 'mmcv':
            c = self.attn(*args, None)
        else:
            c = c + self.attn(*args)
        hidden = self.ffn.fc1(self.ffn_norm(c))
        maps = hidden.split([h * w for h, w in shapes], dim=1)
        hidden = torch.cat([
            self.ffn.dwconv.dwconv(m.mT.reshape(len(m), -1, h, w))
            .flatten(2).mT for m, (h, w) in zip(maps, shapes)], dim=1)
        return c + self.ffn.fc2(F.gelu(hidden))


def conv(cin, cout, stride):
    return [nn.Conv2d(cin, cout, 3, stride, 1, bias=False), Norm2d(cout),
            nn.ReLU()]


def prior(dims, width):
    return Box(
        stem=nn.Sequential(*conv(3, width, 2), *conv(width, width, 1),
                           *conv(width, width, 1), nn.MaxPool2d(3, 2, 1)),
        conv2=nn.Sequential(*conv(width, 2 * width, 2)),
        conv3=nn.Sequential(*conv(2 * width, 4 * width, 2)),
        conv4=nn.Sequential(*conv(4 * width, 4 * width, 2)),
        fc1=nn.Conv2d(width, dims, 1), fc2=nn.Conv2d(2 * width, dims, 1),
        fc3=nn.Conv2d(4 * width, dims, 1), fc4=nn.Conv2d(4 * width, dims, 1))


class ViTPBackbone(nn.Module):

    def __init__(self, family, dims=32, depth=4, heads=4, hidden=64, img=64,
                 groups=((0, 0), (1, 1), (2, 2), (3, 3)), width=8,
                 adapter_heads=4, points=4):
        super().__init__()
        side = img // 16
        self.groups = groups
        self.embeddings = Box(patch_embedding=nn.Conv2d(3, dims, 16, 16))
        self.embeddings.position_embedding = nn.Parameter(
            torch.zeros(1, side * side + 1, dims))
        self.layers = nn.ModuleList(
            Block(dims, heads, hidden) for _ in range(depth))
        self.level_embed = nn.Parameter(torch.zeros(3, dims))
        self.spm = prior(dims, width)
        look = dict(family=family, heads=adapter_heads, points=points,
                    values=dims // 4)
        self.interactions = nn.ModuleList(
            Box(injector=Injector(dims, **look),
                extractor=Extractor(dims, **look)) for _ in groups)
        self.interactions[-1].extra_extractors = nn.Sequential(
            Extractor(dims, **look), Extractor(dims, **look))
        self.up = nn.ConvTranspose2d(dims, dims, 2, 2)
        for i in range(4):
            setattr(self, f'norm{i + 1}', Norm2d(dims))

    def forward(self, image):
        b, _, h, w = image.shape
        shapes = [(h // s, w // s) for s in (8, 16, 32)]
        maps = [self.spm.stem(image)]
        for part in (self.spm.conv2, self.spm.conv3, self.spm.conv4):
            maps.append(part(maps[-1]))
        maps = [getattr(self.spm, f'fc{i + 1}')(m)
                for i, m in enumerate(maps)]
        c = torch.cat([m.flatten(2).mT + self.level_embed[i]
                       for i, m in enumerate(maps[1:])], dim=1)
        x = self.embeddings.patch_embedding(image).flatten(2).mT
        x = x + self.embeddings.position_embedding[:, 1:]
        for (first, last), block in zip(self.groups, self.interactions):
            x = block.injector(x, c, shapes)
            for layer in self.layers[first:last + 1]:
                x = layer(x)
            c = block.extractor(c, x, shapes)
        for extractor in self.interactions[-1].extra_extractors:
            c = extractor(c, x, shapes)
        c = c.split([h * w for h, w in shapes], dim=1)
        outs = [m.mT.reshape(b, -1, h, w) for m, (h, w) in zip(c, shapes)]
        outs = [self.up(outs[0]) + maps[0], *outs]
        x = x.mT.reshape(b, -1, *shapes[1])
        for i, scale in enumerate((4, 2, 1, 0.5)):
            resized = F.interpolate(x, scale_factor=scale, mode='bilinear')
            outs[i] = getattr(self, f'norm{i + 1}')(outs[i] + resized)
        return outs

# Copyright (c) mmeo contributors. All rights reserved.
"""What a config says about an InternVL: read and written in each layout.

Numbers that tensors do not show (heads, rotary base, activation) can only
come from a config; those that they do show are compared with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mmeo.errors import ConfigError

IMAGE_TOKEN_ID = 151667  # <IMG_CONTEXT> of InternVL 2.5

_ACTS = ('gelu', 'gelu_python')


@dataclass
class VisionSpec:
    """Sizes of an InternViT.

    Attributes:
        embed_dims (int): Channels.
        depth (int): Blocks.
        num_heads (int): Attention heads.
        hidden_dims (int): Channels inside the MLP.
        img_size (int): In pixels.
        patch_size (int): In pixels.
        in_channels (int): Bands.
        qkv_bias (bool): Whether q, k and v have a bias.
        qk_norm (bool): Whether queries and keys are normalised.
        drop_path_rate (float): Of the last block, in training.
    """
    embed_dims: int
    depth: int
    num_heads: int
    hidden_dims: int
    img_size: int
    patch_size: int
    in_channels: int = 3
    qkv_bias: bool = True
    qk_norm: bool = False
    drop_path_rate: float = 0.0


@dataclass
class ModelSpec:
    """An InternVL model, or its vision encoder alone.

    Attributes:
        vision (VisionSpec): The encoder.
        text (dict): transformers' config of the language model, with
            ``model_type``; empty for a lone encoder.
        ratio (int): Side of the square of patches that become one token.
        image_token_id (int): Id of ``<IMG_CONTEXT>``.
        template (str): Conversation template.
    """
    vision: VisionSpec
    text: dict = field(default_factory=dict)
    ratio: int = 2
    image_token_id: int = IMAGE_TOKEN_ID
    template: str = 'internvl2_5'

    @property
    def tied(self) -> bool:
        """Whether the head shares the weights of the embedding."""
        return bool(self.text.get('tie_word_embeddings', False))

    @property
    def tokens_per_tile(self) -> int:
        side = self.vision.img_size // self.vision.patch_size
        return (side // self.ratio)**2


def _need(config: Mapping, key: str, where: str) -> object:
    if key not in config:
        raise ConfigError(f'{where} lacks {key!r}: give the config that '
                          'belongs to the checkpoint.')
    return config[key]


def _refuse(where: str, key: str, value: object, wanted: str) -> None:
    raise ConfigError(f'{where}: {key}={value!r} is not InternViT as mmeo '
                      f'has it ({wanted}).')


def _square(value: object, where: str, key: str) -> int:
    sides = list(value) if isinstance(value, (list, tuple)) else [value]
    if len(set(sides)) != 1:
        _refuse(where, key, value, 'square')
    return int(sides[0])


def _json_vision(config: Mapping, where: str, layout: str) -> VisionSpec:
    norm = config.get('norm_type', 'layer_norm')
    if norm != 'layer_norm':
        _refuse(where, 'norm_type', norm, 'layer_norm')
    if config.get('hidden_act', 'gelu') not in _ACTS:
        _refuse(where, 'hidden_act', config['hidden_act'], 'gelu')
    hf = layout == 'hf'
    if hf and not config.get('use_mean_pooling', True):
        _refuse(where, 'use_mean_pooling', False, 'no norm at the end')
    # transformers omits what equals its own default, which is False.
    bias = config.get('attention_bias', False) if hf else config.get(
        'qkv_bias', True)
    norm = config.get('use_qk_norm' if hf else 'qk_normalization', False)
    return VisionSpec(
        embed_dims=_need(config, 'hidden_size', where),
        depth=_need(config, 'num_hidden_layers', where),
        num_heads=_need(config, 'num_attention_heads', where),
        hidden_dims=_need(config, 'intermediate_size', where),
        img_size=_square(_need(config, 'image_size', where), where,
                         'image_size'),
        patch_size=_square(_need(config, 'patch_size', where), where,
                           'patch_size'),
        in_channels=config.get('num_channels', 3),
        qkv_bias=bias,
        qk_norm=norm,
        drop_path_rate=config.get('drop_path_rate', 0.0))


def _text(config: Mapping, where: str, tied: bool) -> dict:
    """The language model's config, the word on its head settled."""
    text = {k: v for k, v in config.items()
            if k not in ('architectures', 'auto_map', '_name_or_path')}
    names = config.get('architectures') or ['Qwen2ForCausalLM']
    if 'model_type' not in text:
        text['model_type'] = names[0].replace('ForCausalLM', '').lower()
    if text['model_type'] == 'internlm2':
        raise ConfigError(
            f'{where}: InternLM2, the language model of InternVL2.5-2B, is '
            'not in transformers: take the vision encoder alone '
            '(--vision-only), or a model with Qwen2 (1B, 4B, 8B of '
            'InternVL3).')
    text['tie_word_embeddings'] = tied
    return text


def from_json(config: Mapping, where: str = 'config.json') -> ModelSpec:
    """Read a ``config.json`` of transformers or of OpenGVLab.

    Args:
        config (Mapping): Its content.
        where (str): Name for messages.

    Raises:
        ConfigError: If it is neither, or of a model that mmeo lacks.
    """
    layout = 'original' if 'llm_config' in config else 'hf'
    if 'vision_config' not in config:
        if 'hidden_size' in config and 'patch_size' in config:
            layout = 'original' if config.get(
                'model_type') == 'intern_vit_6b' else 'hf'
            return ModelSpec(_json_vision(config, where, layout))
        raise ConfigError(f'{where} is no config of InternVL: it lacks '
                          "'vision_config'.")
    language = 'llm_config' if layout == 'original' else 'text_config'
    text = _need(config, language, where)
    # transformers asks the language model's config and ties where it is
    # silent; OpenGVLab's code gives the head weights of its own.
    tied = config.get('tie_word_embeddings', layout == 'hf')
    if layout == 'hf':
        tied = text.get('tie_word_embeddings', tied)
    if layout == 'original' and config.get('ps_version', 'v2') != 'v2':
        raise ConfigError(f"{where}: ps_version={config['ps_version']!r} "
                          "transposes the grid; only 'v2' is supported.")
    return ModelSpec(
        _json_vision(config['vision_config'], where, layout),
        _text(text, where, tied),
        ratio=round(1 / config.get('downsample_ratio', 0.5)),
        image_token_id=config.get('image_token_id', IMAGE_TOKEN_ID),
        template=config.get('template', 'internvl2_5'))


def from_mmeo(model: Mapping, where: str = 'config') -> ModelSpec:
    """Read the ``model`` of an mmeo config.

    Args:
        model (Mapping): Of an ``InstructVLM`` or ``InternViT``.
        where (str): Name for messages.

    Raises:
        ConfigError: If it is another model, or its language model is a path.
    """
    from mmeo.models.backbones.intern_vit import parse_arch
    kind = str(model.get('type', '')).rsplit('.', 1)[-1]
    vision = model if kind == 'InternViT' else model.get('vision')
    if not vision or (kind not in ('InternViT', 'InstructVLM')):
        raise ConfigError(f'{where}: model type {kind!r} is no InternVL '
                          '(InstructVLM with InternViT).')
    arch = parse_arch(vision.get('arch', '300m'))
    spec = ModelSpec(
        VisionSpec(
            arch['embed_dims'], arch['depth'], arch['num_heads'],
            int(arch['embed_dims'] * arch['mlp_ratio']),
            vision.get('img_size', 448), vision.get('patch_size', 14),
            vision.get('in_channels', 3), vision.get('qkv_bias', True),
            vision.get('qk_norm', False), vision.get('drop_path_rate', 0.0)))
    if kind == 'InstructVLM':
        text = model['llm'].get('config')
        if not text:
            raise ConfigError(
                f'{where}: model.llm has no `config`: set it, or give the '
                "config.json of the language model's InternVL.")
        spec.text = dict(text)
        spec.ratio = model['projector'].get('ratio', 2)
        template = model.get('template', 'internvl2_5')
        spec.template = template if isinstance(template, str) else 'custom'
    return spec


def to_mmeo(spec: ModelSpec) -> dict:
    """The ``model`` of an mmeo config."""
    v = spec.vision
    vision = dict(
        type='InternViT',
        arch=dict(embed_dims=v.embed_dims, depth=v.depth,
                  num_heads=v.num_heads,
                  mlp_ratio=v.hidden_dims / v.embed_dims),
        img_size=v.img_size, patch_size=v.patch_size,
        in_channels=v.in_channels, qkv_bias=v.qkv_bias, qk_norm=v.qk_norm,
        drop_path_rate=v.drop_path_rate)
    if not spec.text:
        return vision
    return dict(
        type='InstructVLM',
        vision=vision,
        projector=dict(
            type='PixelShuffleProjector', in_channels=v.embed_dims,
            out_channels=spec.text['hidden_size'], ratio=spec.ratio),
        llm=dict(type='HFLanguageModel', config=dict(spec.text)),
        template=spec.template)


def _vision_json(v: VisionSpec, layout: str) -> dict:
    shared = dict(
        hidden_size=v.embed_dims, num_hidden_layers=v.depth,
        num_attention_heads=v.num_heads, intermediate_size=v.hidden_dims,
        num_channels=v.in_channels, hidden_act='gelu', layer_norm_eps=1e-6,
        norm_type='layer_norm', initializer_range=0.02,
        attention_dropout=0.0)
    if layout == 'hf':
        return dict(
            architectures=['InternVLVisionModel'],
            model_type='internvl_vision', **shared,
            image_size=[v.img_size] * 2, patch_size=[v.patch_size] * 2,
            attention_bias=v.qkv_bias, use_qk_norm=v.qk_norm,
            use_mean_pooling=True, use_absolute_position_embeddings=True,
            layer_scale_init_value=0.1)
    return dict(
        architectures=['InternVisionModel'], model_type='intern_vit_6b',
        **shared, image_size=v.img_size, patch_size=v.patch_size,
        qkv_bias=v.qkv_bias, qk_normalization=v.qk_norm,
        drop_path_rate=v.drop_path_rate, dropout=0.0,
        initializer_factor=0.1, use_flash_attn=False)


def to_json(spec: ModelSpec, layout: str, dtype: str = 'float32') -> dict:
    """The content of ``config.json``.

    Args:
        spec (ModelSpec): What to write.
        layout (str): ``'hf'`` for transformers' own classes, ``'original'``
            for OpenGVLab's remote code.
        dtype (str): Of the weights. Defaults to ``'float32'``.

    Returns:
        dict: Plain values.
    """
    vision = dict(_vision_json(spec.vision, layout), torch_dtype=dtype)
    if not spec.text:
        return vision
    text = dict(spec.text, tie_word_embeddings=spec.tied, torch_dtype=dtype)
    shared = dict(
        vision_config=vision, downsample_ratio=1 / spec.ratio,
        # Both halves of transformers default to True and would drop the head.
        tie_word_embeddings=spec.tied, torch_dtype=dtype)
    if layout == 'hf':
        return dict(
            architectures=['InternVLForConditionalGeneration'],
            model_type='internvl', text_config=text, **shared,
            image_token_id=spec.image_token_id,
            image_seq_length=spec.tokens_per_tile, projector_hidden_act='gelu',
            vision_feature_layer=-1, vision_feature_select_strategy='default')
    code = 'modeling_internvl_chat.InternVLChatModel'
    text['architectures'] = [f'{text["model_type"].capitalize()}ForCausalLM']
    return dict(
        architectures=['InternVLChatModel'], model_type='internvl_chat',
        auto_map=dict(
            AutoConfig='configuration_internvl_chat.InternVLChatConfig',
            AutoModel=code, AutoModelForCausalLM=code),
        llm_config=text, **shared, ps_version='v2', select_layer=-1,
        template=spec.template, force_image_size=spec.vision.img_size,
        dynamic_image_size=True, use_thumbnail=True, pad2square=False,
        min_dynamic_patch=1, max_dynamic_patch=12)

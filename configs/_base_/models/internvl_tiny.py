# Copyright (c) mmeo contributors. All rights reserved.
# The architecture of internvl2_5-1b.py, small enough for a CPU: 2.6 million
# parameters, random weights.
model = dict(
    type='InstructVLM',
    vision=dict(
        type='InternViT', arch='tiny', img_size=224, patch_size=14),
    projector=dict(
        type='PixelShuffleProjector', in_channels=128, out_channels=128),
    llm=dict(
        type='HFLanguageModel',
        config=dict(
            model_type='qwen2',
            vocab_size=1024,
            hidden_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=384,
            max_position_embeddings=4096,
            tie_word_embeddings=False,
            bos_token_id=None,
            eos_token_id=None)),
    template='internvl2_5',
    token_drop=dict(type='VisualTokenDrop', drop_ratio=0.75),
    data_preprocessor=dict(type='VLMDataPreprocessor'))

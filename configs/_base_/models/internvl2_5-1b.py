# Copyright (c) mmeo contributors. All rights reserved.
# InternVL2.5-1B (arXiv 2412.05271): InternViT-300M, pixel shuffle and
# Qwen2.5-0.5B with the nine tokens that InternVL adds; 938 193 024 parameters.
# Start from the published weights with `load_from` (see docs/en/vlm.md).
model = dict(
    type='InstructVLM',
    vision=dict(
        type='InternViT',
        arch='300m',
        img_size=448,
        patch_size=14,
        drop_path_rate=0.1,
        with_cp=True),
    projector=dict(
        type='PixelShuffleProjector', in_channels=1024, out_channels=896),
    llm=dict(
        type='HFLanguageModel',
        gradient_checkpointing=True,
        config=dict(
            model_type='qwen2',
            vocab_size=151674,
            hidden_size=896,
            num_hidden_layers=24,
            num_attention_heads=14,
            num_key_value_heads=2,
            intermediate_size=4864,
            max_position_embeddings=32768,
            rope_theta=1000000.0,
            rms_norm_eps=1e-6,
            # InternVL gives the head weights of its own, Qwen2.5-0.5B does
            # not.
            tie_word_embeddings=False,
            bos_token_id=151643,
            eos_token_id=151645)),
    template='internvl2_5',
    token_drop=dict(type='VisualTokenDrop', drop_ratio=0.75),
    data_preprocessor=dict(type='VLMDataPreprocessor'))

# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM before its experts (stage 1): SigLIP so400m/14@384 up to block 26, a
# two-layer MLP and Qwen2-0.5B, as LLaVA-OneVision-Qwen2-0.5B, from which the
# released weights were trained; 893 615 904 parameters. Source: RSUniVLM
# (arXiv 2412.05679) section 3.1 and the authors' model file.
image_mode = 'single'
model = dict(
    type='InstructVLM',
    vision=dict(type='SigLIPViT', arch='so400m', img_size=384, with_cp=True),
    projector=dict(type='MLPProjector', in_channels=1152, out_channels=896),
    llm=dict(
        type='HFLanguageModel',
        gradient_checkpointing=True,
        config=dict(
            model_type='qwen2',
            vocab_size=151936,
            hidden_size=896,
            num_hidden_layers=24,
            num_attention_heads=14,
            num_key_value_heads=2,
            intermediate_size=4864,
            max_position_embeddings=32768,
            rope_theta=1000000.0,
            rms_norm_eps=1e-6,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=None)),
    template='qwen_1_5',
    # The mode is not published; one view is our default.
    image_mode=image_mode,
    image_newline=True,
    generation=dict(max_new_tokens=128, do_sample=False),
    # 24 rows of 24 runs of a short name, the worst case, are 2303 tokens.
    task_generation=dict(SEG=dict(max_new_tokens=2400)),
    data_preprocessor=dict(
        type='VLMDataPreprocessor',
        mean=(127.5, 127.5, 127.5),
        std=(127.5, 127.5, 127.5)))

# Copyright (c) mmeo contributors. All rights reserved.
# The architecture of rsunivlm-1b.py, small enough for tests on a CPU: images
# of 56 pixels, 16 tokens; random weights.
image_mode = 'single'
model = dict(
    type='InstructVLM',
    vision=dict(type='SigLIPViT', arch='tiny', img_size=56),
    projector=dict(type='MLPProjector', in_channels=64, out_channels=128),
    llm=dict(
        type='HFLanguageModel',
        config=dict(
            model_type='qwen2',
            vocab_size=1024,
            hidden_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=256,
            max_position_embeddings=4096,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=None)),
    template='qwen_1_5',
    image_mode=image_mode,
    image_newline=True,
    generation=dict(max_new_tokens=32, do_sample=False),
    task_generation=dict(SEG=dict(max_new_tokens=256)),
    data_preprocessor=dict(
        type='VLMDataPreprocessor',
        mean=(127.5, 127.5, 127.5),
        std=(127.5, 127.5, 127.5)))

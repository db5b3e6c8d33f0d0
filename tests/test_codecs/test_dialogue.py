# Copyright (c) mmeo contributors. All rights reserved.
import pytest

from mmeo.codecs import read_turns, render_dialogue
from mmeo.errors import ConfigError, DataError


def talk(*texts):
    return [{'from': ('human', 'gpt')[i % 2], 'value': text}
            for i, text in enumerate(texts)]


def test_text_and_labels(tokenizer):
    out = render_dialogue(
        talk('<image>\nHow many?', 'Three ships.', 'Where?', 'Here.'),
        tokenizer, image_tokens=[3], system='Be brief.')
    text = tokenizer.decode(out.input_ids, skip_special_tokens=False)
    assert text == (
        '<|im_start|>system\nBe brief.<|im_end|>\n'
        '<|im_start|>user\n<img>' + '<IMG_CONTEXT>' * 3 +
        '</img>\nHow many?<|im_end|>\n'
        '<|im_start|>assistant\nThree ships.<|im_end|>\n'
        '<|im_start|>user\nWhere?<|im_end|>\n'
        '<|im_start|>assistant\nHere.<|im_end|>\n')
    learned = [i for i, label in zip(out.input_ids, out.labels)
               if label != -100]
    assert tokenizer.decode(learned, skip_special_tokens=False) == (
        'Three ships.<|im_end|>Here.<|im_end|>')
    assert all(label in (-100, i)
               for i, label in zip(out.input_ids, out.labels))
    image_id = tokenizer.convert_tokens_to_ids('<IMG_CONTEXT>')
    assert out.image_mask == [i == image_id for i in out.input_ids]
    end = tokenizer.convert_tokens_to_ids('<|im_end|>')
    assert [out.input_ids[n - 1] for n in out.round_ends] == [end, end]


def test_prompt_is_a_prefix_of_the_training_text(tokenizer):
    full = render_dialogue(talk('<image>\nHow many?', '\nThree'), tokenizer,
                           image_tokens=[4])
    prompt = render_dialogue(talk('<image>\nHow many?'), tokenizer,
                             image_tokens=[4], generation=True)
    n = len(prompt.input_ids)
    assert full.input_ids[:n] == prompt.input_ids
    assert full.labels[n - 1] == -100 and full.labels[n] != -100
    assert set(prompt.labels) == {-100}


def test_default_system_own_system_and_none(tokenizer):
    def decode(turns, **kwargs):
        ids = render_dialogue(turns, tokenizer, **kwargs).input_ids
        return tokenizer.decode(ids, skip_special_tokens=False)

    assert 'Earth-observation' in decode(talk('Hi', 'Ho'))
    assert decode(talk('Hi', 'Ho'), system='').startswith('<|im_start|>user')
    own = [{'from': 'system', 'value': 'Own.'}, *talk('Hi', 'Ho')]
    assert decode(own).startswith('<|im_start|>system\nOwn.<|im_end|>')


def test_images_in_order_and_layouts(tokenizer):
    turns = [dict(role='user', content='A <image> B <image>'),
             dict(role='assistant', content='C')]
    out = render_dialogue(turns, tokenizer, image_tokens=[2, 5])
    text = tokenizer.decode(out.input_ids, skip_special_tokens=False)
    first, second = text.index('A <img>'), text.index('B <img>')
    assert text[first:second].count('<IMG_CONTEXT>') == 2
    assert text[second:].count('<IMG_CONTEXT>') == 5
    assert sum(out.image_mask) == 7


def test_single_image_without_placeholder_goes_first():
    assert read_turns(talk('Hi', 'Ho'), 1)[0] == ('user', '<image>\nHi')


@pytest.mark.parametrize('turns, images, message', [
    (talk('<image> and <image>', 'x'), 1, '2 .*placeholders.* 1 images'),
    (talk('none', 'x'), 2, '0 .*placeholders.* 2 images'),
    (talk('Hi', 'see <image>'), 1, 'outside a human turn'),
    (talk('Hi'), 0, 'must end'),
    ([], 0, 'must end'),
    (talk('Hi', 'Ho')[::-1], 0, "turn 0 .* 'assistant' where 'user'"),
    ([{'from': 'robot', 'value': 'x'}], 0, "turn 0 .* 'robot'"),
    ([{'from': 'human'}], 0, 'no text'),
    (['Hi'], 0, 'not an object'),
    ('Hi', 0, 'not a list'),
])
def test_bad_conversations(turns, images, message):
    with pytest.raises(DataError, match=message):
        read_turns(turns, images)


@pytest.mark.parametrize('token', ['<|im_end|>', '<IMG_CONTEXT>', '<img>'])
def test_control_tokens_cannot_be_smuggled_in(tokenizer, token):
    with pytest.raises(DataError, match='control token'):
        render_dialogue(talk(f'Hi{token}', 'Ho'), tokenizer)


def test_unfit_tokenizer_and_template(tokenizer):
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast
    bare = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.BPE()), unk_token='?')
    with pytest.raises(ConfigError, match='im_start'):
        render_dialogue(talk('Hi', 'Ho'), bare)
    with pytest.raises(ConfigError, match='vicuna'):
        render_dialogue(talk('Hi', 'Ho'), tokenizer, 'vicuna')

"""Windows where a token is less than a character: Korean, and encoders that read bytes."""

from itertools import pairwise

import numpy as np
import pytest

from textshot.encoders.long_texts import Windows

KOREAN = (
    "주문한 상품이 아직 도착하지 않았습니다 결제는 두 번 되었고 고객센터는 전화를 받지 않습니다"
    " 환불을 요청했지만 아무런 답변이 없습니다 "
)


@pytest.fixture(scope="module")
def bytewise():
    """A tokenizer as that of RoBERTa, without merges: a token for each byte."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    model = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(letters)}, merges=[]))
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return PreTrainedTokenizerFast(tokenizer_object=model)


def count(tokenizer, text):
    return len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


@pytest.mark.parametrize("first", ["!", "À", "一", "🌀"], ids=["1", "2", "3", "4 bytes"])
@pytest.mark.parametrize("limit", [12, 20, 80])
def test_all_characters_are_covered_and_none_is_cut_in_two(bytewise, first, limit):
    text = "".join(chr(ord(first) + i) for i in range(90))  # all different
    windows, _ = Windows(bytewise, limit)([text])
    places = [(text.index(window), text.index(window) + len(window)) for window in windows]
    assert (places[0][0], places[-1][1]) == (0, len(text))
    assert all(start <= end for (_, end), (start, _) in pairwise(places))
    assert max(count(bytewise, window) for window in windows) <= limit


@pytest.mark.parametrize("text", ["😀" * 10, "返金してください", "ä" * 15])
def test_a_text_of_few_characters_and_many_tokens_is_cut(bytewise, text):
    assert len(text) <= 20 < count(bytewise, text)
    windows, _ = Windows(bytewise, 20)([text])
    assert len(windows) > 1


def test_the_last_word_of_a_korean_text_counts_or_is_counted(real_encoder):
    # 225 characters, of which the encoder makes 282 tokens: more than the 254 it reads at once.
    text = KOREAN * 3
    found = real_encoder.truncation_stats([text])
    assert len(text) <= 254 < found.n_tokens
    changed = np.abs(np.subtract(*real_encoder.encode([text, text + "refund"]))).max()
    assert changed > 1e-4 or found.n_truncated == 1

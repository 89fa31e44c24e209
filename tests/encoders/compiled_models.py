"""Tiny random models of seven families, each with a tokenizer of its family's kind."""

from model_folders import write_json, write_modules

from textshot.encoders.general_texts import GENERAL_TEXTS

FAMILIES = ("bert", "mpnet", "roberta", "xlm-roberta", "modernbert", "qwen2", "qwen3")
TEXTS = [
    *GENERAL_TEXTS[:16],
    " ".join(GENERAL_TEXTS[:9]),  # longer than the 48 tokens that the models read
    " ".join(GENERAL_TEXTS[20:60]),
    "x" * 300,
    "",
    " ",
    "x",
    "  a space at both ends \n",
    "UPPER Case",
    "naïve café, 3 € at 14 °C",
    "日本 и мир",
    "a\tb\n\nc",
    "don't @me #tag 1,000.50",
    "[CLS] a </s> [MASK] <mask>",
    "😀 👩\u200d🔬 e\u0301",
    "a\ud800b\x00c",
    "the same",
    "the same",
]
_BERT = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
# As in Qwen3-Embedding: nothing at the beginning, and what ends a text also fills up.
_QWEN = {"eos": "<|endoftext|>", "pad": "<|endoftext|>"}
_ROBERTA = {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"}
_MARKS = {"bert": _BERT, "modernbert": _BERT, "qwen2": _QWEN, "qwen3": _QWEN}
_CONFIG = {
    "bert": {"type_vocab_size": 2},
    # Windows of attention that are shorter than a text, and every third layer without them.
    "modernbert": {"num_hidden_layers": 4, "local_attention": 8, "global_attn_every_n_layers": 3},
    "qwen2": {"num_key_value_heads": 1},
    "qwen3": {"num_key_value_heads": 1, "head_dim": 16},
}


def make_model(folder, family, pooling="mean", *, dense=False, side="right", spread=0.5):
    """Write a sentence-transformers folder: 32 numbers a vector, 48 tokens at most.

    `side` is where a batch is filled up, `spread` how far the random weights are from nothing.
    """
    import torch
    from transformers import AutoConfig, AutoModel

    tokenizer = make_tokenizer(family, side)
    sizes = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        "initializer_range": spread,
        "pad_token_id": tokenizer.pad_token_id,
    }
    own = _CONFIG.get(family, {"type_vocab_size": 1})
    config = AutoConfig.for_model(family, **{**sizes, **own})
    with torch.random.fork_rng():
        torch.manual_seed(7)
        AutoModel.from_config(config).save_pretrained(folder)
        if dense:
            _save_dense(folder / "2_Dense")
    tokenizer.save_pretrained(folder)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 48, "do_lower_case": False})
    write_json(
        folder / "1_Pooling" / "config.json", {"embedding_dimension": 32, "pooling_mode": pooling}
    )
    if dense:
        write_modules(folder, [("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense")])
    else:
        write_modules(folder)
    return folder


def stored_files(cache):
    """The files of the only compiled model; the names of machines and versions cut off."""
    [folder] = (path for path in (cache / "compiled").iterdir() if path.is_dir())
    return {
        path.name.partition("-")[0] + path.suffix * ("-" in path.name): path.read_bytes()
        for path in folder.iterdir()
    }


def _save_dense(folder):
    from sentence_transformers.base.modules import Dense

    folder.mkdir()
    Dense(32, 24).save(str(folder))


def make_tokenizer(family, side="right"):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    names = _MARKS.get(family, _ROBERTA)
    specials = {"special_tokens": list(dict.fromkeys(names.values())), "show_progress": False}
    if family in ("bert", "mpnet"):
        made = Tokenizer(models.WordPiece(unk_token=names["unk"]))
        made.normalizer = normalizers.BertNormalizer(lowercase=True)
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=300, **specials)
    elif family != "xlm-roberta":
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, **specials)
    else:
        made = Tokenizer(models.Unigram())
        made.normalizer = normalizers.NFKC()
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=300, unk_token=names["unk"], **specials)
    made.train_from_iterator(GENERAL_TEXTS, trainer)
    marked = [names.get("cls"), "$A", names.get("sep") or names["eos"]]
    ends = [(mark, made.token_to_id(mark)) for mark in marked if mark not in (None, "$A")]
    made.post_processor = TemplateProcessing(single=[*filter(None, marked)], special_tokens=ends)
    inputs = ["input_ids", "attention_mask"] + ["token_type_ids"] * (family == "bert")
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        model_max_length=48,
        padding_side=side,
        model_input_names=inputs,
        **{f"{one}_token": token for one, token in names.items()},
    )

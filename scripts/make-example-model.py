"""Makes examples/tiny-llama: a Llama-architecture model of one million parameters with its own tokenizer.

    python -m pip install -r scripts/requirements.txt
    python scripts/make-example-model.py

The tokenizer is a byte-level BPE trained on the example preference file. The model is pre-trained for a few minutes on
the same texts as a plain causal language model. Chosen and rejected responses are treated alike: they get similar
log-probabilities, and telling them apart is left for preference tuning to learn.

Same seed, library versions and processor: same files.
"""

import argparse
import json
import math
import random
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

ROOT = Path(__file__).resolve().parent.parent
BOS, EOS, PAD = "<|begin|>", "<|end|>", "<|pad|>"
ROLES = ["<|system|>", "<|user|>", "<|assistant|>"]
SPECIAL_TOKENS = [BOS, EOS, PAD, *ROLES]

# Every turn ends with the end token and nothing after it, so a response's last token is `eos`.
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% if message['role'] not in ['system', 'user', 'assistant'] %}"
    "{{ raise_exception('Unknown role: ' + message['role']) }}"
    "{% endif %}"
    "{{ '<|' + message['role'] + '|>\\n' + message['content'] + eos_token }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 2048,
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "hidden_act": "silu",
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "rope_scaling": None,
    "tie_word_embeddings": True,
    "attention_bias": False,
    "attention_dropout": 0.0,
    "mlp_bias": False,
    "initializer_range": 0.02,
    "pretraining_tp": 1,
    "use_cache": True,
    "bos_token_id": SPECIAL_TOKENS.index(BOS),
    "eos_token_id": SPECIAL_TOKENS.index(EOS),
    "pad_token_id": SPECIAL_TOKENS.index(PAD),
    "torch_dtype": "bfloat16",
}


def read_pairs(file: Path) -> list[dict]:
    """Rows of {prompt, chosen, rejected}, each a list of messages."""
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def write_json(file: Path, value: object) -> None:
    file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def make_tokenizer(pairs: list[dict], folder: Path) -> None:
    """Trains the byte-level BPE and writes tokenizer.json, tokenizer_config.json and special_tokens_map.json."""
    texts = sorted({m["content"] for pair in pairs for part in pair.values() for m in part})
    tokenizer = Tokenizer(models.BPE(byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, SPECIAL_TOKENS.index(BOS))]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=CONFIG["vocab_size"],
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if tokenizer.get_vocab_size() != CONFIG["vocab_size"]:
        raise SystemExit(f"the texts give only {tokenizer.get_vocab_size()} of {CONFIG['vocab_size']} tokens: add text")
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": BOS,
            "eos_token": EOS,
            "pad_token": PAD,
            "additional_special_tokens": ROLES,
            "added_tokens_decoder": {
                str(i): {
                    "content": token,
                    "lstrip": False,
                    "normalized": False,
                    "rstrip": False,
                    "single_word": False,
                    "special": True,
                }
                for i, token in enumerate(SPECIAL_TOKENS)
            },
            "clean_up_tokenization_spaces": False,
            "model_max_length": CONFIG["max_position_embeddings"],
            "chat_template": CHAT_TEMPLATE,
        },
    )
    write_json(
        folder / "special_tokens_map.json",
        {"bos_token": BOS, "eos_token": EOS, "pad_token": PAD, "additional_special_tokens": ROLES},
    )


def render(tokenizer, messages: list[dict]) -> list[int]:
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def make_batches(sequences: list[list[int]], size: int, rng: random.Random) -> list[list[list[int]]]:
    """Batches of about equal length, in random order: little padding, and no order to learn."""
    by_length = sorted(sequences, key=lambda s: len(s) + rng.uniform(-24, 24))
    batches = [by_length[i : i + size] for i in range(0, len(by_length), size)]
    rng.shuffle(batches)
    return batches


def causal_loss(model: LlamaForCausalLM, batch: list[list[int]]) -> torch.Tensor:
    """Mean cross-entropy over the tokens of a batch, right-padded; padding is not scored."""
    longest = max(len(s) for s in batch)
    ids = torch.full((len(batch), longest), CONFIG["pad_token_id"])
    labels = torch.full_like(ids, -100)
    for row, sequence in enumerate(batch):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        labels[row, : len(sequence)] = torch.tensor(sequence)
    # Padding is on the right: under the causal mask no scored token sees it.
    logits = model(input_ids=ids).logits
    return torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)


def pretrain(model: LlamaForCausalLM, sequences: list[list[int]], args: argparse.Namespace) -> None:
    rng = random.Random(args.seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate, betas=(0.9, 0.95), weight_decay=0.1)
    steps = args.epochs * math.ceil(len(sequences) / args.batch_size)
    warmup = max(1, steps // 20)

    def rate(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    model.train()
    began = time.monotonic()
    for epoch in range(args.epochs):
        losses = []
        for batch in make_batches(sequences, args.batch_size, rng):
            loss = causal_loss(model, batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            schedule.step()
            losses.append(loss.item())
        mean = sum(losses) / len(losses)
        print(f"epoch {epoch + 1}/{args.epochs}: loss {mean:.3f}, {time.monotonic() - began:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "examples" / "preferences.jsonl")
    parser.add_argument("--out", type=Path, default=ROOT / "examples" / "tiny-llama")
    parser.add_argument("--epochs", type=int, default=5, help="0 leaves the weights random")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)
    pairs = read_pairs(args.data)
    args.out.mkdir(parents=True, exist_ok=True)

    make_tokenizer(pairs, args.out)
    tokenizer = AutoTokenizer.from_pretrained(args.out)
    sequences = [render(tokenizer, p["prompt"] + p[side]) for p in pairs for side in ("chosen", "rejected")]
    model = LlamaForCausalLM(LlamaConfig(**CONFIG))
    print(f"{len(sequences)} sequences, {sum(map(len, sequences))} tokens, {model.num_parameters()} parameters")
    pretrain(model, sequences, args)

    write_json(args.out / "config.json", CONFIG)
    write_json(
        args.out / "generation_config.json",
        {key: CONFIG[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")} | {"max_new_tokens": 256},
    )
    tensors = {name: p.detach().to(torch.bfloat16).contiguous() for name, p in model.named_parameters()}
    weights = args.out / "model.safetensors"
    save_file(tensors, weights, metadata={"format": "pt"})
    weights.chmod(0o644)  # safetensors writes files that only their owner may read


if __name__ == "__main__":
    main()

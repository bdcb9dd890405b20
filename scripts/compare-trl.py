"""The Python half of `npm run compare:trl` (scripts/compare-trl.mjs), which trains the same rows with TRL and with Wishbone.

    python scripts/compare-trl.py check               whether the packages are there
    python scripts/compare-trl.py prepare <folder> [text]    models, tokenizers, rows and a TRL config for each case
    python scripts/compare-trl.py compare <folder>    trains each case with TRL and compares, a line of JSON for each

A case's folder holds `trl.yaml`, which `wishbone convert` reads too, and after the runs `run`, Wishbone's run folder. TRL gets
the rows in the order of its plan, one after the other. Models have random weights, wide enough that logits differ.
"""

import argparse
import json
import random
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("torch", "transformers", "trl", "datasets", "peft", "safetensors", "tokenizers")

LOSS_LIMIT = 1e-5  # of a step's loss, relative above 1
LOGPS_LIMIT = 1e-5  # of the first step's mean log-probabilities, relative to float64
UPDATE_LIMIT = 5e-4  # of what training changed in the weights: |ours - TRL's| / |TRL's - the start|

# Every step is logged and nothing else is written; what both sides would choose for themselves is said.
COMMON = {
    "per_device_train_batch_size": 4,
    "num_train_epochs": 1,
    "learning_rate": 5e-4,
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": "none",
}
PEFT = {"use_peft": True, "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.0}


def case(name: str, model: str, rows: str, flags: str = "", trainer: str = "dpo", **settings: object) -> dict:
    """Rows are a kind and a count; flags are Wishbone's alone and change nothing in what is trained."""
    kind, count = rows.split(":")
    return {
        "name": name,
        "model": model,
        "kind": kind,
        "count": int(count),
        "flags": flags.split(),
        "trainer": trainer,
        "settings": COMMON | settings,
    }


CASES = [
    case("sigmoid", "llama", "chat:40"),
    case("sigmoid, example model", "tiny-llama", "chat:24", learning_rate=1e-4),
    case("sigmoid, naive pairing", "llama", "chat:24", "--sharing none"),
    case("implicit prompts", "qwen2", "implicit:40"),
    case("implicit prompts, messages", "qwen3", "implicit-chat:40"),
    case("plain text, no BOS", "qwen2", "text:40"),
    case("ipo", "qwen2", "chat:40", loss_type="ipo"),
    case("apo_zero", "qwen3", "chat:40", loss_type="apo_zero"),
    case("hinge", "gemma3", "chat:40", loss_type="hinge", beta=0.3),
    case("robust", "phi3", "text:40", loss_type="robust", label_smoothing=0.1),
    case("sum of losses", "phi3", "chat:40", loss_type=["sigmoid", "bco_pair", "sft"], loss_weights=[0.8, 0.2, 1.0]),
    case("WPO with LD", "llama", "chat:40", use_weighting=True, ld_alpha=0.5),
    case("js_divergence", "gemma3", "chat:40", f_divergence_type="js_divergence"),
    case("reference follows", "qwen3", "chat:40", sync_ref_model=True, ref_model_sync_steps=3, ref_model_mixup_alpha=0.6),
    case("cpo", "qwen2", "explicit:40", trainer="cpo", cpo_alpha=0.5),
    case("simpo", "llama", "explicit:40", trainer="cpo", loss_type="simpo", cpo_alpha=0.0, beta=2.0, simpo_gamma=1.0),
    case("simpo with likelihood", "gemma3", "explicit:40", trainer="cpo", loss_type="simpo", cpo_alpha=0.3, beta=2.0),
    case("LoRA", "qwen2", "chat:40", learning_rate=2e-3, **PEFT),
    case(
        "LoRA, all layers", "llama", "chat:40", learning_rate=2e-3, lora_target_modules="all-linear", use_rslora=True, **PEFT
    ),
    case("truncation", "qwen3", "chat:40", max_length=56),
    case("tree, duplicate prompts", "qwen2", "duplicates:60", "--sharing tree", per_device_train_batch_size=12),
    case("accumulation", "phi3", "chat:48", per_device_train_batch_size=2, gradient_accumulation_steps=4),
    case("Chinese chat", "qwen3", "chinese:40"),
    case(
        "two epochs, cosine, decay",
        "gemma3",
        "chat:32",
        num_train_epochs=2,
        lr_scheduler_type="cosine",
        warmup_steps=3,
        weight_decay=0.1,
    ),
]

WORDS = """the a an of to in is was for on with as by from at this that it be are or not can will which one all more when if
table river number answer letter green small open before after while count value begins ends line file reads writes returns
because therefore however first second last never always about between into without rather quite seven twelve forty-two
def return print( x[0] = ) {} "quoted" 3.14 100% naïve café Zürich — … user@example.org""".split()
CHINESE = """今天 天气 很 好 我们 去 公园 请 告诉 我 答案 是 什么 因为 所以 这个 问题 不 难 三 个
苹果 北京 时间 上午 九点 谢谢 你 的 帮助 。 ， ？ 第一 步 然后 最后 结果 正确 错误 模型 训练""".split()

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
LLAMA = (
    "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n' + m['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% for m in messages %}{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\\n' + m['content'] | trim"
    " + '<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)
# The texts that Qwen's tokenizer cuts into words; transformers gives it to every folder of these models.
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PHI = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>\\n' + m['content'] + '<|end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)

SIZES = {
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "max_position_embeddings": 512,
    "initializer_range": 0.08,
}
# model_type, more of the config, special tokens (BOS, EOS, pad, others), whether texts begin with BOS, template.
MODELS = {
    "llama": (
        "llama",
        {"rope_theta": 10000.0},
        ["<|begin_of_text|>", "<|eot_id|>", "<|pad|>", "<|start_header_id|>", "<|end_header_id|>"],
        True,
        LLAMA,
    ),
    "qwen2": ("qwen2", {}, [None, "<|im_end|>", "<|endoftext|>", "<|im_start|>"], False, CHATML),
    "qwen3": ("qwen3", {"tie_word_embeddings": True}, [None, "<|im_end|>", "<|endoftext|>", "<|im_start|>"], False, CHATML),
    "gemma3": (
        "gemma3_text",
        {
            "sliding_window": 24,
            "query_pre_attn_scalar": 12,
            "tie_word_embeddings": True,
            "num_hidden_layers": 3,
            "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
        },
        ["<bos>", "<end_of_turn>", "<pad>", "<start_of_turn>", "<unk>"],
        True,
        GEMMA,
    ),
    "phi3": ("phi3", {}, ["<s>", "<|end|>", "<|endoftext|>", "<|user|>", "<|assistant|>", "<|system|>"], False, PHI),
}


def text(rng: random.Random, words: list[str], least: int, most: int, join: str = " ") -> str:
    return join.join(rng.choice(words) for _ in range(rng.randint(least, most)))


def make_rows(kind: str, count: int, rng: random.Random) -> list[dict]:
    words, join = (CHINESE, "") if kind == "chinese" else (WORDS, " ")
    say = lambda role, least, most: {"role": role, "content": text(rng, words, least, most, join)}  # noqa: E731
    shared = [[say("system", 12, 30), say("user", 20, 40)] for _ in range(3)]
    rows = []
    for index in range(count):
        begin = text(rng, words, 0, 4, join)
        answers = [f"{begin}{join}{text(rng, words, 2, 24, join)}".strip() for _ in range(2)]
        if answers[0] == answers[1]:
            answers[1] += words[0]
        if kind in ("text", "explicit", "implicit"):
            # A break that no token crosses where prompts must end alike for every rule.
            prompt = text(rng, words, 6, 30) + ("\n" if kind == "explicit" else rng.choice(["", " ", "\n", ": "]))
            if kind == "implicit":
                rows.append({side: prompt + answer for side, answer in zip(("chosen", "rejected"), answers, strict=True)})
            else:
                space = "" if kind == "explicit" else rng.choice(["", " "])
                rows.append({"prompt": prompt, "chosen": space + answers[0], "rejected": space + answers[1]})
            continue
        if kind == "duplicates":
            prompt = shared[index % len(shared)] + (
                [] if index % 2 else [{"role": "assistant", "content": "ok"}, say("user", 3, 9)]
            )
        else:
            prompt = ([say("system", 3, 9)] if rng.random() < 0.4 else []) + [say("user", 4, 20)]
            while rng.random() < 0.3:
                prompt += [say("assistant", 2, 12), say("user", 2, 12)]
        turns = [[{"role": "assistant", "content": answer}] for answer in answers]
        if kind == "implicit-chat":
            rows.append({"chosen": prompt + turns[0], "rejected": prompt + turns[1]})
        else:
            rows.append({"prompt": prompt, "chosen": turns[0], "rejected": turns[1]})
    return rows


def make_tokenizer(name: str, folder: Path, texts: list[str]):
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    _, _, special, adds_bos, template = MODELS[name]
    tokens = [token for token in special if token is not None]
    if name == "gemma3":  # as SentencePiece: spaces are a letter, what is unknown its bytes
        tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
        tokenizer.normalizer = normalizers.Replace(" ", "▁")
        tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
        trainer = trainers.BpeTrainer(
            vocab_size=900, special_tokens=tokens + [f"<0x{byte:02X}>" for byte in range(256)], show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        if name.startswith("qwen"):
            words = pre_tokenizers.Split(Regex(QWEN), behavior="isolated")
            tokenizer.normalizer = normalizers.NFC()
            tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
                [words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
            )
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=700, special_tokens=tokens, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        )
    tokenizer.train_from_iterator(texts, trainer)
    if name == "gemma3":  # the bytes are no special tokens, only in the vocabulary
        state = json.loads(tokenizer.to_str())
        state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] in tokens]
        tokenizer = Tokenizer.from_str(json.dumps(state))
    bos = special[0]
    if adds_bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=bos, eos_token=special[1], pad_token=special[2])
    wrapped.chat_template = template
    wrapped.save_pretrained(folder)
    return wrapped


def prepare(folder: Path, only: str) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    rng = random.Random(3)
    texts = [text(rng, WORDS, 20, 60) for _ in range(200)] + [text(rng, CHINESE, 20, 60, "") for _ in range(100)]
    for index, (name, (kind, fields, special, _, _)) in enumerate(MODELS.items()):
        torch.manual_seed(index)
        out = folder / "models" / name
        tokenizer = make_tokenizer(name, out, texts)
        ids = {
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        }
        config = AutoConfig.for_model(kind, **(SIZES | fields | ids | {"vocab_size": len(tokenizer)}))
        AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(out)
    # The example model in float32, so that its export is not rounded.
    out = folder / "models/tiny-llama"
    AutoModelForCausalLM.from_pretrained(ROOT / "examples/tiny-llama", dtype=torch.float32).save_pretrained(out)
    AutoTokenizer.from_pretrained(ROOT / "examples/tiny-llama").save_pretrained(out)
    chosen = [(index, one) for index, one in enumerate(CASES) if only in one["name"]]
    for index, one in chosen:
        here = folder / f"case-{index:02}"
        here.mkdir(parents=True)
        rows = make_rows(one["kind"], one["count"], random.Random(100 + index))
        (here / "rows.jsonl").write_text(
            "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
        )
        settings = {"model_name_or_path": f"../models/{one['model']}", "dataset_name": "rows.jsonl"} | one["settings"]
        (here / "trl.yaml").write_text(
            "".join(f"{key}: {json.dumps(value)}\n" for key, value in settings.items()), encoding="utf-8"
        )
        if one["settings"].get("use_peft"):
            make_adapter(folder / "models" / one["model"], here / "adapter", settings)
    listed = [
        {
            "name": one["name"],
            "folder": f"case-{index:02}",
            "trainer": one["trainer"],
            "flags": one["flags"],
            "adapter": one["settings"].get("use_peft", False),
        }
        for index, one in chosen
    ]
    (folder / "cases.json").write_text(json.dumps(listed), encoding="utf-8")


def make_adapter(model: Path, out: Path, settings: dict) -> None:
    """A new adapter as TRL's script makes it, saved so that both sides begin with the same."""
    import dataclasses

    import torch
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM
    from trl import ModelConfig, get_peft_config

    names = {field.name for field in dataclasses.fields(ModelConfig)}
    torch.manual_seed(5)
    config = get_peft_config(ModelConfig(**{key: value for key, value in settings.items() if key in names}))
    get_peft_model(AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32), config).save_pretrained(out)


def compare(folder: Path) -> None:
    for index, one in enumerate(CASES):
        here = folder / f"case-{index:02}"
        if not here.exists():
            continue
        try:
            result = compare_case(here, one)
        except Exception as error:  # the others are still to be compared
            result = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps({"name": one["name"]} | result), flush=True)


def compare_case(here: Path, one: dict) -> dict:
    from safetensors.torch import load_file

    run = here / "run"
    plan = load_file(run / "plan.safetensors")
    events = [json.loads(line) for line in (run / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    steps = [event for event in events if event["type"] == "step"]
    order = plan["pair_row"].tolist()
    losses, start, end, batches = train(here, one, order)
    others = other_tokens(plan, batches)
    if others > 0:
        return {"error": f"{others} of {2 * len(order)} sequences have other tokens, or another end of the prompt"}
    if len(losses) != len(steps):
        return {"error": f"{len(steps)} steps, {len(losses)} of TRL's"}
    ours = load_file(
        run / "export" / ("adapter_model.safetensors" if one["settings"].get("use_peft") else "model.safetensors")
    )
    missing = sorted(set(ours) ^ set(end)) if set(ours) - set(end) else []
    if missing:
        return {"error": f"other weights: {', '.join(missing[:3])}"}
    away = sum(float(((ours[name].double() - end[name].double()) ** 2).sum()) for name in ours) ** 0.5
    change = sum(float(((end[name].double() - start[name].double()) ** 2).sum()) for name in ours) ** 0.5
    loss = max(abs(step["loss"] - theirs) / max(1, abs(theirs)) for step, theirs in zip(steps, losses, strict=True))
    logps, theirs = first_logps(here, one, plan, steps[0])
    result = {
        "steps": len(steps),
        "first": losses[0],
        "last": losses[-1],
        "loss": loss,
        "logps": logps,
        "logps_fp32": theirs,
        "update": away / change,
        "change": change,
    }
    good = loss <= LOSS_LIMIT and logps <= LOGPS_LIMIT and away <= UPDATE_LIMIT * change and change > 0
    return result | {"good": good}


def other_tokens(plan: dict, batches: list[dict]) -> int:
    """Sequences that are not TRL's: as many tokens of the response scored, after the same tokens."""
    from check_export import read_sequences

    sequences = read_sequences(plan)
    ours = [[sequences[sequence] for sequence in plan[side].tolist()] for side in ("pair_chosen", "pair_rejected")]
    theirs = [[], []]
    for batch in batches:
        if "input_ids" in batch:
            half = len(batch["input_ids"]) // 2
            rows = zip(batch["input_ids"], batch["attention_mask"], batch["completion_mask"], strict=True)
            for place, (ids, attention, completion) in enumerate(rows):
                theirs[place // half].append((ids[attention == 1].tolist(), int(completion[1:].sum())))
            continue
        for side, name in enumerate(("chosen", "rejected")):
            rows = zip(batch[f"{name}_input_ids"], batch[f"{name}_attention_mask"], batch[f"{name}_labels"], strict=True)
            theirs[side] += [
                (ids[attention == 1].tolist(), int((labels[1:] != -100).sum())) for ids, attention, labels in rows
            ]
    return sum(a != b for side in (0, 1) for a, b in zip(ours[side], theirs[side], strict=True))


def train(here: Path, one: dict, order: list[int]) -> tuple[list[float], dict, dict, list[dict]]:
    """The losses of TRL's steps, the weights before and after, and its batches."""
    import dataclasses

    import torch
    from datasets import Dataset
    from peft import PeftModel, get_peft_model_state_dict
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer, ModelConfig
    from trl.experimental.cpo import CPOConfig, CPOTrainer

    config_type, trainer_type = (CPOConfig, CPOTrainer) if one["trainer"] == "cpo" else (DPOConfig, DPOTrainer)
    names = {field.name for field in dataclasses.fields(config_type)} - {"use_peft"}
    of_model = {field.name for field in dataclasses.fields(ModelConfig)}
    settings = {
        key: value for key, value in one["settings"].items() if key in names and not (key in of_model and "lora" in key)
    }
    # The order is the plan's, all epochs after another.
    settings |= {
        "num_train_epochs": 1,
        "train_sampling_strategy": "sequential",
        "output_dir": str(here / "trl"),
        "disable_tqdm": True,
    }
    rows = [json.loads(line) for line in (here / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    folder = here.parent / "models" / one["model"]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if one["settings"].get("use_peft"):
        model = PeftModel.from_pretrained(model, here / "adapter", is_trainable=True)
    weights = (
        (lambda: {name: value.clone() for name, value in get_peft_model_state_dict(model).items()})
        if isinstance(model, PeftModel)
        else (lambda: {name: value.clone() for name, value in model.state_dict().items()})
    )
    losses: list[list[float]] = []

    class Recording(trainer_type):
        def compute_loss(self, *args, **kwargs):
            loss = super().compute_loss(*args, **kwargs)
            while len(losses) <= self.state.global_step:
                losses.append([])
            losses[self.state.global_step].append(float(loss[0] if isinstance(loss, tuple) else loss))
            return loss

    start = weights()
    trainer = Recording(
        model=model,
        args=config_type(**settings),
        train_dataset=Dataset.from_list([rows[row] for row in order]),
        processing_class=AutoTokenizer.from_pretrained(folder),
    )
    batches = list(trainer.get_train_dataloader())
    trainer.train()
    return [sum(step) / len(step) for step in losses], start, weights(), batches


def first_logps(here: Path, one: dict, plan: dict, step: dict) -> tuple[float, float]:
    """How far the mean log-probabilities of the first step are from float64's: the runner's, and transformers' float32's."""
    import torch
    from check_export import read_sequences
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    pairs = int(plan["step_pair_start"][1])
    sequences = read_sequences(plan)

    @torch.no_grad()
    def means(dtype) -> list[float]:
        model = AutoModelForCausalLM.from_pretrained(
            here.parent / "models" / one["model"], dtype=dtype, attn_implementation="eager"
        )
        if one["settings"].get("use_peft"):
            model = PeftModel.from_pretrained(model, here / "adapter")
        model.to(dtype).eval()
        sides = []
        for side, other in (("pair_chosen", "pair_rejected"), ("pair_rejected", "pair_chosen")):
            values = []
            for sequence, opposite in zip(plan[side][:pairs].tolist(), plan[other][:pairs].tolist(), strict=True):
                tokens, scored = sequences[sequence]
                ids = torch.tensor([tokens])
                logits = model(input_ids=ids, use_cache=False).logits[0, :-1]
                logps = logits.log_softmax(-1).gather(-1, ids[0, 1:, None])[-scored:, 0].double()
                common = min(scored, sequences[opposite][1])
                total = float(logps[:common].sum() + beyond * logps[common:].sum())
                values.append(total / scored if average else total)
            sides.append(sum(values) / len(values))
        return sides

    # What is logged is what is compared: with SimPO the mean over tokens, with LD-DPO less of the longer response.
    average = one["settings"].get("loss_type") == "simpo"
    beyond = one["settings"].get("ld_alpha", 1)
    truth, single = means(torch.float64), means(torch.float32)
    given = [step["logps/chosen"], step["logps/rejected"]]
    far = lambda values: max(abs(a - b) / abs(b) for a, b in zip(values, truth, strict=True))  # noqa: E731
    return far(given), far(single)


def check() -> None:
    import importlib

    missing = []
    for package in PACKAGES:
        try:
            importlib.import_module(package)
        except ImportError:
            missing.append(package)
    if missing:
        sys.exit(f"{sys.executable} has no {', '.join(missing)}")
    import transformers
    import trl

    print(f"trl {trl.__version__}, transformers {transformers.__version__}")


def main() -> None:
    warnings.filterwarnings("ignore")
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["check", "prepare", "compare"])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("only", nargs="?", default="", help="cases whose names hold this text")
    args = parser.parse_args()
    if args.command == "check":
        return check()
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    import datasets

    datasets.disable_progress_bars()
    torch.set_num_threads(2)
    prepare(args.folder.resolve(), args.only) if args.command == "prepare" else compare(args.folder.resolve())


if __name__ == "__main__":
    main()

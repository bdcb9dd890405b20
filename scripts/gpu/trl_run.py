"""The peer of whole_runs.py: one whole run of TRL's DPOTrainer in a process of its own, which whole_runs.py times from start to end.

`python3 scripts/gpu/trl_run.py --model FOLDER --set hh --pairs 2000 --out FOLDER [--max-steps N] [--lora-rank 16] [--cpu]`. Rows have the lengths of
the runner's run folder (run-folder.mjs) and drawn tokens; the model folder has a tokenizer in which a word is a token. Its best
settings on one card: weights in bf16, Liger's layers, fused AdamW, padded batches of 16 pairs four times a step; with adapters
gradient checkpointing. Prints a line of JSON last.
"""

import argparse
import json
import random
import time

BEGIN = time.time()

from workload import read_lengths  # noqa: E402


def rows(name: str, pairs: int, vocab: int) -> list[dict[str, str]]:
    draw = random.Random(7)
    lengths = read_lengths(name)

    def words(count: int) -> str:
        return " ".join(f"w{draw.randrange(3, vocab)}" for _ in range(count))

    return [
        {"prompt": words(prompt), "chosen": " " + words(chosen), "rejected": " " + words(rejected)}
        for prompt, chosen, rejected in (lengths[i % len(lengths)] for i in range(pairs))
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--set", default="hh")
    parser.add_argument("--pairs", type=int, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--max-steps", type=int, default=-1, help="train no more of them; all rows are prepared")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--accumulate", type=int, default=4)
    parser.add_argument("--lora-rank", type=int, default=0)
    parser.add_argument("--cpu", action="store_true", help="for a try without a GPU")
    args = parser.parse_args()

    import torch
    from datasets import Dataset
    from transformers import AutoTokenizer, TrainerCallback
    from trl import DPOConfig, DPOTrainer

    class Watch(TrainerCallback):
        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_step_end(self, *_: object, **__: object) -> None:
            if not args.cpu:
                torch.cuda.synchronize()
            self.ends.append(time.time())

    tokenizer = AutoTokenizer.from_pretrained(args.model)
    config = DPOConfig(
        output_dir=args.out,
        per_device_train_batch_size=args.batch,
        gradient_accumulation_steps=args.accumulate,
        num_train_epochs=1,
        max_steps=args.max_steps,
        max_length=None,
        learning_rate=1e-6,
        bf16=not args.cpu,
        use_cpu=args.cpu,
        gradient_checkpointing=args.lora_rank > 0,
        use_liger_kernel=not args.cpu,
        optim="adamw_torch" if args.cpu else "adamw_torch_fused",
        model_init_kwargs={"dtype": "float32" if args.cpu else "bfloat16"},
        dataset_num_proc=None if args.cpu else 8,
        save_strategy="no",
        logging_steps=10,
        report_to=[],
        disable_tqdm=True,
    )
    peft = None
    if args.lora_rank > 0:
        from peft import LoraConfig

        peft = LoraConfig(
            r=args.lora_rank, lora_alpha=2 * args.lora_rank, target_modules="all-linear", task_type="CAUSAL_LM"
        )
    watch = Watch()
    trainer = DPOTrainer(
        model=args.model,
        args=config,
        train_dataset=Dataset.from_list(rows(args.set, args.pairs, len(tokenizer))),
        processing_class=tokenizer,
        peft_config=peft,
        callbacks=[watch],
    )
    ready = time.time()
    trainer.train()
    trained = time.time()
    trainer.save_model(args.out)
    # The first steps compile and allocate. The mean, not the median: a batch with a long row is padded to it and takes long.
    each = [b - a for a, b in zip(watch.ends, watch.ends[1:])][2:] or [trained - ready]
    print(
        json.dumps(
            {
                "setup": ready - BEGIN,
                "train": trained - ready,
                "save": time.time() - trained,
                "steps": len(watch.ends),
                "step": sum(each) / len(each),
                "pairs per step": args.batch * args.accumulate,
            }
        )
    )


if __name__ == "__main__":
    main()

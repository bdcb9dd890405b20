"""The peer of the data benchmark: the same tokenisation by Hugging Face's tokenizers (Rust, all cores).

    python scripts/data/peer.py pairs.jsonl tokenizer.json

Prints JSON: seconds to read and split the rows (not compared), seconds (of the clock, and of all cores) to tokenise prompt,
prompt + chosen and prompt + rejected, and what came out, so that both sides can be held against each other.
"""

import json
import os
import sys
import time

from tokenizers import Tokenizer

BATCH = 2000


def common_prefix(a, b):
    n = 0
    for x, y in zip(a, b):
        if x != y:
            break
        n += 1
    return n


def extract_prompt(chosen, rejected):
    """TRL's rule for implicit prompts."""
    end = len(os.path.commonprefix([chosen, rejected]))
    if end == min(len(chosen), len(rejected)):
        end = max(0, end - 1)
    elif end > 0 and chosen[end - 1] == " ":
        end -= 1
    return chosen[:end]


def main():
    file, tokenizer_file = sys.argv[1:3]
    tokenizer = Tokenizer.from_file(tokenizer_file)
    eos = "<|end_of_text|>"
    reading = encoding = core_seconds = 0.0
    tokens = pairs = 0
    checksum = 0
    with open(file, encoding="utf-8") as lines:
        while True:
            begin = time.perf_counter()
            rows = [json.loads(line) for _, line in zip(range(BATCH), lines)]
            if not rows:
                break
            texts = [[], [], []]
            for row in rows:
                texts[0].append(extract_prompt(row["chosen"], row["rejected"]))
                texts[1].append(row["chosen"] + eos)
                texts[2].append(row["rejected"] + eos)
            read, cores = time.perf_counter(), time.process_time()
            prompts, chosen, rejected = (tokenizer.encode_batch_fast(part) for part in texts)
            encoding += time.perf_counter() - read
            core_seconds += time.process_time() - cores
            reading += read - begin
            for p, c, r in zip(prompts, chosen, rejected):
                prompt_length = max(1, min(common_prefix(p.ids, c.ids), common_prefix(p.ids, r.ids)))
                tokens += len(c.ids) + len(r.ids)
                for ids in (c.ids, r.ids):
                    checksum = (checksum * 31 + sum(ids) + prompt_length) % (2**31 - 1)
                pairs += 1
    result = {"pairs": pairs, "tokens": tokens, "checksum": checksum}
    print(json.dumps({**result, "reading": reading, "encoding": encoding, "coreSeconds": core_seconds}))


if __name__ == "__main__":
    main()

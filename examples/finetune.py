"""Train a small language model on picked rows, in batches that are spread out.

Picks WordNet glosses by their embeddings, trains a character-level model from scratch on them with
the Hugging Face Trainer, each batch composed by `SpreadBatches`, and does the same with random
subsets of the same size: as many steps, the same initial weights, the same held-out glosses. Prints
the loss on those before and after. Needs transformers and accelerate; downloads nothing.

A model as small as this one learns how words are spelt, and as much from any subset: the losses
come out alike. The example shows how the parts fit together, and how to compare.

To train a model of your own, put it in place of the one that `_model` makes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

import pyuniform
from pyuniform.pipelines.batches import SpreadBatches

DATA = Path(__file__).parent / "data"
BATCH = 32
# Rows that a batch is chosen from.
WINDOW = 4 * BATCH
LENGTH = 64


class SpreadTrainer(Trainer):
    """A Trainer whose batches are those of a sampler of batches.

    The Trainer tells the sampler each epoch's number. It has one process: with several, accelerate
    deals the batches out and tells the sampler no epoch.
    """

    def __init__(self, *args: Any, batches: SpreadBatches, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._batches = batches

    def get_train_dataloader(self) -> DataLoader:
        """Stands in for the one that shuffles rows."""
        loader = DataLoader(
            self.train_dataset, batch_sampler=self._batches, collate_fn=self.data_collator
        )
        return self.accelerator.prepare(loader)


class Losses(NamedTuple):
    """Mean losses on the held-out texts, in nats a character."""

    before: float
    after: float


def train(
    rows: Sequence[list[int]],
    embeddings: np.ndarray,
    held_out: Sequence[list[int]],
    vocabulary: int,
    steps: int,
) -> Losses:
    """Trains a new model for so many steps.

    Parameters
    ----------
    rows : sequence of list of int
        Texts as numbers of characters; 0 pads.
    embeddings : ndarray, shape (len(rows), d)
        By which batches are composed.
    held_out : sequence of list of int
    vocabulary : int
        Characters, the padding among them.
    steps : int
    """
    with tempfile.TemporaryDirectory() as folder:
        trainer = SpreadTrainer(
            model=_model(vocabulary),
            args=TrainingArguments(
                folder,
                max_steps=steps,
                per_device_train_batch_size=BATCH,
                per_device_eval_batch_size=4 * BATCH,
                learning_rate=3e-3,
                warmup_steps=steps // 10,
                use_cpu=True,
                report_to=[],
                save_strategy="no",
                logging_strategy="no",
                disable_tqdm=True,
                dataloader_pin_memory=False,
            ),
            data_collator=_collate,
            train_dataset=rows,
            eval_dataset=held_out,
            batches=SpreadBatches(embeddings, BATCH, WINDOW, metric="cosine"),
        )
        trainer.remove_callback(PrinterCallback)
        before = trainer.evaluate()["eval_loss"]
        trainer.train()
        return Losses(before, trainer.evaluate()["eval_loss"])


def _model(vocabulary: int) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=LENGTH,
        pad_token_id=0,
    )
    return LlamaForCausalLM(config)


def _collate(rows: list[list[int]]) -> dict[str, torch.Tensor]:
    longest = max(map(len, rows))
    numbers = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    # What follows a text is not learnt; no mask is needed, as nothing looks ahead.
    return {"input_ids": numbers, "labels": numbers.masked_fill(numbers == 0, -100)}


def main(
    k: int = 512, held_out: int = 512, steps: int = 100, random_subsets: int = 2
) -> tuple[Losses, list[Losses]]:
    """Runs the example; the losses with the picks, and with each random subset."""
    X = np.load(DATA / "wordnet.npy")
    records = map(json.loads, (DATA / "wordnet.jsonl").read_text().splitlines())
    texts = [f"{record['word']}: {record['gloss']}\n"[:LENGTH] for record in records]
    characters = sorted(set("".join(texts)))
    number = {character: i for i, character in enumerate(characters, 1)}
    rows = [[number[character] for character in text] for text in texts]

    rng = np.random.default_rng(0)
    away = rng.choice(len(X), held_out, replace=False)
    rest = np.setdiff1d(np.arange(len(X)), away)
    picks = pyuniform.select(X, k, metric="cosine", exclude=away)
    print(f"{k} of {len(rest)} glosses, {steps} steps of {BATCH}, {held_out} held out\n")
    print("                before   after   h_min")

    def result(name: str, subset: np.ndarray) -> Losses:
        losses = train(
            [rows[i] for i in subset],
            X[subset],
            [rows[i] for i in away],
            len(characters) + 1,
            steps,
        )
        h_min = pyuniform.h_min(X, subset, metric="cosine").distance
        print(f"{name:14}  {losses.before:6.3f}  {losses.after:6.3f}  {h_min:6.3f}", flush=True)
        return losses

    picked = result("picked", picks.indices)
    others = [
        result(f"random {i}", rng.choice(rest, k, replace=False)) for i in range(random_subsets)
    ]
    return picked, others


if __name__ == "__main__":
    main()

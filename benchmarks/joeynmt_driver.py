"""One training with joeynmt 2.3.0. `joeynmt_race.py` runs this under an interpreter that has joeynmt.

Reads from standard input, as JSON, joeynmt's own `config` and the `seconds`, `rate`, `warmup` and `average` of the
race; writes to standard output, as JSON, how the training went and what the model makes of the splits.

Data, vocabularies, model, batches, loss, clipping, the loop and both searches are joeynmt's. Ours are the step size of
a step and the end, which both depend on the processor time used, and the weights' average: a scheduler, which its
TrainManager asks after every step, has room for all three. Adam is joeynmt's, too, in torch's fused form, as it is
in the race's other side.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from statistics import mean

import torch
from joeynmt.builders import BaseScheduler
from joeynmt.config import parse_global_args
from joeynmt.helpers import set_seed
from joeynmt.prediction import predict, prepare
from joeynmt.training import TrainManager
from sentencepiece import SentencePieceTrainer


class Clock(BaseScheduler):
    """A step size that rises at first, then falls to zero with the time that is left; the end; and the average."""

    def __init__(self, trainer: "Trainer", seconds: float, rate: float, warmup: float, average: float):
        super().__init__(trainer.optimizer)
        self.trainer, self.seconds, self.rate, self.warmup, self.average = trainer, seconds, rate, warmup, average
        self.weights = list(trainer.model.parameters())
        self.averaged = [w.detach().clone() for w in self.weights]

    def begin(self) -> None:
        self.start = time.process_time()
        self.step(-1)

    def step(self, step: int) -> None:
        if step >= 0:
            weight = 1 - min(self.average, (1 + step) / (10 + step))
            torch._foreach_lerp_(self.averaged, [w.data for w in self.weights], weight)
        super().step(step)

    def _compute_rate(self) -> float:
        share = (time.process_time() - self.start) / self.seconds
        self.trainer.stats.is_max_update = share >= 1  # ends the loop
        return self.rate * min(1.0, share / self.warmup + 1e-3) * max(1 - share, 0.0)

    def end(self) -> None:
        for weight, value in zip(self.weights, self.averaged, strict=True):
            weight.data = value


class Trainer(TrainManager):
    """joeynmt's, on the race's clock: it keeps the losses and writes no checkpoint."""

    def __init__(self, task: dict, **settings):
        super().__init__(**settings)
        self.losses: list[float] = []
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=task["rate"], fused=True)
        self.scheduler = Clock(self, *(task[name] for name in ("seconds", "rate", "warmup", "average")))
        self.scheduler_step_at = "step"

    def _train_step(self, batch):
        loss, right = super()._train_step(batch)
        self.losses.append(loss)
        return loss, right

    def _save_checkpoint(self, new_best, score):
        pass


def subwords(data: dict) -> None:
    """Train the sentencepiece models that a config asks for and that are not there yet."""
    for side in (data["src"], data["trg"]):
        model = side.get("tokenizer_cfg", {}).get("model_file")
        if model and not Path(model).exists():
            SentencePieceTrainer.train(
                input=str(Path(model).with_name(f"train.{side['lang']}")),
                model_prefix=model.removesuffix(".model"),
                vocab_size=side["voc_limit"],
                hard_vocab_limit=False,
                character_coverage=1.0,
                normalization_rule_name="identity",  # the default would write a Chinese comma as an English one
                num_threads=1,
                minloglevel=2,
            )


def run(task: dict) -> dict:
    if version("joeynmt") != task["version"]:
        raise ValueError(f"joeynmt must have the version {task['version']}, got {version('joeynmt')}")
    torch.set_num_threads(1)
    subwords(task["config"]["data"])
    args = parse_global_args(task["config"], rank=0, mode="train")
    set_seed(args.seed)  # `prepare` makes the model before it sets the seed
    model, train, *rest = prepare(args, rank=0, mode="train")
    splits = dict(zip(("validation", "test"), rest, strict=True))
    if [len(train), *map(len, rest)] != task["pairs"]:
        raise ValueError(f"pairs must be {task['pairs']}, got {[len(train), *map(len, rest)]}")
    trainer = Trainer(
        task,
        rank=0,
        model=model,
        model_dir=args.model_dir,
        device=args.device,
        autocast=args.autocast,
        seed=args.seed,
        train_args=args.train,
        dev_args=args.test,
    )
    trainer.scheduler.begin()
    trainer.train_and_validate(train_data=train, valid_data=splits["validation"])
    used = time.process_time() - trainer.scheduler.start
    trainer.scheduler.end()
    # its searches make scores for all that is written and look at the last ones: the others need not be made
    model.decoder.output_layer.register_forward_pre_hook(lambda _, given: (given[0][:, -1:],))
    texts, seconds = {}, {"training": round(used, 1)}
    for name, (which, beam) in task["translate"].items():
        start, settings = time.process_time(), args.test._replace(beam_size=beam)
        texts[name] = predict(model, splits[which], args.device, 0, args=settings, autocast=args.autocast)[2]
        seconds[name] = round(time.process_time() - start, 1)
    return {
        "parameters": sum(w.numel() for w in model.parameters()),
        "steps": trainer.stats.steps,
        "epochs": round(trainer.stats.steps * args.train.batch_size / len(train), 1),
        "loss": round(mean(trainer.losses[-100:]), 3),
        "used": seconds,
        "texts": texts,
    }


if __name__ == "__main__":
    print(json.dumps(run(json.load(sys.stdin))))

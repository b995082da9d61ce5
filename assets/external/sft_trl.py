"""Fine-tunes a model with TRL's SFTTrainer as a config.json says. The same call goes on from the newest checkpoint.

Written beside its configuration by cribble. It asks for trl 0.13 or later, and for peft where adapters are trained.
"""

import argparse
import dataclasses
import importlib.util
import json
import os
import signal
import sys
import time

asked_to_stop = False


def ask_to_stop(*_):
    global asked_to_stop
    asked_to_stop = True


def newest_checkpoint(output):
    """The newest whole checkpoint: its state is written last."""
    found = []
    for name in os.listdir(output) if os.path.isdir(output) else []:
        step = name.removeprefix("checkpoint-")
        if step == name or not step.isdigit():
            continue
        try:
            with open(os.path.join(output, name, "trainer_state.json"), encoding="utf-8") as file:
                json.load(file)
        except (OSError, ValueError):
            continue
        found.append((int(step), os.path.join(output, name)))
    return max(found)[1] if found else None


def read_rows(path, tokenized):
    names = ("input_ids", "labels") if tokenized else ("prompt", "completion")
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [{name: row[name] for name in names} for row in rows]


def fitting(rows, tokenizer, most):
    """Rows that are not too long: longer ones are left out, not cut."""

    def length(row):
        if "input_ids" in row:
            return len(row["input_ids"])
        text = tokenizer.apply_chat_template(row["prompt"] + row["completion"], tokenize=False)
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    kept = [row for row in rows if length(row) <= most]
    if len(kept) < len(rows):
        print(f"{len(rows) - len(kept)} of {len(rows)} chains are longer than {most} tokens and left out", flush=True)
    return kept


def collating(pad, torch):
    """What makes a batch of rows of tokens: their labels as they are. Collators of some versions make labels of their own."""

    def filled(rows, name, value):
        width = max(len(row[name]) for row in rows)
        return torch.tensor([row[name] + [value] * (width - len(row[name])) for row in rows])

    def collate(rows):
        masks = [{"mask": [1] * len(row["input_ids"])} for row in rows]
        return {
            "input_ids": filled(rows, "input_ids", pad),
            "attention_mask": filled(masks, "mask", 0),
            "labels": filled(rows, "labels", -100),
        }

    return collate


def steering(config, torch, transformers):
    """What logs each step, and ends or saves when a signal or a file asks for it."""

    class Steering(transformers.TrainerCallback):
        def __init__(self):
            self.seen = None
            self.best = None
            self.worse = 0

        def on_train_begin(self, args, state, control, **_):
            if state.is_world_process_zero and state.global_step == 0:
                open(config["log"], "w", encoding="utf-8").close()

        def on_step_end(self, args, state, control, **_):
            asks = [asked_to_stop or os.path.exists(config["stop"]), os.path.exists(config["save"])]
            if torch.distributed.is_available() and torch.distributed.is_initialized():
                # All processes must do it after the same step.
                told = torch.tensor(asks, dtype=torch.int32, device=args.device)
                torch.distributed.all_reduce(told, op=torch.distributed.ReduceOp.MAX)
                asks = [bool(one) for one in told.tolist()]
            if any(asks):
                control.should_save = True
            if asks[0]:
                control.should_training_stop = True
            if asks[1] and state.is_world_process_zero and os.path.exists(config["save"]):
                os.remove(config["save"])

        def on_evaluate(self, args, state, control, metrics=None, **_):
            loss = (metrics or {}).get("eval_loss")
            if loss is None or not config["early_stop"]:
                return
            better = self.best is None or loss < self.best
            self.best, self.worse = (loss, 0) if better else (self.best, self.worse + 1)
            if self.worse >= config["early_stop"]:
                control.should_save = control.should_training_stop = True

        def on_log(self, args, state, control, logs=None, **_):
            if not state.is_world_process_zero:
                return
            numbers = {name: value for name, value in (logs or {}).items() if isinstance(value, (int, float))}
            tokens, now = numbers.get("num_tokens"), time.monotonic()
            if tokens is not None and "loss" in numbers:
                if self.seen and now > self.seen[1] and tokens >= self.seen[0]:
                    numbers["throughput"] = (tokens - self.seen[0]) / (now - self.seen[1])
                self.seen = (tokens, now)
            line = {"current_steps": state.global_step, "total_steps": state.max_steps, **numbers}
            with open(config["log"], "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    return Steering()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="config.json")
    with open(parser.parse_args().config, encoding="utf-8") as file:
        config = json.load(file)
    # Imports take long, and a signal may come meanwhile.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), ask_to_stop)
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", config["tensorboard"])

    import torch
    import transformers
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    on_gpu = torch.cuda.is_available()
    bf16 = config["compute"] == "bf16" or (config["compute"] == "auto" and on_gpu and torch.cuda.is_bf16_supported())
    tokenizer = transformers.AutoTokenizer.from_pretrained(config["model"])
    if tokenizer.chat_template is None:
        tokenizer.chat_template = config["chat_template"]
    tokenized = config["tokenized"]
    if tokenizer.chat_template is None and not tokenized:
        sys.exit(f"{config['model']}: it has no chat template, so nothing says how a conversation is written")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    # What is trained is kept in f32; frozen weights may be smaller.
    dtype = torch.bfloat16 if bf16 and config["lora"] else torch.float32
    dtype_name = "dtype" if int(transformers.__version__.split(".")[0]) >= 5 else "torch_dtype"
    model = transformers.AutoModelForCausalLM.from_pretrained(config["model"], **{dtype_name: dtype})

    arguments = dict(config["arguments"], output_dir=config["output"], bf16=bf16, fp16=False)
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    per_step = arguments["per_device_train_batch_size"] * processes
    arguments["gradient_accumulation_steps"] = max(1, config["batch_size"] // per_step)
    arguments["report_to"] = "tensorboard" if importlib.util.find_spec("tensorboard") else "none"
    arguments["logging_dir"] = config["tensorboard"]
    arguments["use_cpu"] = not (on_gpu or torch.backends.mps.is_available())
    if tokenized:
        # Rows go to the collator as they are.
        arguments["dataset_kwargs"] = {"skip_prepare_dataset": True}
        arguments["remove_unused_columns"] = False
    # Arguments have other names in other versions.
    known = {field.name for field in dataclasses.fields(SFTConfig)}
    for old, new in (("warmup_ratio", "warmup_steps"), ("max_length", "max_seq_length")):
        if old in arguments and old not in known and new in known:
            arguments[new] = arguments.pop(old)
    if "group_by_length" not in known and arguments.pop("group_by_length", False):
        arguments["train_sampling_strategy"] = "group_by_length"
    for name in sorted(set(arguments) - known):
        value = arguments.pop(name)
        if value and name != "logging_dir":
            print(f"this version of trl knows no {name}; it is left out", flush=True)

    most = config["arguments"]["max_length"]
    data = fitting(read_rows(config["data"], tokenized), tokenizer, most)
    if not data:
        sys.exit(f"no chain is as short as {most} tokens; raise max_length")
    validation = fitting(read_rows(config["validation"], tokenized), tokenizer, most) if config["validation"] else []
    if not validation:
        arguments["eval_strategy"] = "no"
    lora = None
    if config["lora"]:
        from peft import LoraConfig

        lora = LoraConfig(task_type="CAUSAL_LM", **config["lora"])
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(**arguments),
        train_dataset=Dataset.from_list(data),
        eval_dataset=Dataset.from_list(validation) if validation else None,
        processing_class=tokenizer,
        # What is filled in is masked: where there is no token for it any does.
        data_collator=collating(tokenizer.pad_token_id or 0, torch) if tokenized else None,
        peft_config=lora,
        callbacks=[steering(config, torch, transformers)],
    )
    trainer.train(resume_from_checkpoint=newest_checkpoint(config["output"]))
    stopped = asked_to_stop or os.path.exists(config["stop"])
    if stopped and trainer.state.global_step < trainer.state.max_steps:
        return
    trainer.save_model(os.path.join(config["output"], "final"))
    if trainer.is_world_process_zero():
        done = os.path.join(config["output"], "done.json")
        with open(done + ".tmp", "w", encoding="utf-8") as file:
            json.dump({"model": "final", "adapter": bool(lora), "step": trainer.state.global_step}, file)
        os.replace(done + ".tmp", done)


if __name__ == "__main__":
    main()

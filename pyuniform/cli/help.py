"""Help texts: options by what they are for, and examples of every command."""

from __future__ import annotations

import click

# What options are for, in the order of the help, and which: by the names of their parameters.
SECTIONS: dict[str, set[str]] = {
    "What to pick": {
        *("k", "fraction", "metric", "start", "seed", "threshold", "keep", "keep_column"),
        *("utility", "utility_column", "balance", "epsilon", "scores", "scores_column"),
        *("added", "removed"),
    },
    "Constraints": {
        *("preselected", "anchors", "exclude", "min_distance", "weights", "weights_column"),
        *("groups", "group_column", "quota", "at_least", "drop_outliers"),
    },
    "What to measure": {
        *("picks", "random", "sample", "baselines", "seeds", "radius", "near", "sources"),
        *("others", "records"),
    },
    "What to embed": {
        *("model", "like", "text", "id_field", "normalize", "unknown", "list_unknown"),
        *("prompt", "batch_size", "save_model"),
    },
    "What there is": {"rows", "gpus", "cpus", "network", "reading"},
    "How embeddings are read": {"column", "key", "dim", "dtype", "id_column", "ids", "invalid"},
    "What to write": {
        *("output", "join", "order", "uids", "trace", "ruled_out", "curve", "tag"),
        *("duplicates", "report", "thresholds", "text_field", "label_field", "texts", "title"),
        *("as_json", "as_csv"),
    },
    "How to run": {
        *("device", "threads", "out_of_core", "scratch", "checkpoint", "resume", "ray", "state"),
        "quiet",
    },
}
OTHERS = "Others"
# Parameters that mean another thing in some commands.
ELSEWHERE = {
    **{(command, "picks"): "What to write" for command in ("select", "deduplicate")},
    **{(command, "seed"): "What to measure" for command in ("measure", "report")},
    **{("plan", name): "What there is" for name in ("k", "dim", "dtype", "out_of_core")},
    ("compare", "metric"): "What to measure",
    ("compare", "groups"): "What to measure",
    ("compare", "group_column"): "What to measure",
    ("measure", "metric"): "What to measure",
    **{(command, "shards"): "How to run" for command in ("select", "pack", "deduplicate", "gist")},
    ("update", "picks"): "What to pick",
    ("plan", "shards"): "What there is",
    ("embed", "dim"): "What to embed",
}
EXAMPLES: dict[str, list[str]] = {
    "select": [
        "pyuniform select corpus.parquet -k 1e5 --metric cosine -o picks.parquet",
        "pyuniform select corpus.npy --fraction 0.1 --join corpus.jsonl -o subset.jsonl",
        "pyuniform select corpus.npy -k 9000 --anchors exam.npy --min-distance 0.2 -o picks.npz",
    ],
    "update": [
        "pyuniform update corpus.parquet --picks picks.npz --state run.state -o picks.2.npz",
    ],
    "pack": [
        "pyuniform pack corpus.parquet --scores-column quality --metric cosine --min-distance 0.1 "
        "-o picks.parquet",
    ],
    "gist": [
        "pyuniform gist corpus.parquet -k 1000 --utility-column quality --balance 100 -o picks.npz",
    ],
    "deduplicate": [
        "pyuniform deduplicate corpus.parquet --report thresholds.html --join corpus.jsonl",
        "pyuniform deduplicate corpus.parquet --threshold 0.1 --keep-column quality "
        "-o kept.parquet --duplicates duplicates.parquet",
    ],
    "embed": [
        'pyuniform embed corpus.jsonl --model tfidf --text "{question} {answer}" -o corpus.parquet',
    ],
    "plan": ["pyuniform plan --rows 1e9 --dim 768 -k 1e6 --gpus 8"],
    "compare": ["pyuniform compare corpus.npy picks.npz --baselines random,kmeans"],
    "measure": ["pyuniform measure corpus.npy --picks picks.npz --random 3"],
    "report": ["pyuniform report corpus.npy --picks picks.npz --texts corpus.jsonl -o page.html"],
    "info": ["pyuniform info"],
}


class Command(click.Command):
    """A command whose help has its options in sections, and ends with examples."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the sections; options of no section come last."""
        sections: dict[str, list[tuple[str, str]]] = {name: [] for name in (*SECTIONS, OTHERS)}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if isinstance(option, click.Option) and record is not None:
                sections[section_of(self.name or "", option)].append(record)
        for name, records in sections.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the examples, a line each, whatever the width."""
        with formatter.section("Examples"):
            for example in EXAMPLES.get(self.name or "", []):
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")


def section_of(command: str, option: click.Option) -> str:
    """The section of an option."""
    parameter = option.name or ""
    if "--help" in option.opts:
        return "How to run"
    if (command, parameter) in ELSEWHERE:
        return ELSEWHERE[command, parameter]
    return next((name for name, those in SECTIONS.items() if parameter in those), OTHERS)

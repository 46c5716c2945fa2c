"""Each rule of a recipe, broken: the message names file, line, key, rule and value."""

from __future__ import annotations

import math

import pytest

from tune_polar.errors import SpecError
from tune_polar.recipe.recipe_file import load_recipe


def finder(line: str) -> dict[str, str]:
    return {"  finder:\n": f"  finder:\n    {line}\n"}


def sorter(line: str) -> dict[str, str]:
    return {"  sorter:\n": f"  sorter:\n    {line}\n"}


def optimizer(line: str) -> dict[str, str]:
    return {"    optimizer:\n": f"    optimizer:\n      {line}\n"}


def encoder(line: str) -> dict[str, str]:
    return {"encoder:\n": f"encoder:\n  {line}\n"}


def folds(line: str) -> dict[str, str]:
    return {"encoder:\n": f"folds: {line}\nencoder:\n"}


def data(line: str) -> dict[str, str]:
    return {"data:\n": f"data:\n  {line}\n"}


def submission(line: str) -> dict[str, str]:
    return {"encoder:\n": f"submission: {line}\nencoder:\n"}


def chosen_on(line: str) -> dict[str, str]:
    return {"encoder:\n": f"chosen_on: {line}\nencoder:\n"}


VOTE = "  vote: {type: knn_vote, of: finder, k: 5, tau: 0.4}"
KINDS = "  kinds: {type: threshold, of: sorter}"
SYSTEM = "  system: {type: gate, of: kinds, by: vote}"
SOFT_TRIPLE = "      soft_triple: {centers: 10}"
PROJECTION = "    head: {type: projection, size: 64}"
BALANCED = "    batches: {type: balanced, size: 8}"

BROKEN = [
    # whole sections
    ({"recipe: mini\n": ""}, "mini.yaml: recipe: must be given, got nothing"),
    ({"recipe: mini": "recipe: 3"}, "mini.yaml:1: recipe: must be text, got 3"),
    ({"recipe: mini": "recipe: ''"}, "mini.yaml:1: recipe: must not be empty, got ''"),
    ({"recipe: mini": "recipe: true"}, "mini.yaml:1: recipe: must be text, got true"),
    ({"recipe: mini": "recipe: a/b"}, "mini.yaml:1: recipe: must be letters, digits, dots, - and _, got 'a/b'"),
    ({"description: a small recipe": "description:"}, "mini.yaml:2: description: must be text, got null"),
    ({"decide:\n": "decid:\n"}, "mini.yaml:33: decid: must be a known key; did you mean 'decide'\\?"),
    ({"ablations:\n": "ablation:\n"}, "mini.yaml:38: ablation: must be a known key; did you mean 'ablations'\\?"),
    ({"decide:\n": "decide: 3\nx:\n"}, "mini.yaml:33: decide: must be a section of keys and values, got 3"),
    ({"stages:\n": "stages: 3\nx:\n"}, "mini.yaml:11: stages: must be a section of keys and values, got 3"),
    ({"stages:\n": "stages: {}\nx:\n"}, "mini.yaml:11: stages: must not be empty, got {}"),
    (
        {"  finder:\n": "  finder: 3\n  x:\n"},
        "mini.yaml:12: stages.finder: must be a section of keys and values, got 3",
    ),
    ({"  finder:\n": "  finder: [3]\n  x:\n"}, "mini.yaml:12: stages.finder: must be a section of keys and values"),
    (folds("3"), "mini.yaml:9: folds: must be a section of keys and values, got 3"),
    ({"description: a small recipe": "folds:"}, "mini.yaml:2: folds: must be a section of keys and values, got null"),
    ({"recipe: mini": "recipe: mini\nseeds: 42"}, "mini.yaml:2: seeds: must be a list, got 42"),
    ({"recipe: mini": "recipe: mini\nseeds: []"}, "mini.yaml:2: seeds: must not be empty"),
    ({"recipe: mini": "recipe: mini\nseeds: [-1]"}, "mini.yaml:2: seeds.0: must be greater than or equal to 0, got -1"),
    ({"recipe: mini": "recipe: mini\nseeds: [1, 1]"}, r"mini.yaml:2: seeds: must name each seed once, got \[1, 1\]"),
    ({"recipe: mini": "recipe: mini\nseed: 3"}, "mini.yaml:2: seed: must be a known key; did you mean 'seeds'\\?"),
    # data
    ({"labels: [hurt, x, y/z]": "labels: hurt"}, "mini.yaml:4: data.labels: must be a list, got 'hurt'"),
    ({"labels: [hurt, x, y/z]": "labels: [hurt, 3]"}, "mini.yaml:4: data.labels.1: must be text, got 3"),
    ({"[hurt, x, y/z]": "[hurt, x, x]"}, r"mini.yaml:4: data.labels: must name each column once, got \['hurt', 'x',"),
    ({"[hurt, x, y/z]": "[hurt, x, text]"}, "data.labels: must name none of .*, which every file has, got 'text'"),
    ({"groups: [author]": "groups: [author, x]"}, "data.groups: must not name 'x', which data.labels names"),
    ({"strata: [x, y/z]": "strata: [x, grade]"}, "data.strata: must not name 'grade', which data.numbers names"),
    ({"topic: [a, b, c]": "topic: [a]"}, r"data.classes.topic: must name at least two classes, each once, got \['a'\]"),
    ({"topic: [a, b, c]": "topic: [a, a]"}, "data.classes.topic: must name at least two classes, each once"),
    ({"grade: [1, 5]": "grade: [5, 1]"}, "data.numbers.grade: must be the lowest and the highest value, or"),
    ({"grade: [1, 5]": "grade: [1]"}, "data.numbers.grade: must be the lowest and the highest value, or"),
    ({"grade: [1, 5]": "grade: [1, x]"}, "data.numbers.grade.1: must be a number, got 'x'"),
    (data("extra: {only: direct}"), "data.extra.only: must be left out where `by` names no column, got 'direct'"),
    (data("extra: {by: hurt}"), "data.extra.by: must name a column of its own, .* got 'hurt'"),
    (data("extra: {by: source_id}"), "data.extra.by: must name a column of its own, .* got 'source_id'"),
    (data("extra: {file: x.csv, share: 1}"), "data.extra.share: must be less than 1, got 1"),
    (data("evaluate: {test: x.csv}"), "data.evaluate.test: must have a name of letters, .* none of .*got 'test'"),
    (data("evaluate: {a: {path: x.csv, column: y}}"), "data.evaluate.a.column: must be left out where several col"),
    (data("evaluate: {a/b: x.csv}"), "data.evaluate.a/b: must have a name of letters"),
    (data("texts: {positive: {columns: x}}"), "data.texts.positive.columns: must be a known key.*mean 'column'"),
    # folds
    (folds("{count: 1}"), "mini.yaml:9: folds.count: must be greater than or equal to 2, got 1"),
    (folds("{count: 101}"), "mini.yaml:9: folds.count: must be less than or equal to 100, got 101"),
    (folds("{count: 2.0}"), "mini.yaml:9: folds.count: must be a whole number, got 2.0"),
    (folds("{count: true}"), "mini.yaml:9: folds.count: must be a whole number, got true"),
    (folds("{plan: own}"), r"mini.yaml:9: folds.plan: must be one of \[.*\], got 'own'"),
    (folds("{plan: stratifed}"), "folds.plan: must be one of .*got 'stratifed'; did you mean 'stratified'\\?"),
    (folds("{seed: -1}"), "mini.yaml:9: folds.seed: must be greater than or equal to 0, got -1"),
    (folds("{order: up}"), "mini.yaml:9: folds.order: must be 'file' or 'competition', got 'up'"),
    (folds("{plan: holdout, count: 5}"), "mini.yaml:9: folds.count: must be a known key"),
    (folds("{plan: leave_groups_out, by: town}"), "folds.by: must be a column of data.groups, one of .*got 'town'"),
    # encoder
    ({"name: some/encoder": "name:"}, "mini.yaml:10: encoder.name: must be text, got null"),
    (encoder("pooling: max"), "encoder.pooling: must be 'auto', 'cls', 'mean' or 'last_token', got 'max'"),
    (encoder("max_length_tokens: 3"), "encoder.max_length_tokens: must be greater than or equal to 4, got 3"),
    (encoder("tiny: {hidden: 33}"), "mini.yaml:10: encoder.tiny.hidden: must be a multiple of 32, got 33"),
    (encoder("tiny: {hiden: 32}"), "encoder.tiny.hiden: must be a known key; did you mean 'hidden'\\?"),
    (encoder("revison: x"), "mini.yaml:10: encoder.revison: must be a known key; did you mean 'revision'\\?"),
    (encoder("adapter: {rank: 3}"), r"mini.yaml:10: encoder.adapter: must have a type, one of \['lora'\]"),
    (encoder("adapter: {type: lora, rank: 0}"), "encoder.adapter.rank: must be greater than or equal to 1, got 0"),
    (finder("encoder: {max_length: 3}"), "stages.finder.encoder.max_length: must be a known key.*max_length_tokens"),
    # what every stage has
    ({"      lr: 1e-3": "      lr: -1"}, "mini.yaml:19: stages.finder.optimizer.lr: must be greater than 0, got -1"),
    ({"      lr: 1e-3": "      lr: 0"}, "stages.finder.optimizer.lr: must be greater than 0, got 0"),
    ({"      lr: 1e-3": "      lr: 11"}, "stages.finder.optimizer.lr: must be less than or equal to 10, got 11"),
    ({"      lr: 1e-3": "      lr: 1e999"}, "stages.finder.optimizer.lr: must be a finite number, got inf"),
    ({"      lr: 1e-3": "      lr: 1e-999"}, "stages.finder.optimizer.lr: must be greater than 0, got 0.0"),
    ({"      lr: 1e-3": "      lr: " + "9" * 900}, "stages.finder.optimizer.lr: must be"),
    ({"      lr: 1e-3": "      lr: " + "9" * 5000}, "stages.finder.optimizer.lr: must be a finite number, got inf"),
    ({"      lr: 1e-3": "      lr: abc"}, "stages.finder.optimizer.lr: must be a number, got 'abc'"),
    ({"      lr: 1e-3": "      lr: '1e-3'"}, "stages.finder.optimizer.lr: must be a number, got '1e-3'"),
    ({"      lr: 1e-3": "      lr: true"}, "stages.finder.optimizer.lr: must be a number, got true"),
    ({"      lr: 1e-3": "      lr: nan"}, "stages.finder.optimizer.lr: must be a number, got 'nan'"),
    ({"      lr: 1e-3": "      lr: {a: 1}"}, "stages.finder.optimizer.lr: must be a number, got {'a': 1}"),
    ({"      xi: 0.9": "      xi: 0"}, "stages.finder.optimizer.xi: must be greater than 0, got 0"),
    ({"      xi: 0.9": "      xi: 1.1"}, "stages.finder.optimizer.xi: must be less than or equal to 1, got 1.1"),
    (optimizer("fgm_epsilon: -0.1"), "optimizer.fgm_epsilon: must be greater than or equal to 0, got -0.1"),
    (optimizer("head_lr: 0"), "optimizer.head_lr: must be greater than 0, got 0"),
    (optimizer("weight_decay: 1.5"), "optimizer.weight_decay: must be less than or equal to 1, got 1.5"),
    (optimizer("warmup_share: -0.1"), "optimizer.warmup_share: must be greater than or equal to 0, got -0.1"),
    (optimizer("warmup: 0.1"), "finder.optimizer.warmup: must be a known key; did you mean 'warmup_share'\\?"),
    (optimizer("schedule: cosin"), "optimizer.schedule: must be 'cosine', 'linear' or 'constant', got 'cosin'"),
    (optimizer("max_steps: 0"), "optimizer.max_steps: must be greater than or equal to 1, got 0"),
    (optimizer("max_epochs: 0"), "optimizer.max_epochs: must be greater than 0, got 0"),
    (optimizer("max_grad_norm: 0"), "optimizer.max_grad_norm: must be greater than 0, got 0"),
    (optimizer("eval_every_steps: 0"), "optimizer.eval_every_steps: must be greater than or equal to 1, got 0"),
    (optimizer("patience_evaluations: 0"), "patience_evaluations: must be greater than or equal to 1, got 0"),
    (finder("encoder_dropout: 1"), "stages.finder.encoder_dropout: must be less than 1, got 1"),
    (finder("precision: fp8"), "stages.finder.precision: must be 'auto', 'fp32', 'bf16' or 'fp16', got 'fp8'"),
    (
        finder("measures: [length]"),
        "finder.measures.0: must be .*'tsne' or 'nearest', got 'length'",
    ),
    (finder("lr: 1"), "mini.yaml:13: stages.finder.lr: must be a known key; did you mean 'optimizer.lr'\\?"),
    (finder("batch_size: 8"), "stages.finder.batch_size: must be a known key; did you mean 'batches.size'\\?"),
    (finder("checkpoint: last"), "stages.finder.checkpoint: must be a known key; did you mean 'keep'\\?"),
    (finder("loss: mse"), "stages.finder.loss: must be a known key; did you mean 'losses'\\?"),
    # names
    ({"  finder:\n": "  score:\n"}, "mini.yaml:12: stages.score: must have a name that no section of a recipe has"),
    ({"  finder:\n": "  changes:\n"}, "stages.changes: must have a name that no section of a recipe has"),
    ({"  finder:\n": "  fin/der:\n"}, "stages.fin/der: must have a name of at most 40 letters, digits, - and _, .*got"),
    ({"  finder:\n": "  f.d:\n"}, "stages.f.d: must have a name of at most 40 letters"),
    ({"  finder:\n": f"  {'f' * 41}:\n"}, "must have a name of at most 40 letters"),
    (
        {"  sorter:\n": "  Finder:\n"},
        "stages.finder: must have a name that differs from 'Finder' in more than capitals",
    ),
    ({"  vote: {": "  v te: {", "by: vote": "by: v te"}, "decide.v te: must have a name of at most 40 letters"),
    # task
    ({"{type: binary, target: hurt}": "{target: hurt}"}, "mini.yaml:13: stages.finder.task: must have a type, one of"),
    ({"    task: {type: binary, target: hurt}\n": ""}, "mini.yaml:12: stages.finder.task: must be given, got nothing"),
    ({"type: binary": "type: binry"}, "finder.task.type: must be one of .*; did you mean 'binary'\\?"),
    ({"type: binary": "type: [binary]"}, r"finder.task.type: must be one of .*got \['binary'\]"),
    ({"{type: binary, target: hurt}": "binary"}, "mini.yaml:13: stages.finder.task.target: must be given"),
    ({"target: hurt": "targets: [hurt]"}, "stages.finder.task.targets: must be a known key; did you mean 'target'\\?"),
    (
        {"target: hurt": "target: hrt"},
        "task.target: must be a column that data.labels or data.strata declares, .*'hurt'",
    ),
    ({"target: hurt": "target: topic"}, "task.target: must be a column that data.labels or data.strata declares"),
    ({"targets: [x, y/z]": "targets: [x, grade]"}, "sorter.task.targets: must be a column that data.labels or"),
    ({"targets: [x, y/z]": "targets: [x, x]"}, r"sorter.task.targets: must name each column once, got \['x', 'x'\]"),
    ({"targets: [x, y/z]": "targets: []"}, "sorter.task.targets: must not be empty"),
    (
        {"{type: binary, target: hurt}": "{type: multiclass, target: hurt}"},
        "must be a column that data.classes declares",
    ),
    ({"{type: binary, target: hurt}": "{type: regression, target: x}"}, "must be a column that data.numbers declares"),
    # rows
    ({"rows: {hurt: 1}": "rows: {hrt: 1}"}, "sorter.rows.hrt: must be a column of labels, classes or groups that data"),
    ({"rows: {hurt: 1}": "rows: {grade: 1}"}, "sorter.rows.grade: must be a column of labels, classes or groups"),
    ({"rows: {hurt: 1}": "rows: {hurt: true}"}, "sorter.rows.hurt: must be a whole number or text, got true"),
    ({"rows: {hurt: 1}": "rows: {hurt: 2}"}, "mini.yaml:22: stages.sorter.rows.hurt: must be 0 or 1, .*got 2"),
    ({"rows: {hurt: 1}": "rows: {topic: d}"}, r"sorter.rows.topic: must be one of the classes \['a', 'b', 'c'\], got"),
    ({"rows: {hurt: 1}": "rows: {author: 3}"}, "sorter.rows.author: must be text, as groups are, got 3"),
    # start
    ({"start: {stage: finder}": "start: {fold: same}"}, "sorter.start.stage: must be given, got nothing"),
    (
        {"start: {stage: finder}": "start: findr"},
        "sorter.start: must be another stage .*, got 'findr'; did you mean 'finder'\\?",
    ),
    ({"start: {stage: finder}": "start: sorter"}, r"sorter.start: must be another stage .*\['finder'\], got 'so"),
    ({"start: {stage: finder}": "start: {stage: finder, fold: worst}"}, "start.fold: must be 'same' or 'best', got"),
    (finder("start: sorter"), "stages.finder.start: must not come back to the stage itself: finder → sorter → f"),
    (sorter("encoder: {name: other}"), "sorter.start.stage: must be a stage with the same encoder: .*got 'finder'"),
    # head, losses, batches
    ({PROJECTION: "    head: {type: projektion}"}, "finder.head.type: must be one of .*mean 'projection'"),
    ({PROJECTION: "    head: {type: projection, size: 1}"}, "finder.head.size: must be greater than or equal to 2"),
    ({PROJECTION: "    head: {type: projection, dropout: 0.1}"}, "finder.head.dropout: must be a known key"),
    ({PROJECTION: "    head: {type: linear}"}, "losses.soft_triple: must stand with a head of type projection, got 'l"),
    ({"{type: mlp}": "{type: projection}"}, "losses.asymmetric: must stand with a head of type linear, mlp or pooler"),
    ({"{type: mlp}": "{type: mlp, dropout: 1}"}, "sorter.head.dropout: must be less than 1, got 1"),
    ({SOFT_TRIPLE: "      softtriple: {}"}, "losses.softtriple: must be one of .*mean 'soft_triple'"),
    ({SOFT_TRIPLE: "      torch.nn.MSELoss: {}"}, "losses.torch.nn.MSELoss: must be one of"),
    (
        {SOFT_TRIPLE: "      soft_triple: {centers: 0}"},
        "soft_triple.centers: must be greater than or equal to 1, got 0",
    ),
    ({SOFT_TRIPLE: "      soft_triple: {la: 0}"}, "soft_triple.la: must be greater than 0, got 0"),
    ({SOFT_TRIPLE: "      soft_triple: {centres: 3}"}, "centres: must be a known key; did you mean 'centers'\\?"),
    ({SOFT_TRIPLE: "      soft_triple: 3"}, "losses.soft_triple: must be a section of keys and values, got 3"),
    ({"    losses:\n" + SOFT_TRIPLE: "    losses: {}"}, "finder.losses: must name at least one loss of"),
    ({"    losses:\n" + SOFT_TRIPLE: "    losses: 3"}, "finder.losses: must be a section of keys and values, got 3"),
    ({SOFT_TRIPLE: "      mse: {}"}, "finder.losses.mse: must be a loss of binary tasks, got 'mse'"),
    ({SOFT_TRIPLE: "      soft_triple: {weight: 0}"}, "finder.losses: must have a loss with a weight above 0"),
    ({SOFT_TRIPLE: "      soft_triple: {weight: -1}"}, "losses.soft_triple.weight: must be greater than or equal to 0"),
    ({BALANCED: "    batches: {type: balanced, size: 1}"}, "finder.batches.size: must be greater than or equal to 2"),
    ({BALANCED: "    batches: {type: random}"}, "finder.batches.type: must be one of"),
    (
        {BALANCED: "    batches: {type: balanced, by: topics}"},
        "by: must be strata, classes or a column .*, got 'topics'",
    ),
    ({BALANCED: "    batches: {type: balanced, by: grade}"}, "finder.batches.by: must be strata, classes or a column"),
    (
        sorter("batches: balanced"),
        "sorter.batches.by: must be a column of .*: a multilabel task has no strata of its own",
    ),
    (
        sorter("batches: {type: balanced, by: classes}"),
        "batches.by: must be .*: a multilabel task has no classes of its",
    ),
    (
        {"  groups: [author]\n": "", "      asymmetric:\n": "      language_contrast: {}\n      asymmetric:\n"},
        "sorter.losses.language_contrast: must have a column of groups in data.groups, which it reads",
    ),
    (
        {**encoder("frozen_layers: 2"), **optimizer("fgm_epsilon: 0.2")},
        r"finder.optimizer.fgm_epsilon: must be 0 where encoder.frozen_layers is above 0 \(2\): .*, got 0.2",
    ),
    # pairs
    ({BALANCED: "    batches: {type: pairs}"}, r"batches.text: must be a column that data.texts declares, one of \[\]"),
    (
        {SOFT_TRIPLE: "      triplet: {}"},
        "losses.triplet: must stand with batches of type pairs, got 'balanced'",
    ),
    (
        {SOFT_TRIPLE: "      triplet: {}\n      shared_con: {}", BALANCED: "    batches: {type: pairs}"},
        r"losses.shared_con: must not stand beside \['triplet'\]: its positives are rows of the cluster",
    ),
    (
        {"    task: {type: multilabel": "    measures: [alignment]\n    task: {type: multilabel"},
        "sorter.measures: must be of a binary or multiclass task, whose rows have a class each",
    ),
    (
        {
            "score: {of: system": "score: {of: elsewhere",
            "  groups: [author]": "  groups: [author]\n  evaluate: {elsewhere: a.csv}",
        },
        "score.of: must name a decision .*: evaluation sets are scored and never chosen on, got 'elsewhere'",
    ),
    (
        {**encoder("adapter: lora"), **optimizer("fgm_epsilon: 0.2")},
        "finder.optimizer.fgm_epsilon: must be 0 where encoder.adapter is set: .*, got 0.2",
    ),
    (
        {"encoder:\n  name: some/encoder": "encoder:\n  name: tiny\n  adapter: {type: lora, rank: 1024}"},
        r"encoder.adapter.rank: must be at most the width of the embedded encoder, encoder.tiny.hidden \(\d+\), got",
    ),
    (
        encoder("quantize: nf4"),
        "encoder.quantize: must be null where all weights are trained: set encoder.adapter too, got 'nf4'",
    ),
    (
        {"encoder:\n  name: some/encoder": "encoder:\n  name: tiny\n  quantize: nf4\n  adapter: {type: lora, rank: 2}"},
        "encoder.quantize: must be null for the embedded encoder, which is small and made anew for each fold, got",
    ),
    (
        encoder("adapter: {type: lora, targets: all}"),
        "encoder.adapter.targets: must be all_linear, attention or a list",
    ),
    # one value a column
    ({"          y/z: 2\n": ""}, r"gamma_negative: must name each of the columns \['x', 'y/z'\]; missing \['y/z'\]"),
    (
        {"          y/z: 2": "          y/w: 2"},
        "mini.yaml:30: stages.sorter.losses.asymmetric.gamma_negative.y/w: must be",
    ),
    ({"          y/z: 2": "          y/z: 21"}, "gamma_negative.y/z: must be less than or equal to 20, got 21"),
    ({"          y/z: 2": "          y/z: x"}, "mini.yaml:30: .*gamma_negative.y/z: must be a number, got 'x'"),
    (
        {"        gamma_negative:\n          x: 4\n          y/z: 2": "        gamma_negative: x"},
        "must be a number, got",
    ),
    (
        {KINDS: "  kinds: {type: threshold, of: sorter, at: {x: 0.5}}"},
        r"kinds.at: must name each of .*missing \['y/z'\]",
    ),
    (
        {KINDS: "  kinds: {type: threshold, of: sorter, at: 2}"},
        "decide.kinds.at: must be less than or equal to 1, got 2",
    ),
    # what is kept and predicted
    (finder("predicts: probability"), "finder.predicts: must be neighbours with a binary task and a head of type proj"),
    (sorter("predicts: value"), "sorter.predicts: must be probability with a multilabel task and a head of type mlp"),
    (sorter("predicts: labels"), "sorter.predicts: must be 'neighbours', 'probability' or 'value', got 'labels'"),
    (sorter("keep: pearson"), r"sorter.keep: must be one of \['last', .*\] for a stage that predicts a probability"),
    (finder("keep: macro"), "finder.keep: must be one of .*got 'macro'"),
    # decisions
    (
        {VOTE: "  vote: {type: knn_vote, of: finder, k: 0}"},
        "mini.yaml:34: decide.vote.k: must be greater than or equal",
    ),
    (
        {VOTE: "  vote: {type: knn_vote, of: finder, k: 201}"},
        "decide.vote.k: must be less than or equal to 200, got 201",
    ),
    ({VOTE: "  vote: {type: knn_vote, of: finder, tau: 1.5}"}, "decide.vote.tau: must be less than or equal to 1"),
    ({VOTE: "  vote: {type: knn_vot, of: finder}"}, "decide.vote.type: must be one of .*mean 'knn_vote'"),
    ({VOTE: "  vote: {of: finder}"}, "decide.vote: must have a type, one of"),
    ({VOTE: "  vote: {type: knn_vote}"}, "decide.vote.of: must be given, got nothing"),
    ({VOTE: "  vote: {type: knn_vote, of: findr}"}, "decide.vote.of: must name a stage or a decision, .*mean 'finder'"),
    (
        {VOTE: "  vote: {type: knn_vote, of: sorter}"},
        "vote.of: must name neighbours of a yes/no column, and 'sorter' says",
    ),
    ({KINDS: "  kinds: {type: threshold, of: finder}"}, "kinds.of: must name probabilities .*'finder' says neighbours"),
    ({KINDS: "  kinds: {type: argmax, of: sorter}"}, "kinds.of: must name .*and 'sorter' says probabilities of labels"),
    ({KINDS: "  kinds: {type: clip, of: sorter}"}, "decide.kinds.of: must name values of numbers, and 'sorter' says"),
    ({KINDS: "  kinds: {type: threshold, of: sorter, rule: best}"}, "decide.kinds.rule: must be 'fixed', .*got 'best'"),
    (
        {KINDS: "  kinds: {type: threshold, of: sorter, per: town}"},
        "kinds.per: must be a column of data.groups, one of",
    ),
    (
        {SYSTEM: "  system: {type: gate, of: kinds, by: kinds}"},
        "system.by: must name a yes/no decision, and 'kinds' says",
    ),
    ({SYSTEM: "  system: {type: gate, of: vote, by: vote}"}, "system.by: must name another decision than `of`"),
    ({SYSTEM: "  system: {type: gate, of: kinds, by: system}"}, "decide.system: must not read itself: system → system"),
    (
        {SYSTEM: "  system: {type: gate, of: kinds, by: open}\n  open: {type: gate, of: system, by: vote}"},
        "decide.open: must not read itself: open → system → open",
    ),
    ({KINDS: KINDS + "\n  finder: {type: threshold, of: sorter}"}, "decide.finder: must have a name that no stage has"),
    (
        {SYSTEM: "  system: {type: mean, of: [sorter, finder]}"},
        "decide.system.of: must name tables alike: 'finder' says",
    ),
    ({SYSTEM: "  system: {type: mean, of: [sorter, sorter]}"}, "decide.system.of: must name each table once, got"),
    (
        {SYSTEM: "  system: {type: mean, of: [finder]}"},
        "system.of: must name tables of probabilities or values, and 'f",
    ),
    ({SYSTEM: "  system: {type: mean, of: []}"}, "decide.system.of: must not be empty"),
    (
        {SYSTEM: "  system: {type: mean, of: [sorter], weights: [1, 2]}"},
        "system.weights: must have one weight for each",
    ),
    (
        {SYSTEM: "  system: {type: mean, of: [sorter], weights: [0]}"},
        r"system.weights: must sum to 1 .*, got \[0\.0\], which sum to 0",
    ),
    (
        {SYSTEM: "  system: {type: mean, of: [sorter], weights: [0.5]}"},
        r"system.weights: must sum to 1 \(thirds may be 0.33\), got \[0.5\], which sum to 0.5",
    ),
    (
        {SYSTEM: "  system: {type: clip, of: sorter, low: 3, high: 2}"},
        "decide.system.high: must be above low .3.0., got 2",
    ),
    # score and report
    ({"of: system, m": "of: sistem, m"}, "mini.yaml:37: score.of: must name a decision or a stage, .*mean 'system'"),
    (
        {"score: {of: system, metric: macro_f1}\n": "", SYSTEM + "\n": ""},
        r"mini.yaml: score: must say which is scored, one of \['vote', 'kinds', 'finder', 'sorter'\], got nothing",
    ),
    (
        {"score: {of: system, m": "score: {m", SYSTEM + "\n": ""},
        "mini.yaml:36: score.of: must say which is scored, one",
    ),
    ({"metric: macro_f1": "metric: pearson"}, r"score.metric: must be one of \['macro_f1', .*, got 'pearson'"),
    (
        {"metric: macro_f1": "metric: macrof1"},
        "score.metric: must be one of .*, got 'macrof1'; did you mean 'macro_f1'",
    ),
    (
        {SYSTEM: "  system: {type: mean, of: [sorter]}"},
        "score.of: must name what decides, and 'system' says probabilities of labels: add a threshold or argmax of it",
    ),
    ({"score: {of: system": "report: {by: town}\nscore: {of: system"}, "report.by: must be a column of data.groups"),
    # plans that part stages
    (folds("{plan: paper}"), "stages.sorter.start.fold: must be best, or `start` left out, with folds.plan: paper"),
    (folds("{plan: paper}"), r"decide.system: must be left out \(null\) with folds.plan: paper, whose two plans share"),
    # parts of the file that are no settings
    ({"    title: no LLRD\n": ""}, "mini.yaml:39: ablations.no_llrd.title: must be given, got nothing"),
    ({"title: no LLRD": "titel: x"}, "ablations.no_llrd.titel: must be a known key; did you mean 'title'\\?"),
    ({"encoders: [tiny, small]": "encoders: tiny"}, "mini.yaml:44: profiles.tiny.encoders: must be a list, got 'tiny'"),
    ({"profiles:\n  tiny:": "profiles: 3\nx:\n  tiny:"}, "mini.yaml:42: profiles: must be a section"),
    (
        {"recipe: mini\n": "recipe: mini\nchanges: {}\n"},
        "mini.yaml:2: changes: must be left out in a file that extends",
    ),
    (
        {"{finder.optimizer.xi: 1}": "{finder.optimizer.x: 1}"},
        "mini.yaml:41: ablations.no_llrd.changes.finder.optimizer.x: must be a known key .*mean 'finder.optimizer.xi'",
    ),
    (
        {"{finder.optimizer.xi: 1}": "{finder.optimizer.xi: 2}"},
        "mini.yaml:41: ablations.no_llrd.changes.finder.optimizer.xi: must be less than or equal to 1, got 2",
    ),
    (
        {"finder.optimizer.lr: 1e-2": "finder.optimizer.lrr: 1"},
        "mini.yaml:46: profiles.tiny.changes.finder.optimizer.lrr: must be a known key .*mean 'finder.optimizer.lr'",
    ),
    (
        {"finder.optimizer.lr: 1e-2": "finder.optimizer.lr: 0"},
        "mini.yaml:46: profiles.tiny.changes.finder.optimizer.lr: must be greater than 0, got 0",
    ),
    # chosen_on
    (chosen_on("3"), "mini.yaml:9: chosen_on: must be a section of keys and values, got 3"),
    (chosen_on("{test: finder.optimizer.lr}"), "mini.yaml:9: chosen_on.test: must be a list, got"),
    (chosen_on("{test: []}"), r"mini.yaml:9: chosen_on.test: must name at least one key, each once, got \[\]"),
    (
        chosen_on("{test: [finder.optimizer.lr, finder.optimizer.lr]}"),
        "mini.yaml:9: chosen_on.test: must name at least one key, each once, got",
    ),
    (
        chosen_on("{validation: [finder.optimizer.lr]}"),
        r"mini.yaml:9: chosen_on.validation: must have a name .* none of \['train', 'validation', 'extra'\], got",
    ),
    (
        chosen_on("{test: [finder.optimizer.lt]}"),
        "mini.yaml:9: chosen_on.test: must list keys of this recipe, got 'finder.optimizer.lt'; did you mean",
    ),
    (
        chosen_on("{test: [sorter.optimizer.xi]}"),
        "mini.yaml:9: chosen_on.test: must list keys whose values the recipe writes, got 'sorter.optimizer.xi'",
    ),
    # submission
    (submission("3"), "mini.yaml:9: submission: must be a section of keys and values, got 3"),
    (submission("{id: x}"), "mini.yaml:9: submission.member: must be given, got nothing"),
    (submission("{member: a.csv, ids: x}"), "mini.yaml:9: submission.ids: must be a known key; did you mean 'id'"),
    (
        submission("{member: a.csv, format: xml}"),
        "mini.yaml:9: submission.format: must be 'csv', 'tsv' or 'jsonl', got",
    ),
    (
        submission("{member: a.csv, archive: rar}"),
        "mini.yaml:9: submission.archive: must be 'zip' or 'none', got 'rar'",
    ),
    *(
        (
            submission(f"{{member: {name!r}}}"),
            r"mini.yaml:9: submission.member: must be the name of a file, with / .*, got",
        )
        for name in ("../a.csv", "/a.csv", "a//b.csv", "a/", "..", "C:a.csv", "a|b.csv", "a/ /b.csv")
    ),
    *(
        (submission(f"{{member: {name!r}}}"), r"mini.yaml:9: submission.member: must hold at most one column in braces")
        for name in ("{a}{b}.csv", "{}.csv", "{a.csv", "a}.csv", "{a b}.csv", "{0}.csv", "{a!r}.csv")
    ),
    (
        submission("{member: a.csv, columns: [x, z]}"),
        r"mini.yaml:9: submission.columns: must name columns that 'system' decides, of \['x', 'y/z'\], got 'z'",
    ),
    (
        submission("{member: a.csv, columns: [x, x]}"),
        r"submission.columns: must name each column once, got \['x', 'x'\]",
    ),
    (submission("{member: a.csv, header: {w: x}}"), "submission.header: must name columns that 'system' decides, of "),
    (
        submission("{member: a.csv, id: x}"),
        r"submission.header: must call each column, the ids' too, by another name, got \['x', 'x', 'y/z'\]",
    ),
    (submission("{member: a.csv, header: {x: y/z}}"), "submission.header: must call each column, the ids' too, by"),
    (
        submission('{member: a.csv, words: ["0", "0"]}'),
        "submission.words: must be two different words, for no and for yes",
    ),
    (submission("{member: a.csv, words: [no]}"), r"submission.words: must be two different words, .*, got \['no'\]"),
]


@pytest.mark.parametrize(("edits", "message"), BROKEN, ids=[message[:70] for _, message in BROKEN])
def test_a_broken_rule_is_named_with_file_line_key_and_value(load, edits, message):
    with pytest.raises(SpecError, match=message):
        load(edits)


def faults_of(load, edits: dict[str, str], **options: object) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load(edits, **options)
    return [line.partition("mini.yaml:")[2] or line for line in caught.value.problem.splitlines()]


def test_no_fault_has_another_rule_than_its_own(load):
    assert faults_of(load, {"  sorter:\n": "  sorter: 3\nx:\n"}) == [
        "21: stages.sorter: must be a section of keys and values, got 3",
        "22: x: must be a known key",
    ]


def test_a_task_that_is_none_is_named_and_not_what_would_follow_from_it(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("recipe: own\ndata: {labels: [joy]}\nstages: {model: {task: {type: binari, target: joy}}}\n")
    with pytest.raises(SpecError) as caught:
        load_recipe(str(path))
    assert len(caught.value.problem.splitlines()) == 1
    assert "own.yaml:3: stages.model.task.type: must be one of" in caught.value.problem
    path.write_text("recipe: own\ndata: {labels: [joy]}\nstages: {model: {losses: {bce: {}}}}\n")
    with pytest.raises(SpecError, match=r"stages\.model\.task: must be given, got nothing"):
        load_recipe(str(path))


def test_all_faults_of_a_file_are_reported_at_once(load):
    edits = {
        "      lr: 1e-3": "      lr: -1",
        "size: 8}": "sise: 8}",
        "          y/z: 2": "          y/z: 99",
        "k: 5": "k: five",
        "{finder.optimizer.xi: 1}": "{finder.optimizer.x: 1}",
        "finder.optimizer.lr: 1e-2": "finder.optimizer.l: 1",
    }
    assert faults_of(load, edits) == [
        "17: stages.finder.batches.sise: must be a known key; did you mean 'size'?",
        "19: stages.finder.optimizer.lr: must be greater than 0, got -1",
        "30: stages.sorter.losses.asymmetric.gamma_negative.y/z: must be less than or equal to 20, got 99",
        "34: decide.vote.k: must be a whole number, got 'five'",
        "41: ablations.no_llrd.changes.finder.optimizer.x: must be a known key of a recipe; did you mean "
        "'finder.optimizer.xi'?",
        "46: profiles.tiny.changes.finder.optimizer.l: must be a known key of a recipe; did you mean "
        "'finder.optimizer.lr'?",
    ]


def test_rules_over_several_sections_are_reported_at_once(load):
    edits = {
        "target: hurt}": "target: harm}",
        "          y/z: 2": "          w: 2",
        "by: vote": "by: kinds",
        "metric: macro_f1": "metric: mae",
    }
    found = faults_of(load, edits)
    assert [fault.split(": ")[1] for fault in found] == [
        "stages.finder.task.target",
        "stages.sorter.losses.asymmetric.gamma_negative",
        "stages.sorter.losses.asymmetric.gamma_negative.w",
        "decide.system.by",
    ]


def test_all_faults_of_a_submission_are_reported_at_once(load):
    assert [
        fault.split(": ")[1] for fault in faults_of(load, submission("{member: ../x, columns: [x, x], words: []}"))
    ] == [
        "submission.member",
        "submission.columns",
        "submission.words",
    ]


def test_a_submission_may_be_its_member_alone(load):
    found = load(submission("pred_{author}.csv")).recipe.submission
    assert (found.by, found.member_of("ann"), found.columns) == ("author", "pred_ann.csv", ())
    assert load(submission("all.csv")).recipe.submission.by is None
    assert load().recipe.submission is None


def test_a_fault_of_the_recipes_encoder_is_told_once_and_not_once_a_stage(load):
    assert faults_of(load, {"name: some/encoder": "name: ''"}) == ["10: encoder.name: must not be empty, got ''"]


def test_the_paper_plan_is_refused_only_where_stages_train_on_unlike_rows(load):
    alike = {**folds("{plan: paper}"), "    rows: {hurt: 1}\n": ""}
    assert load(alike).recipe.folds.name == "paper"
    best = {**folds("{plan: paper}"), "{stage: finder}": "{stage: finder, fold: best}"}
    assert faults_of(load, best)[0].startswith("37: decide.system: must be left out (null) with folds.plan: paper")
    apart = {**best, SYSTEM + "\n": "", "of: system, m": "of: kinds, m"}
    assert load(apart).recipe.score.of == "kinds"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_refused_on_the_command_line_too(load, value):
    with pytest.raises(SpecError, match=r"--set finder.optimizer.lr: must be a finite number"):
        load(changes={"finder.optimizer.lr": value})

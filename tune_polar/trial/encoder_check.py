"""Encoders loaded once, in a process of its own, before a search begins: what is wrong is said once and at once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable
from multiprocessing.connection import Connection

from tune_polar.errors import ModelError, TunePolarError
from tune_polar.recipe.components.adapters import Adapter
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import TINY, Encoder


def check_encoders(recipes: Iterable[Recipe]) -> None:
    """Load each encoder of the recipes' stages; pass it a text alone, one beside a longer one, and one at the limit.

    This process loads no torch for it. Of the embedded encoder the number of layers is known.

    Raises:
        ModelError: one cannot be loaded or computed, looks at padding, or has fewer layers than are to be frozen.
    """
    stages = [stage for recipe in recipes for stage in recipe.stages.values()]
    for encoder in (stage.encoder for stage in stages if stage.encoder.name == TINY):
        if encoder.frozen_layers > encoder.tiny.layers:
            raise ModelError(
                f"encoder.frozen_layers must be at most the layers of the embedded encoder, encoder.tiny.layers "
                f"({encoder.tiny.layers}), got {encoder.frozen_layers}",
                "Freeze fewer layers.",
            )
    encoders = list(dict.fromkeys(_Asked.of(stage.encoder) for stage in stages if stage.encoder.name != TINY))
    if not encoders:
        return
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(encoders, sending), daemon=True)
    process.start()
    sending.close()
    try:
        told: tuple[str, str] | None = receiving.recv()
    except EOFError:  # it died without a word
        process.join()
        told = (
            f"encoders must be loadable, but the process that tried {[each[0] for each in encoders]} ended with code "
            f"{process.exitcode}",
            "Code -9 is most often a machine whose memory ran out.",
        )
    finally:
        process.kill()
        process.join()
    if told is not None:
        raise ModelError(*told)


class _Asked(tuple[str, str | None, str, int, str | None, Adapter | None, int]):
    """Name, revision, pooling, most tokens, quantisation, adapter, frozen layers."""

    @classmethod
    def of(cls, encoder: Encoder) -> _Asked:
        about = encoder.name, encoder.revision, encoder.pooling, encoder.max_length_tokens
        return cls((*about, encoder.quantize, encoder.adapter, encoder.frozen_layers))


def _run(encoders: list[_Asked], sending: Connection) -> None:
    try:
        sending.send(_first_problem(encoders))
    finally:
        sending.close()


def _first_problem(encoders: list[_Asked]) -> tuple[str, str] | None:
    # Imported here: the process that asks for it needs none of torch's seconds of loading.
    import torch

    from tune_polar.model.adapters import add_adapter
    from tune_polar.model.encoder import load_encoder

    for name, revision, pooling, most, quantize, adapter, frozen in encoders:
        try:
            encoder, tokenizer = load_encoder(
                name,
                pooling=pooling,  # type: ignore[arg-type]
                revision=revision,
                as_stored=adapter is not None,
                quantize=quantize,
            )
            if adapter is not None:
                settings = adapter.model_dump()
                add_adapter(encoder, adapter.name, frozen_layers=frozen, seed=0, settings=settings)
            elif frozen:
                encoder.freeze(frozen)
            tokens = (list(tokenizer.encode(["one two three"], most)[0]) * most)[:most]
            ids = torch.tensor([tokens], device="cpu")
            with torch.no_grad():
                encoder.eval()(ids, torch.ones_like(ids))
        except TunePolarError as error:
            return error.problem, error.remedy
        except Exception as error:  # noqa: BLE001 (whatever a library says of an encoder is what the user needs to hear)
            said = " ".join(f"{type(error).__name__}: {error}".split())
            return f"encoder {name!r} must be loadable and take {most} tokens, but: {said}", "Use another encoder."
    return None

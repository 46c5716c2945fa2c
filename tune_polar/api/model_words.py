"""A model as it is named: the store of a search, which configuration of it, or a folder; and the device it runs on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tune_polar.errors import SpecError

if TYPE_CHECKING:  # it brings torch
    import torch

    from tune_polar.serve.model import Model


@dataclass(frozen=True)
class ModelWords:
    """A model as typed."""

    place: str
    configuration: str = "winner"
    all_rows: bool = False

    def open(self, device: str, batch_rows: int | None) -> Model:
        """The model, its weights not yet read.

        Raises:
            StoreError: there is neither a search nor a model, or weights are gone.
        """
        from tune_polar.serve.from_store import store_models, stored_composition
        from tune_polar.serve.model import Model
        from tune_polar.serve.model_folder import folder_models, is_model_folder, read_model_folder
        from tune_polar.serve.recorded import recorded
        from tune_polar.store.store import open_store

        on = device_named(device)
        folder = Path(self.place)
        if is_model_folder(folder):
            if self.configuration != "winner" or self.all_rows:
                raise SpecError(
                    f"--configuration and --all-rows must be left out with the folder of a model, got {self.place}",
                    "Give the store of the search to choose among its configurations.",
                )
            composition = read_model_folder(folder)
            return Model(composition, folder_models(folder, composition), on, batch_rows)
        store = open_store(self.place, to_look=True)
        found = recorded(store, self.configuration)
        composition = stored_composition(store, found, all_rows=self.all_rows)
        return Model(composition, store_models(store, found.recipe, composition), on, batch_rows)


def device_named(name: str) -> torch.device:
    """The device that ``--device`` names.

    Raises:
        SpecError: there is none of that name here.
    """
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda", 0) if count else torch.device("cpu")
    known = ["cpu", *(["cuda"] if count else []), *(f"cuda:{number}" for number in range(count))]
    if name not in known:
        raise SpecError(f"--device must be auto or one of {', '.join(known)} here, got {name!r}", "Use auto.")
    return torch.device("cuda", 0) if name == "cuda" else torch.device(name)

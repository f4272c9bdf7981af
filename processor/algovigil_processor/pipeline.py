"""Stages and how they chain: the whole engine of both lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from algovigil_processor.batch import Batch

Stage: TypeAlias = Callable[[Batch], Batch]


def chain(*stages: Stage) -> Stage:
    """Return one stage that runs *stages* in order, and stops on an empty batch."""

    def run(batch: Batch) -> Batch:
        for stage in stages:
            if not batch.rows.num_rows:
                break
            batch = stage(batch)
        return batch

    return run

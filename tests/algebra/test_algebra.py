"""The algebra of rollback, in the real world: random batches, checkpoints and rollbacks of all kinds.

`TEST_STEPS` says how many steps there are at least (300 by default; 5000 is the whole promise), in rounds of
a few lives. What is done is printed step by step, and each life begins with an empty product. What fails is
shrunk to the few steps that it takes, for five minutes at most (Hypothesis' own limit). Its round is repeated
by `TEST_STEPS=1 TEST_SEED=...`, with the seed that is printed where the life begins.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from temporalio.client import Client

from tests.algebra.machine import Algebra, Opener
from tests.algebra.world import Loop, Product, a_product
from tests.support.mongodb import EmbeddedMongo

STEPS = int(os.environ.get("TEST_STEPS", "300"))
SEED = int(os.environ.get("TEST_SEED", int.from_bytes(os.urandom(2), "big")))
ROUND = settings(
    max_examples=6,
    stateful_step_count=50,
    deadline=None,
    database=None,
    # Each step takes a while, so one way to fail is enough at a time.
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


# Not how long it may take, but when it is stuck: a step takes about a second of processor time.
@pytest.mark.timeout(300 + 6 * max(STEPS, 300))
def test_world_inventory_ledger_and_model_agree_after_every_step(
    loop: Loop, mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path
) -> None:
    target = temporal.service_client.config.target_host
    steps: Counter[str] = Counter()
    lives = 0
    round_seed = SEED

    def open_product() -> AbstractContextManager[Product]:
        nonlocal lives
        lives += 1
        print(f"--- life {lives}, after {steps.total()} steps, seed {round_seed}")
        return a_product(loop, tmp_path / str(lives), mongodb, target)

    while steps.total() < STEPS:
        run_state_machine_as_test(seed(round_seed)(_machine(open_product, steps)), settings=ROUND)
        round_seed += 1
    print(f"{lives} lives, {steps.total()} steps from seed {SEED} on: {dict(steps)}")


def _machine(opener: Opener, counter: Counter[str]) -> type[Algebra]:
    class Machine(Algebra):
        open_product = staticmethod(opener)
        steps = counter

    return Machine
